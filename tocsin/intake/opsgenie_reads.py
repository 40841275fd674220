"""How do alerts look to a client of Opsgenie? One integration's alerts, its requests, its notes; the ids are ours in the form that it expects."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet

from tocsin.alerts.models import Alert, RawEvent
from tocsin.alerts.queries import by_identifier, outside_id
from tocsin.intake.opsgenie_query import Search
from tocsin.paging.models import Escalation
from tocsin.timeline.models import Entry

LARGEST_PAGE = 100
MOST_OFFSET = 20_000  # offset and limit together, as Opsgenie has it
SORTS = {
    "createdAt": "first_seen", "updatedAt": "last_seen", "lastOccurredAt": "last_seen", "tinyId": "id", "alias": "dedup_key",
    "message": "title", "status": "status", "count": "event_count",
}  # fmt: skip
PRIORITY = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P4"}
MOST_LOGS = 100


def _time(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z" if at else None


def _found(integration: int, identifier: str, kind: str) -> Alert:
    alert = by_identifier(integration, identifier, kind)
    if alert is None:
        raise LookupError(f"Alert with {kind} [{identifier[:100]}] does not exist.")
    return alert


def shape(alert: Alert, taken: Escalation | None) -> dict[str, Any]:
    """An alert in Opsgenie's form."""
    labels, priority = dict(alert.labels), alert.details.get("priority")
    tags = [tag for tag in labels.pop("tags", "").split(",") if tag]
    own = PRIORITY[alert.source_severity]
    acknowledged = taken is not None and alert.status == Alert.Status.FIRING
    until = taken.ack_expires_at if taken and alert.status == Alert.Status.FIRING else None
    snoozed = bool(until and alert.details.get("snoozed"))
    report = {"ackTime": int((taken.acknowledged_at - alert.first_seen).total_seconds() * 1000)} if taken and taken.acknowledged_at else {}
    if alert.resolved_at:
        report["closeTime"] = int((alert.resolved_at - alert.first_seen).total_seconds() * 1000)
    return {
        "id": outside_id(alert.pk), "tinyId": str(alert.pk), "alias": alert.dedup_key, "message": alert.title,
        "status": "open" if alert.status == Alert.Status.FIRING else "closed", "acknowledged": acknowledged, "isSeen": acknowledged,
        "tags": tags, "snoozed": snoozed, **({"snoozedUntil": _time(until)} if snoozed else {}), "count": alert.event_count,
        "lastOccurredAt": _time(alert.last_seen), "createdAt": _time(alert.first_seen), "updatedAt": _time(alert.last_seen),
        "source": labels.pop("source", ""), "owner": str(alert.details.get("owner") or ""), "priority": priority if own == "P4" and priority == "P5" else own,
        "responders": [], "integration": {"id": str(alert.integration_id), "name": alert.integration.name, "type": "API"},
        "report": report, "actions": alert.details.get("actions") or [], "entity": labels.pop("entity", ""),
        "description": str(alert.details.get("description") or ""), "details": labels,
    }  # fmt: skip


def _shapes(alerts: list[Alert]) -> list[dict[str, Any]]:
    runs = Escalation.objects.filter(alert__in=alerts).order_by("id")
    newest = {(row.alert_id, row.track, row.policy_track): row for row in runs}.values()
    waiting = {row.alert_id for row in newest if row.status in (Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED)}
    taken = {row.alert_id: row for row in newest if row.acknowledged_at and row.alert_id not in waiting}
    return [shape(alert, taken.get(alert.pk)) for alert in alerts]


def alert(integration: int, identifier: str, kind: str) -> dict[str, Any]:
    """One alert. Raises LookupError."""
    return {"data": _shapes([_found(integration, identifier, kind)])[0]}


def of_alert(integration: int, identifier: str, kind: str, what: str) -> dict[str, Any]:
    """The newest notes, or everything on the record, of one alert. Raises LookupError."""
    rows = Entry.objects.filter(alert_id=_found(integration, identifier, kind).pk).order_by("-id")
    if what == "notes":
        rows = rows.filter(kind="note")
        named = [(row, {"note": row.text}) for row in rows[:MOST_LOGS]]
    else:
        named = [(row, {"log": row.text, "type": "system" if row.via == "system" else "alertRecipient"}) for row in rows[:MOST_LOGS]]
    return {"data": [{**said, "owner": row.actor_label, "createdAt": _time(row.at), "offset": str(row.pk)} for row, said in named]}


def _searched(integration: int, query: dict[str, str]) -> QuerySet[Alert]:
    rows = Alert.objects.select_related("integration").filter(integration_id=integration)
    return rows.filter(Search(query.get("query", "")).condition())


def _number(query: dict[str, str], name: str, usual: int, most: int) -> int:
    value = query.get(name) or str(usual)
    if not value.isdigit() or len(value) > 9:
        raise ValueError(f"{name} is a whole number.")
    return min(int(value), most)


def alerts(integration: int, query: dict[str, str], path: str) -> dict[str, Any]:
    """A page of alerts. Raises ValueError with a sentence for a query that cannot be read."""
    limit = max(_number(query, "limit", 20, LARGEST_PAGE), 1)
    offset = _number(query, "offset", 0, MOST_OFFSET)
    if offset + limit > MOST_OFFSET:
        raise ValueError(f"offset and limit together are at most {MOST_OFFSET:,}.")
    if (sort := query.get("sort", "createdAt")) not in SORTS:
        raise ValueError(f"sort is one of {', '.join(SORTS)}.")
    sign = "" if query.get("order", "desc").lower() == "asc" else "-"
    rows = _searched(integration, query).order_by(sign + SORTS[sort], sign + "id")
    found = list(rows[offset : offset + limit + 1])
    first = {**query, "limit": str(limit), "offset": "0"}
    paging = {"first": f"{path}?{urlencode(first)}"}
    if len(found) > limit:
        paging["next"] = f"{path}?{urlencode({**first, 'offset': str(offset + limit)})}"
    return {"data": _shapes(found[:limit]), "paging": paging}


def count(integration: int, query: dict[str, str]) -> dict[str, Any]:
    """How many. Raises ValueError."""
    return {"data": {"count": _searched(integration, query).count()}}


def outcome(integration: int, request: str) -> dict[str, Any]:
    """What became of a request; while it waits it is no success yet. Raises LookupError."""
    rows = RawEvent.objects.filter(
        dedup_key=request[:255].replace("\0", ""), protocol__in=("opsgenie", "opsgenie_action"), integration_id=integration
    )
    raw = rows.order_by("id").first()
    if raw is None:
        raise LookupError("Request not found. It might not be processed yet.")
    action = str(raw.headers.get(":action", "create"))
    first: dict[str, Any] = next(iter(raw.outcomes), {})
    row = Alert.objects.filter(pk=first["alert"]).first() if first.get("alert") else None
    done = raw.state == RawEvent.State.DONE and row is not None
    status = raw.error or first.get("reason") or (_SAID.get(action, "Alert updated") if done else "Request is being processed")
    return {
        "data": {
            "success": done, "isSuccess": done, "action": _ACTION.get(action, action.replace("_", " ").title().replace(" ", "")), "status": status,
            "processedAt": _time(raw.processed_at), "integrationId": str(integration),
            "alertId": outside_id(row.pk) if row else "", "alias": row.dedup_key if row else "",
        }
    }  # fmt: skip


_ACTION = {"create": "Create", "notes": "Add Note", "close": "Close", "acknowledge": "Acknowledge"}
_SAID = {"create": "Created alert", "close": "Closed alert", "acknowledge": "Acknowledged alert", "delete": "Closed alert"}
