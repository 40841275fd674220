"""What stands on the page of one alert and in its drawer?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from tocsin.alerts import queries_evidence
from tocsin.alerts.models import Alert, Feedback, RawEvent
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import IncidentAlert
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Escalation, Notification
from tocsin.postmortems.models import Postmortem
from tocsin.response import simulate_routing
from tocsin.web import holding, pages

ENTRIES, PAGES, INCIDENTS, MEMBERS, MOST_LINKS = 100, 60, 10, 20, 50
BODY_SHOWN = 20_000  # characters of a body
MOST_RULES = 200
MOST_DETAILS = 200
NAMES, ADDRESSES = ("text", "title", "alt"), ("href", "url", "src")  # of a link in the details


def context(request: HttpRequest, row: Alert) -> dict[str, Any]:
    """Everything that is known of an alert, as far as this person may know it."""
    known, runs = incidents.known_of_alert(row, request.user)  # type: ignore[arg-type]
    if row.lead:  # its pages, and the promise to acknowledge it, are those of its cause
        runs = incidents.known_of_alert(row.lead, request.user)[1]  # type: ignore[arg-type]
    escalations = list(runs.select_related("acknowledged_by", "policy").order_by("-id"))
    sent = Notification.objects.filter(escalation__in=[e.pk for e in escalations]).select_related("user").order_by("-id")[:PAGES]
    mine = incidents.visible_to(request.user)  # type: ignore[arg-type]
    linked = list(mine.filter(alert_links__alert=row).order_by("-id")[:INCIDENTS])
    promise = Obligation.objects.filter(alert_id=row.lead_id or row.pk, kind="acknowledge").order_by("-id").first()
    paging = any(e.status in (Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED) for e in escalations)
    return {
        **holding.context(request, ("alert_do", row.pk), escalations, alert_id=row.lead_id or row.pk), "alert": row,
        "escalations": escalations, "escalation": escalations[0] if escalations else None, "sent": list(sent), "promise": promise,
        "entries": list(known.select_related("actor").order_by("-id")[:ENTRIES]), "linked": linked, "incident": linked[0] if linked else None,
        "open_incidents": mine.exclude(status__in=("resolved", "closed")).order_by("severity", "-id")[:30],
        "may": bool(getattr(request.user, "may_respond", False)), "here": request.path,
        "waits": paging or (promise is not None and promise.state == Obligation.State.OPEN),
        "rules": simulate_routing.told_of(row, pages.now(request))[:MOST_RULES], "events": queries_evidence.events_of(row),
        "similar": similar(request, row), "lead": row.lead, "members": list(row.members.order_by("severity", "-id")[:MEMBERS]) if row.member_count else [],
        "bodies": bodies(row), "details": details(row), "feedback": feedback(request, row), "links": [one for one in row.links if isinstance(one, dict)],
    }  # fmt: skip


def feedback(request: HttpRequest, row: Alert) -> dict[str, Any]:
    """What people think of it, and what this one said: useful, noise, or nothing yet."""
    said = dict(Feedback.objects.filter(alert=row).values_list("user_id", "useful"))
    own = said.get(request.user.pk or 0)
    return {
        "useful": sum(said.values()),
        "noise": len(said) - sum(said.values()),
        "own": "" if own is None else "useful" if own else "noise",
    }


def details(row: Alert) -> list[tuple[str, str]]:
    """Its details without what stands elsewhere on the page already."""
    told = {str(value) for value in (row.title, row.link, row.runbook, row.dedup_key, *row.labels.values())}
    lines = [line for name, value in row.details.items() for line in _plain(name, value)]
    return [(name, value) for name, value in lines if value and value not in told][:MOST_DETAILS]


def _plain(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A detail in lines as a person reads them: of an object a line for each of its fields, of a list its values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (f"{name}.{key}", _word(inner))
    elif isinstance(value, list) and value and all(isinstance(one, dict) and any(one.get(field) for field in ADDRESSES) for one in value):
        for one in value:  # links and images, as PagerDuty's events have them
            said = [_word(one.get(field)) for field in (*NAMES, *ADDRESSES)]
            yield (name, " ".join(dict.fromkeys(word for word in said if word)))
    else:
        yield (name, _word(value))


def _word(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return ""
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        return ", ".join(map(_word, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def bodies(row: Alert) -> list[dict[str, Any]]:
    """The last and the first event as they came, readable and bounded."""
    wanted = {row.last_raw_event_id: "Last event", row.first_raw_event_id: "First event"}
    if row.first_raw_event_id == row.last_raw_event_id:
        wanted = {row.last_raw_event_id: "Event"}
    rows = RawEvent.objects.select_related("integration").in_bulk([pk for pk in wanted if pk])
    found = []
    for pk, label in wanted.items():
        if pk in rows:
            raw = rows[pk]
            text, cut = queries_evidence.readable(queries_evidence.without_key(raw), BODY_SHOWN)
            found.append({"raw": raw, "label": label, "text": text, "cut": cut, "size": len(raw.body)})
    return found


def similar(request: HttpRequest, row: Alert) -> list[dict[str, Any]]:
    """Alerts like it: what they share, how they ended, who had them, and the incidents and post-mortems that this person may see."""
    near = queries_evidence.similar(row)
    if not near:
        return []
    ids = [one.pk for one, _ in near]
    links = list(IncidentAlert.objects.filter(alert_id__in=ids).order_by("incident_id").values_list("alert_id", "incident_id")[:MOST_LINKS])
    visible = incidents.visible_to(request.user).in_bulk({incident_id for _, incident_id in links}) if links else {}  # type: ignore[arg-type]
    known = Q(incident_id=None) | Q(incident_id__in=list(visible))
    runs = Escalation.objects.filter(known, alert_id__in=ids, acknowledged_at__isnull=False).select_related("acknowledged_by")
    had = {run.alert_id: run for run in runs.order_by("id")}
    of_alert: dict[int, list[Any]] = {}
    for alert_id, incident_id in links:
        if incident_id in visible:
            of_alert.setdefault(alert_id, []).append(visible[incident_id])
    written = set(Postmortem.objects.filter(incident_id__in=visible).values_list("incident_id", flat=True)) if visible else set()
    return [
        {"alert": one, "why": why, "run": had.get(one.pk), "incidents": [(found, found.pk in written) for found in of_alert.get(one.pk, [])[:3]]}
        for one, why in near
    ]  # fmt: skip
