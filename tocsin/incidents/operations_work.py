"""How do updates, tickets, action items and followers get onto an incident? The second writer of the room's tables."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from tocsin.accounts.models import Team, User
from tocsin.alerts.models import Alert
from tocsin.incidents.models import ActionItem, Incident, Subscriber, Ticket, Update
from tocsin.incidents.operations import next_number


def add_update(
    incident: Incident,
    *,
    audience: str,
    status: str,
    fields: dict[str, Any],
    text: str,
    components: dict[str, str],
    next_update_at: datetime | None,
    by: User | None,
    now: datetime,
) -> Update:
    """Keep an update as it goes out."""
    return Update.objects.create(
        incident=incident, audience=audience, status=status, fields=fields, text=text, components=components,
        next_update_at=next_update_at, published_at=now, by=by,
    )  # fmt: skip


def create_ticket(
    *, title: str, alert: Alert | None = None, incident: Incident | None = None, team: Team | None, due_at: datetime | None, now: datetime
) -> Ticket:
    """Make a built-in ticket."""
    number = next_number(Ticket._meta.db_table)
    return Ticket.objects.create(number=number, title=title[:300], alert=alert, incident=incident, team=team, due_at=due_at, created_at=now)


def set_ticket(ticket: Ticket, *, done: bool, by: User | None, now: datetime) -> Ticket:
    """Done, or open again."""
    ticket.status, ticket.done_at, ticket.done_by = ("done", now, by) if done else ("open", None, None)
    ticket.save(update_fields=["status", "done_at", "done_by"])
    return ticket


def create_action_item(
    *, incident: Incident | None, title: str, owner: User | None, due_on: date | None, by: User | None, now: datetime
) -> ActionItem:
    """Note a promised improvement."""
    return ActionItem.objects.create(incident=incident, title=title, owner=owner, due_on=due_on, created_at=now, created_by=by)


def change_action_item(item: ActionItem, **fields: Any) -> ActionItem:
    """Set these fields of an action item."""
    for name, value in fields.items():
        setattr(item, name, value)
    item.save(update_fields=list(fields))
    return item


def subscribe(*, email: str, name: str, group: str, incident: Incident | None, now: datetime) -> Subscriber:
    """Add somebody who is told by mail, of one incident or of every one; once per address, group and incident. Where the mail to them came
    back they begin anew, so that what is still reported of the mails before is not held against them."""
    place = {"email": email.strip().lower(), "group": group, "incident": incident, "removed_at": None}
    Subscriber.objects.filter(**place, undeliverable_at__isnull=False).update(removed_at=now)
    row, _ = Subscriber.objects.get_or_create(**place, defaults={"name": name})
    return row


def undeliverable(subscriber_id: int, reason: str, *, now: datetime) -> None:
    """A mail to them came back because of the address itself: nothing is mailed there any more."""
    row = Subscriber.objects.filter(pk=subscriber_id, removed_at=None, undeliverable_at=None)
    row.update(undeliverable_at=now, undeliverable_reason=reason[:500])


def unsubscribe(subscriber: Subscriber, *, now: datetime) -> None:
    """Stop telling them; the row stays, so that the record of whom we told can be read later."""
    subscriber.removed_at = now
    subscriber.save(update_fields=["removed_at"])
