"""Which improvements were promised, by whom, until when? Adds, changes and finishes action items and tickets with their promises."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Organisation, User
from tocsin.domain import checklist
from tocsin.domain import obligations as rules
from tocsin.domain.calendars import end_of_day
from tocsin.incidents import operations_work as work
from tocsin.incidents import queries
from tocsin.incidents.models import ActionItem, Incident, Ticket
from tocsin.lib.refusal import invalid, missing
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.paging import operations as paging
from tocsin.procedures import operations as procedures
from tocsin.response import frame


def add_action_item(
    *, title: str, incident: Incident | None = None, owner: User | None = None, due_on: date | None = None, by: Actor, now: datetime
) -> ActionItem:
    """Promise an improvement; with a due date its clock runs, also after the incident is closed."""
    with transaction.atomic():
        frame.require_responder(by)
        title = frame.limit("title", title, 500, needed="Say what will be improved.")
        _check_owner(owner)
        procedure = procedures.ask_in_force()
        if incident:
            incident, procedure = frame.begin(incident, by, closed=True)
        item = work.create_action_item(incident=incident, title=title, owner=owner, due_on=due_on, by=by.user, now=now)
        _promise(item, procedure, now)
        if incident:
            due = f", due {due_on}" if due_on else ""
            frame.tell(
                "action_item", f"Action item: {title} ({owner or 'no owner yet'}{due})", incident, by=by, now=now, action_item=item.pk
            )
            frame.tick(incident, procedure, checklist.ACTION_ITEMS, by=by, now=now)
        if owner and owner != by.user:
            _tell_owner(item, owner, now)
        return item


def change_action_item(*, item: ActionItem, by: Actor, now: datetime, **changes: Any) -> ActionItem:
    """Change title, owner, due_on or done; only what is given changes. Done keeps the promise, undone opens it again."""
    with transaction.atomic():
        item = _locked(item, by)
        fields: dict[str, Any] = {}
        if "title" in changes:
            fields["title"] = frame.limit("title", changes["title"], 500, needed="Say what will be improved.")
        if "owner" in changes:
            _check_owner(changes["owner"])
            fields["owner"] = changes["owner"]
        if "due_on" in changes:
            fields["due_on"] = changes["due_on"]
        done = changes.get("done")
        if done is not None and done != (item.status == "done"):
            fields |= (
                {"status": "done", "done_at": now, "done_by": by.user} if done else {"status": "open", "done_at": None, "done_by": None}
            )
        before = item.owner_id
        work.change_action_item(item, **fields) if fields else None
        _keep(item, fields, by, now)
        if item.owner and item.owner_id != before and item.owner != by.user:
            _tell_owner(item, item.owner, now)
        return item


def set_ticket(*, ticket: Ticket, done: bool, by: Actor, now: datetime) -> Ticket:
    """Finish a ticket or open it again; finishing it is a response too, so it acknowledges its incident's clock."""
    with transaction.atomic():
        frame.require_responder(by)
        ticket = Ticket.objects.select_for_update(of=("self",)).select_related("incident", "team").get(pk=ticket.pk)
        work.set_ticket(ticket, done=done, by=by.user, now=now)
        if ticket.incident:
            word = "done" if done else "open again"
            entry = frame.tell("ticket", f"Ticket T-{ticket.number} is {word}", ticket.incident, by=by, now=now, ticket=ticket.pk)
            if done:
                obligations.meet("acknowledge", incident_id=ticket.incident_id, at=now, evidence=frame.evidence(entry))
        return ticket


def _locked(item: ActionItem, by: Actor) -> ActionItem:
    frame.require_responder(by)
    row = ActionItem.objects.select_for_update(of=("self",)).select_related("owner", "incident__procedure_version").get(pk=item.pk)
    if row.incident and not queries.visible_to(by).filter(pk=row.incident.pk).exists():
        raise missing("action item")
    return row


def _keep(item: ActionItem, fields: dict[str, Any], by: Actor, now: datetime) -> None:
    """Let the item's promise follow what was changed, and the record of its incident tell it."""
    document = procedures.document(item.incident.procedure_version if item.incident else procedures.current())
    row = Obligation.objects.select_for_update().filter(kind="action_item", subject_id=item.pk).order_by("-id").first()
    if row is None:
        _promise(item, document, now)
    elif "due_on" in fields and row.state == Obligation.State.OPEN:
        promise = rules.action_item(document, item.title, row.started_at, _due(item))
        why = f"Due date changed by {by.label}"
        obligations.reschedule(row, due_at=promise.due_at, warn_at=promise.warn_at, reason=why, at=now)
    if "status" not in fields:
        return
    text = f"Action item {'done' if item.status == 'done' else 'open again'}: {item.title}"
    proof: dict[str, Any] = {"text": text, "at": rules.in_utc(now)}
    if item.incident:
        proof = frame.evidence(frame.tell("action_item", text, item.incident, by=by, now=now, action_item=item.pk))
    if item.status == "done":
        obligations.meet("action_item", subject_id=item.pk, at=now, evidence=proof)
    elif row:
        obligations.reopen(row)


def _promise(item: ActionItem, procedure: Any, now: datetime) -> None:
    if item.due_on:
        promise = rules.action_item(procedure, item.title, now, _due(item))
        obligations.owe([promise], incident_id=item.incident_id, subject_id=item.pk)


def _due(item: ActionItem) -> datetime | None:
    return end_of_day(Organisation.objects.get(pk=1).time_zone, item.due_on) if item.due_on else None


def _check_owner(owner: User | None) -> None:
    if owner is not None and not owner.is_active:
        raise invalid(owner=f"{owner} is not active any more.")


def _tell_owner(item: ActionItem, owner: User, now: datetime) -> None:
    due = f"Due {item.due_on}." if item.due_on else "No due date yet."
    paging.notice(
        owner, title=f"An action item is yours: {item.title}"[:300], text=due,
        identity=f"action:{item.pk}:{owner.pk}:{int(now.timestamp())}", now=now, incident_id=item.incident_id,
    )  # fmt: skip
