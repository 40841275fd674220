"""What does a client of Opsgenie want done to an alert? Carried out in the order of acceptance, by the verbs that people use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts import operations as alerts
from tocsin.alerts import operations_edit as edits
from tocsin.alerts import queries
from tocsin.alerts.models import Alert, Integration, RawEvent
from tocsin.domain.alerts import Change, Event
from tocsin.domain.procedure.model import Procedure
from tocsin.integrations import reading
from tocsin.paging import operations as paging
from tocsin.paging import operations_asks as asks
from tocsin.paging.models import Escalation, EscalationPolicy
from tocsin.response import alert_effects, alert_reach, causes
from tocsin.response.acknowledge import acknowledge_alert
from tocsin.response.page_someone import page_someone
from tocsin.timeline.operations import announce, record

PROTOCOL = "opsgenie_action"
LONGEST_SNOOZE = timedelta(days=30)
LONGEST_NOTE = 20_000  # characters


@dataclass(frozen=True, slots=True)
class _Request:
    """One thing to be done, as it is carried out."""

    alert: Alert
    body: dict[str, Any]
    query: dict[str, str]
    name: str  # of a custom action
    by: Actor
    raw: RawEvent
    procedure: Procedure
    now: datetime

    def tell(self, kind: str, text: str) -> None:
        record(kind, text, by=self.by, now=self.now, alert_id=self.alert.pk)


def carry_out(integration: Integration, raw: RawEvent, *, procedure: Procedure, now: datetime) -> None:
    """Do what one accepted request asks for and give it its outcome. Call it in a transaction that has claimed the integration."""
    beside = raw.headers
    identifier, kind = str(beside.get(":identifier", "")), str(beside.get(":identifier-type", "id"))
    action = str(beside.get(":action", ""))
    alert = queries.by_identifier(integration.pk, identifier, kind)
    if alert is None:
        return _outcome(raw, None, Change.IGNORED, f"Alert with {kind} [{identifier[:100]}] does not exist.", now)
    body = _body(raw)
    user = reading.text(body.get("user"), 100) or reading.text(_query(raw).get("user"), 100)
    by = Actor(None, f"{user} ({integration.name})" if user else integration.name, "source")
    request = _Request(alert, body, _query(raw), str(beside.get(":name", "")), by, raw, procedure, now)
    change, why = _DEEDS[action](request)
    if action not in ("notes", "snooze") and (note := reading.text(body.get("note"), LONGEST_NOTE)):
        request.tell("note", note)
    _outcome(raw, alert, change, why, now)
    announce("alerts", "board")


def _outcome(raw: RawEvent, alert: Alert | None, change: Change, why: str, now: datetime) -> None:
    line: dict[str, object] = {"alert": alert.pk if alert else None, "change": str(change), "reason": why}
    alerts.write_outcomes([alerts.Outcome(raw, [line])], now)


def _body(raw: RawEvent) -> dict[str, Any]:
    found = json.loads(bytes(raw.body) or b"{}")
    return found if isinstance(found, dict) else {}


def _query(raw: RawEvent) -> dict[str, str]:
    return dict(parse_qsl(str(raw.headers.get(":query", "")), max_num_fields=50))


Done = tuple[Change, str]


def _close(request: _Request) -> Done:
    if not alerts.resolve(request.alert, now=request.now):
        return Change.IGNORED, "The alert is closed already."
    alert_effects.resolved(request.alert, f"resolved by {request.by.label}", by=request.by, now=request.now)
    return Change.RESOLVED, ""


def _acknowledge(request: _Request) -> Done:
    if not _open(request):
        return Change.IGNORED, "The alert is closed already."
    acknowledge_alert(alert=request.alert, by=request.by, now=request.now, via="source")
    return Change.ACKNOWLEDGED, ""


def _unacknowledge(request: _Request) -> Done:
    if not _open(request) or not paging.expire_at(_taken(request), request.now, by=request.by, now=request.now):
        return Change.IGNORED, "Nobody has acknowledged this alert."
    request.tell("unacknowledged", f"{request.by.label} took the acknowledgement back: paging starts again")
    return Change.FOLDED, ""


def _snooze(request: _Request) -> Done:
    until = _end_of_snooze(request)
    if not _open(request) or until is None:
        return Change.IGNORED, "The alert is closed, or endTime is not a time within the next 30 days."
    acknowledge_alert(alert=request.alert, by=request.by, now=request.now, via="source")
    paging.expire_at(_taken(request), until, by=request.by, now=request.now)
    edits.edit(request.alert, details={**request.alert.details, "snoozed": True})
    return Change.ACKNOWLEDGED, ""


def _taken(request: _Request) -> list[int]:
    """The acknowledgements of its cause that stand."""
    runs = Escalation.objects.filter(alert=causes.lead_of(request.alert)).order_by("id")
    return [row.pk for row in asks.standing(runs)]


def _end_of_snooze(request: _Request) -> datetime | None:
    try:
        until = datetime.fromisoformat(reading.text(request.body.get("endTime"), 60))
    except ValueError:
        return None
    if until.tzinfo is None or not request.now < until <= request.now + LONGEST_SNOOZE:
        return None
    return until


def _note(request: _Request) -> Done:
    request.tell("note", reading.text(request.body.get("note"), LONGEST_NOTE))
    return Change.FOLDED, ""


def _words(value: Any) -> list[str]:
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [word for item in items if (word := reading.text(item, 100).replace(",", " "))]


def _tags(request: _Request) -> Done:
    have = _words(request.alert.labels.get("tags", ""))
    return _relabel(request, {"tags": ",".join(dict.fromkeys([*have, *_words(request.body.get("tags"))]))}, "added tags")


def _remove_tags(request: _Request) -> Done:
    gone = _words(request.query.get("tags"))
    kept = [tag for tag in _words(request.alert.labels.get("tags", "")) if tag not in gone]
    return _relabel(request, {"tags": ",".join(kept)}, "removed tags")


def _details(request: _Request) -> Done:
    return _relabel(request, reading.labels(request.body.get("details")), "changed details")


def _remove_details(request: _Request) -> Done:
    return _relabel(request, dict.fromkeys(_words(request.query.get("keys")), ""), "removed details")


def _relabel(request: _Request, changed: dict[str, str], what: str) -> Done:
    edits.edit(request.alert, labels=reading.labels({**request.alert.labels, **changed}))
    request.tell("alert_edited", f"{request.by.label} {what}: {', '.join(value or name for name, value in changed.items())}"[:1000])
    return Change.FOLDED, ""


def _message(request: _Request) -> Done:
    title = reading.first_line(request.body.get("message"))
    if title:
        edits.edit(request.alert, title=title)
    return Change.FOLDED, ""


def _description(request: _Request) -> Done:
    edits.edit(request.alert, details={**request.alert.details, "description": reading.text(request.body.get("description"))})
    return Change.FOLDED, ""


def _priority(request: _Request) -> Done:
    word = reading.text(request.body.get("priority"), 10).upper()
    severity = reading.severity(word)
    if severity is None or not _open(request):
        return Change.IGNORED, "priority is one of P1, P2, P3, P4, P5, of an open alert."
    alert = request.alert
    edits.edit(alert, details={**alert.details, "priority": word})
    event = Event("firing", alert.title, alert.dedup_key, severity, word, labels=alert.labels, details=alert.details)
    read = alerts.Reading(request.raw, [event])
    done = alerts.fold_events(alert.integration, [read], procedure=request.procedure, now=request.now)
    alert_effects.folded(done, alert.integration, request.procedure, now=request.now)
    request.tell("alert_edited", f"{request.by.label} set the priority to {word}")
    return Change.FOLDED, ""


def _assign(request: _Request) -> Done:
    owner = _named(request.body.get("owner"))
    edits.edit(request.alert, details={**request.alert.details, "owner": owner})
    request.tell("assigned", f"{request.by.label} assigned it to {owner or 'nobody'}")
    return _page(request, [{"type": "user", "username": owner}])


def _responders(request: _Request) -> Done:
    named = request.body.get("responder")
    return _page(request, [named] if isinstance(named, dict) else [])


def _teams(request: _Request) -> Done:
    team = request.body.get("team")
    return _page(request, [{**team, "type": "team"}] if isinstance(team, dict) else [])


def _escalate(request: _Request) -> Done:
    policy = request.body.get("escalation")
    return _page(request, [{**policy, "type": "escalation"}] if isinstance(policy, dict) else [])


def _named(value: Any) -> str:
    found = value if isinstance(value, dict) else {"name": value}
    return next((word for name in ("username", "name", "id") if (word := reading.text(found.get(name), 200))), "")


def _page(request: _Request, wanted: list[dict[str, Any]]) -> Done:
    """Page whoever is named, where somebody here has that address or a policy that name; say so where nobody has."""
    if not _open(request):
        return Change.IGNORED, "The alert is closed already."
    for one in wanted:
        name, kind = _named(one), reading.text(one.get("type"), 20)
        if kind == "user" and (user := User.objects.filter(email__iexact=name, is_active=True, removed_at=None).first()):
            page_someone(user=user, reason="asked for by the source", alert=request.alert, by=request.by, now=request.now)
        elif kind in ("team", "escalation") and (policy := EscalationPolicy.objects.filter(name__iexact=name, removed_at=None).first()):
            reason = f"{request.by.label} asked for {policy.name}"
            subject = alert_reach.subject(request.alert)
            track = f"{paging.BY_HAND}{policy.pk}"  # one for each policy: whoever is asked for second is not there already
            paging.start(policy=policy, track=track, subject=subject, alert=request.alert, reason=reason, by=request.by, now=request.now)
        else:
            request.tell("gap", f"{request.by.label} asked for {kind} {name!r}: nobody and no escalation policy here has that name")
            return Change.IGNORED, f"Nobody and no escalation policy here is called {name[:100]!r}."
    return Change.FOLDED, ""


def _custom(request: _Request) -> Done:
    request.tell("custom_action", f"{request.by.label} executed the action {request.name!r}; nothing is connected to it here")
    return Change.FOLDED, ""


def _open(request: _Request) -> bool:
    return request.alert.status == Alert.Status.FIRING


_DEEDS: dict[str, Callable[[_Request], Done]] = {
    "close": _close, "delete": _close, "acknowledge": _acknowledge, "unacknowledge": _unacknowledge, "snooze": _snooze, "notes": _note,
    "tags": _tags, "remove_tags": _remove_tags, "details": _details, "remove_details": _remove_details, "message": _message,
    "description": _description, "priority": _priority, "assign": _assign, "responders": _responders, "teams": _teams,
    "escalate": _escalate, "custom": _custom,
}  # fmt: skip
