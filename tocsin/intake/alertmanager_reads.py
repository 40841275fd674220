"""How do alerts and silences look to a client of Alertmanager, and what may it do? A key sees its integration's alerts, a token what its scopes allow."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from tocsin import clock
from tocsin.accounts import bearer
from tocsin.accounts.actor import Actor
from tocsin.accounts.permissions import Needs
from tocsin.alerts import queries, queries_quiet
from tocsin.alerts.models import Alert, Service, Silence
from tocsin.domain import quiet
from tocsin.domain.routing import Matcher
from tocsin.intake.alertmanager import PostableSilence
from tocsin.lib.conflicts import again_on_conflict
from tocsin.lib.patterns import complaint, full_match
from tocsin.lib.refusal import Refused, missing
from tocsin.response import silence as verbs

MOST_ALERTS = 5_000  # the newest that fire; a filter is looked for among them
MOST_SILENCES = 1_000  # that hold or will, and as many of the newest that ended
RESOLVE_TIMEOUT = timedelta(minutes=5)
NOBODY = "no service"  # the receiver of an alert without a service
_HELD = re.compile(r"silence (\d+):")
_PRIME, _BASIS = 1099511628211, 14695981039346656037


def _reader(integration: int | None, key: str) -> None:
    """Raises Refused unless it is an integration's key or a token that reads."""
    if integration is None:
        _token(integration, key, Needs.READ)


def _token(integration: int | None, key: str, needed: Needs) -> Actor:
    """Who asks, with a token. Raises Refused, 401 for a stranger and 403 for one who may not."""
    if integration is not None:
        raise Refused("An integration's key reads alerts; for silences send a token as bearer token or as basic-auth password.", status=403)
    actor = bearer.actor_of(key, address=None, now=clock.now()) if key else None
    if actor is None:
        raise Refused("Send a token, or an integration's key, as bearer token or as basic-auth password.", status=401)
    if not actor.may(needed, safe=needed is Needs.READ):
        raise Refused(f"This token may not do that: it needs the scope {needed.value!r}.", status=403)
    return actor


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def fingerprint(labels: Mapping[str, str]) -> str:
    """Prometheus's hash of a label set: FNV-1a of the sorted names and values, each ended by a byte 255."""
    made = _BASIS
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            made = ((made ^ byte) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{made:016x}"


def _labels(alert: Alert) -> dict[str, str]:
    labels = {str(name): str(value) for name, value in alert.labels.items()}
    return labels if "alertname" in labels else {**labels, "alertname": alert.title}


def _annotations(alert: Alert) -> dict[str, str]:
    said = {"summary": alert.title, "description": alert.details.get("description"), "runbook_url": alert.runbook}
    return {name: str(text) for name, text in said.items() if text}


def shape(alert: Alert, now: datetime) -> dict[str, Any]:
    """An alert in Alertmanager's form. One that does not expire ends a little later than `now`, as Alertmanager says of those it has no end for."""
    held, labels = alert.suppressed_by, _labels(alert)
    by = _HELD.match(held)
    return {
        "annotations": _annotations(alert), "endsAt": _time(alert.ends_at or now + RESOLVE_TIMEOUT), "fingerprint": fingerprint(labels),
        "receivers": [{"name": alert.service.name if alert.service else NOBODY}], "startsAt": _time(alert.started_at),
        "status": {
            "inhibitedBy": [], "mutedBy": [] if by or not held else [held.partition(":")[0]],
            "silencedBy": [queries.outside_id(int(by[1]))] if by else [], "state": "suppressed" if held else "active",
        },
        "updatedAt": _time(alert.last_seen), "generatorURL": alert.link, "labels": labels,
    }  # fmt: skip


def _found(integration: int | None, query: Mapping[str, list[str]]) -> list[tuple[Alert, dict[str, Any]]]:
    rows = Alert.objects.filter(status=Alert.Status.FIRING).select_related("service", "integration").defer("trace")
    if integration is not None:
        rows = rows.filter(integration_id=integration)
    wanted = {name: _flag(query, name) for name in ("active", "silenced", "inhibited", "unprocessed")}
    matchers, receiver = _matchers(query.get("filter", [])), query.get("receiver", [""])[0]
    if receiver and (wrong := complaint(receiver)):
        raise Refused(f"receiver: {wrong}.")
    found, now = [], clock.now()
    for alert in rows.order_by("-id")[:MOST_ALERTS]:
        if not wanted["silenced" if alert.suppressed_by else "active"]:
            continue
        labels = _labels(alert)
        if receiver and not full_match(receiver, alert.service.name if alert.service else NOBODY):
            continue
        if all(one.holds(labels, full_match) for one in matchers):
            found.append((alert, shape(alert, now)))
    return found


def _flag(query: Mapping[str, list[str]], name: str) -> bool:
    value = query.get(name, ["true"])[0].lower()
    if value not in ("true", "false", "1", "0"):
        raise Refused(f"{name} is true or false.")
    return value in ("true", "1")


def _matchers(written: list[str]) -> list[Matcher]:
    """`filter=alertname="x"`, once for each. Raises Refused."""
    found = []
    for one in written:
        try:
            [read] = quiet.read(one.strip().removeprefix("{").removesuffix("}").replace("\n", " "))
            name = json.loads(read["name"]) if read["name"].startswith('"') else read["name"]
        except ValueError:
            raise Refused(f'bad matcher format: {one[:100]!r}; write name="value", with =, !=, =~ or !~.') from None
        if read["is_regex"] and (wrong := complaint(read["value"])):
            raise Refused(f"filter {one[:100]!r}: {wrong}.")
        found.append(Matcher(name, read["value"], read["is_regex"], read["is_equal"]))
    return found


def alerts(integration: int | None, key: str, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """The alerts that fire and that the query names."""
    _reader(integration, key)
    return sorted((said for _, said in _found(integration, query)), key=lambda said: str(said["fingerprint"]))


def groups(integration: int | None, key: str, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """The same alerts, those of one cause together under the labels that all of them have."""
    _reader(integration, key)
    causes: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for alert, said in _found(integration, query):
        causes.setdefault((alert.lead_id or alert.pk, said["receivers"][0]["name"]), []).append(said)
    made = []
    for (_, receiver), members in causes.items():
        shared = set(members[0]["labels"].items()).intersection(*(one["labels"].items() for one in members))
        made.append({"alerts": members, "labels": dict(sorted(shared)), "receiver": {"name": receiver}})
    return made


def receivers(integration: int | None, key: str) -> list[dict[str, str]]:
    """The services; to a key those of its own alerts that fire."""
    _reader(integration, key)
    rows = Service.objects.filter(removed_at=None)
    if integration is not None:
        rows = rows.filter(alerts__integration=integration, alerts__status=Alert.Status.FIRING).distinct()
    return [{"name": name} for name in (*rows.order_by("name").values_list("name", flat=True), NOBODY)]


# -- silences -----------------------------------------------------------------------------------------------------------


def silence_shape(row: Silence, now: datetime) -> dict[str, Any]:
    """A silence in Alertmanager's form; the service that it is for is shown as one more matcher."""
    matchers = [
        {"name": one["name"], "value": one["value"], "isRegex": one["is_regex"], "isEqual": one["is_equal"]} for one in row.matchers
    ]
    if row.service:
        matchers.append({"name": "service", "value": row.service.name, "isRegex": False, "isEqual": True})
    return {
        "id": queries.outside_id(row.pk), "status": {"state": queries_quiet.state_of(row, now)},
        "updatedAt": _time(row.ended_at or row.created_at), "comment": row.reason,
        "createdBy": row.created_by.email if row.created_by else row.author or "Tocsin", "endsAt": _time(row.ended_at or row.ends_at),
        "matchers": matchers, "startsAt": _time(row.starts_at),
    }  # fmt: skip


def _row(outside: str, rows: QuerySet[Silence] | None = None) -> Silence:
    pk = queries.inside_id(outside)
    rows = Silence.objects.select_related("service", "created_by") if rows is None else rows
    found = rows.filter(pk=pk, window=None).first() if pk is not None else None
    if found is None:
        raise missing("silence")
    return found


def silences(integration: int | None, key: str, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Silences that people made and whose matchers the query's filters hold for. Needs a token."""
    _token(integration, key, Needs.READ)
    now, filters = clock.now(), _matchers(query.get("filter", []))
    found = []
    for state in ("active", "pending", "expired"):
        for row in queries_quiet.silences(state, now).order_by("-id")[:MOST_SILENCES]:
            said = silence_shape(row, now)
            values = {one["name"]: one["value"] for one in said["matchers"]}
            if all(one.holds(values, full_match) for one in filters):
                found.append(said)
    return found


def silence(integration: int | None, key: str, outside: str) -> dict[str, Any]:
    """One silence. Needs a token."""
    _token(integration, key, Needs.READ)
    return silence_shape(_row(outside), clock.now())


@again_on_conflict
@transaction.atomic
def save_silence(integration: int | None, key: str, body: PostableSilence) -> dict[str, str]:
    """A new silence, or an old one otherwise: what is over, or has not begun and is to begin at another time, is replaced."""
    by, now = _token(integration, key, Needs.RESPOND), clock.now()
    if body.startsAt.tzinfo is None or body.endsAt.tzinfo is None:
        raise Refused("startsAt and endsAt say their time zone: 2026-11-23T03:04:12Z.")
    matchers = [{"name": one.name, "value": one.value, "is_regex": one.isRegex, "is_equal": one.isEqual} for one in body.matchers]
    starts, service = max(body.startsAt, now), None
    if not body.id:
        _refuse_everything(matchers)
    else:
        row = _row(body.id, Silence.objects.select_for_update(of=("self",)).select_related("service", "created_by"))
        if row.service:
            own = {"name": "service", "value": row.service.name, "is_regex": False, "is_equal": True}
            service = row.service_id if own in matchers else None
            matchers = [one for one in matchers if one != own] if service else matchers
        if service is None:
            _refuse_everything(matchers)
        state = queries_quiet.state_of(row, now)
        if state == "active" or (state == "pending" and abs((row.starts_at - body.startsAt).total_seconds()) < 1):
            changed = verbs.change(
                row, matchers=matchers, service=service, ends_at=body.endsAt, reason=body.comment, by=by, now=now, stop_paging=True
            )
            return {"silenceID": queries.outside_id(changed.pk)}
        verbs.end(row, by=by, now=now)
    made = verbs.silence(
        matchers=matchers, service=service, starts_at=starts, ends_at=body.endsAt, reason=body.comment, by=by, now=now, author=body.createdBy,
        stop_paging=True,  # as Alertmanager does
    )  # fmt: skip
    return {"silenceID": queries.outside_id(made.pk)}


def _refuse_everything(matchers: list[dict[str, Any]]) -> None:
    if all(Matcher(**one).holds({}, full_match) for one in matchers):
        raise Refused("invalid silence: at least one matcher must not match the empty string")


def end_silence(integration: int | None, key: str, outside: str) -> None:
    """End it now; what it held back and still fires is paged."""
    by = _token(integration, key, Needs.RESPOND)
    verbs.end(_row(outside), by=by, now=clock.now())
