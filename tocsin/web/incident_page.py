"""What stands on the page of one incident? Each panel's rows, read in few queries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.diagnosis.models import Check
from tocsin.domain import checklist
from tocsin.domain.procedure.model import Block, Procedure, Step
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import ActionItem, ChecklistTick, Incident, IncidentAlert, Responder, RoleAssignment, Ticket
from tocsin.mitigation.models import Mitigation
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Escalation, Notification
from tocsin.response import tick_step

ENTRIES, SUGGESTED, PAGES = 50, 5, 60
FILTERS = {"": "All", "key": "Key", "messages": "Messages"}
MESSAGES = ("message", "decision", "public_update", "internal_update")


@dataclass(frozen=True)
class Tickable:
    """A line of the checklist with its tick, and the act that ticks it where no hand can."""

    words: str
    step: str
    item: str
    clause: str
    tick: ChecklistTick | None
    act: str = ""
    parked: bool = False


def steps(procedure: Procedure, incident: Incident) -> list[dict[str, Any]]:
    """The steps with their lines by block, how many are done, and which step the incident stands in."""
    ticks = incidents.ticks_of(incident)
    now_at = incidents.current_step(incident, procedure)
    acts = {row.key: act for words, act in tick_step.BY_ACT.items() if (row := checklist.line(procedure, words))}
    lines: dict[tuple[str, Block], list[Tickable]] = defaultdict(list)
    for row in checklist.lines(procedure):
        waits = row.key not in ticks and checklist.parked(procedure, row, ticks.keys())
        tickable = Tickable(row.words, row.step.id, row.item.id, row.clause, ticks.get(row.key), acts.get(row.key, ""), waits)
        lines[row.step.id, row.block].append(tickable)
    texts = {template.name: template.text for template in procedure.templates}
    return [_step(step, lines, texts, now_at, incident) for step in procedure.steps]


def _step(
    step: Step, lines: dict[tuple[str, Block], list[Tickable]], texts: dict[str, str], now_at: int, incident: Incident
) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [
        {"block": block, "lines": lines.get((step.id, block), []), "text": texts.get(block.template, "")} for block in step.blocks
    ]
    counted = [row for block in blocks for row in block["lines"] if block["block"].heading.rstrip(":").lower() != checklist.MITIGATIONS]
    done = sum(row.tick is not None for row in counted)
    finished = (bool(counted) and done == len(counted)) or (not counted and now_at > step.number)
    state = "now" if step.number == now_at and incident.is_open else "done" if finished else ""
    return {"step": step, "blocks": blocks, "done": done, "of": len(counted), "state": state, "behind": step.number < now_at}


def clocks(promises: list[Obligation]) -> dict[str, Obligation | None]:
    """The four clocks of the strip: what is owed next, acknowledged, first update, post-mortem. In the place of the second and third stands what
    is owed after it, where they are what is owed next."""
    applying = [row for row in promises if row.state != Obligation.State.NOT_APPLICABLE]
    running = sorted((row for row in applying if row.state == Obligation.State.OPEN and row.due_at), key=lambda row: row.due_at)  # type: ignore[arg-type,return-value]
    by_kind = {row.kind: row for row in applying}
    hot, acknowledge = running[0] if running else None, by_kind.get("acknowledge")
    first = by_kind.get("first_public_update") or by_kind.get("first_internal_update")
    after = iter(row for row in running if row not in (hot, acknowledge, first))
    return {
        "hot": hot,
        "acknowledge": acknowledge if hot is None or acknowledge != hot else next(after, None),
        "first": first if hot is None or first != hot else next(after, None),
        "postmortem": by_kind.get("postmortem"),
    }


def timeline(incident: Incident, *, shown: str, before: int | None) -> dict[str, Any]:
    """One page of the record, newest first, with what a filter leaves and where the earlier ones begin."""
    rows = incidents.record_of(incident)
    everything = rows
    if shown == "key":
        rows = rows.filter(key=True)
    elif shown == "messages":
        rows = rows.filter(kind__in=MESSAGES)
    if before:
        rows = rows.filter(pk__lt=before)
    page = list(rows.select_related("actor").order_by("-id")[: ENTRIES + 1])
    more = page[ENTRIES - 1].pk if len(page) > ENTRIES else None
    return {"entries": page[:ENTRIES], "earlier": more, "total": everything.count(), "shown": shown, "before": before, "filters": FILTERS}


def roles(procedure: Procedure, incident: Incident) -> list[dict[str, Any]]:
    """The procedure's roles with their duties and who holds them."""
    held = {row.role: row for row in RoleAssignment.objects.filter(incident=incident, ended_at=None).select_related("user")}
    return [{"role": role, "held": held.get(role.id)} for role in procedure.roles]


def people(incident: Incident, held: list[dict[str, Any]]) -> dict[str, Any]:
    """Who works it, those with an open task first."""
    titles = {row["held"].user_id: row["role"].title for row in held if row["held"]}
    rows = list(Responder.objects.filter(incident=incident).select_related("user").order_by("joined_at"))
    busy = [row for row in rows if row.task]
    return {"busy": busy, "idle": [row for row in rows if not row.task], "count": len(rows), "titles": titles}


def alerts(incident: Incident) -> dict[str, Any]:
    """The alerts that belong to it, and firing ones of the same service that could."""
    links = list(IncidentAlert.objects.filter(incident=incident).select_related("alert__service").order_by("-cause", "id"))
    services = {link.alert.service_id for link in links} | {incident.service_id}
    loose = Alert.objects.filter(status=Alert.Status.FIRING, incident_links=None, service_id__in=[s for s in services if s])
    suggested = list(loose.select_related("service").order_by("-id")[:SUGGESTED]) if incident.is_open else []
    return {"links": links, "suggested": suggested}


def paging(incident: Incident, alert_ids: list[int]) -> dict[str, Any]:
    """Who was paged about it, by which way, and what became of each attempt; by person."""
    about = Q(incident_id=incident.pk) | Q(alert_id__in=alert_ids) if alert_ids else Q(incident_id=incident.pk)
    escalations = list(Escalation.objects.filter(about).select_related("acknowledged_by", "policy").order_by("id"))
    by_hand = Q(incident_id=incident.pk, escalation=None, kind__in=("page", "fallback"))
    rows = Notification.objects.filter(Q(escalation__in=[row.pk for row in escalations]) | by_hand)
    sent = rows.select_related("user", "escalation").order_by("-id")
    by_person: dict[tuple[User | None, str], list[Notification]] = defaultdict(list)  # posts: no person, but a place
    for row in reversed(list(sent[:PAGES])):
        by_person[row.user, row.whom].append(row)
    running = [row for row in escalations if row.status in (Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED)]
    return {"people": [_paged(user, rows) for (user, _), rows in by_person.items()], "escalations": escalations, "running": running}


def _paged(user: User | None, rows: list[Notification]) -> dict[str, Any]:
    answered = next((r.escalation for r in rows if user and r.escalation and r.escalation.acknowledged_by_id == user.pk), None)
    return {"user": user, "whom": rows[0].whom, "rows": rows, "answered": answered, "first": rows[0].created_at}


def lists(incident: Incident) -> dict[str, Any]:
    """Mitigations, checks, action items and tickets."""
    return {
        "mitigations": list(Mitigation.objects.filter(incident=incident).select_related("proposed_by", "decided_by", "done_by")),
        "checks": list(Check.objects.filter(incident=incident).select_related("answered_by")),
        "action_items": list(ActionItem.objects.filter(incident=incident).select_related("owner").order_by("id")),
        "tickets": list(Ticket.objects.filter(incident=incident).order_by("id")),
    }


def crew() -> list[User]:
    """Everybody who may take a role or a task."""
    return list(User.objects.filter(is_active=True, removed_at=None, role__in=("administrator", "responder")).order_by("name"))


def watched(incident: Incident, now: datetime) -> bool:
    """Is the watch for recurrence running?"""
    return bool(incident.verified_at and incident.watch_until and incident.watch_until > now)
