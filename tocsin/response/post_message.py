"""What is said in the incident's room? Messages, decisions, pins, and the tasks that people are given."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident, Responder
from tocsin.lib.refusal import invalid, missing
from tocsin.paging import operations as paging
from tocsin.response import frame
from tocsin.timeline.models import Entry

KINDS = ("message", "decision")
LONGEST = 8000


def post_message(*, incident: Incident, text: str, kind: str = "message", by: Actor, now: datetime) -> Entry:
    """Say something in the room; a decision is kept in the decision log too. Whoever speaks is a responder from then on."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by, closed=True)
        text = frame.limit("text", text, LONGEST, needed="Write something first.")
        if kind not in KINDS:
            raise invalid(kind=f"It is one of {', '.join(KINDS)}.")
        if kind == "decision":
            frame.require_command(incident, by, "decisions are theirs; post a message to propose one")
        if by.user:
            incidents.join(incident, by.user, now=now)
        return frame.tell(kind, text, incident, by=by, now=now, key=kind == "decision")


def pin(*, incident: Incident, entry_id: int, pinned: bool = True, by: Actor, now: datetime) -> Entry:
    """Pin an entry of this incident's record, or take the pin away. The record itself is never changed: a pin is an entry of its own."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by, closed=True)
        target = Entry.objects.filter(pk=entry_id, incident_id=incident.pk).first()
        if target is None:
            raise missing("entry")
        kind, word = ("pin", "Pinned") if pinned else ("unpin", "Unpinned")
        return frame.tell(kind, f"{word}: {target.text[:200]}", incident, by=by, now=now, entry=target.pk)


def pins(incident: Incident) -> list[Entry]:
    """The entries pinned now, in the order in which they were pinned."""
    pinned: dict[int, None] = {}
    for entry in Entry.objects.filter(incident_id=incident.pk, kind__in=["pin", "unpin"]).order_by("id"):
        pinned.pop(entry.data["entry"], None)
        if entry.kind == "pin":
            pinned[entry.data["entry"]] = None
    found = Entry.objects.in_bulk(list(pinned))
    return [found[key] for key in pinned if key in found]


def give_task(*, incident: Incident, user: User, task: str, done: bool = False, by: Actor, now: datetime) -> Responder:
    """Delegate a task to a responder, change it, or mark it done; they are told unless they did it themselves."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by)
        task = frame.limit("task", task, 500)
        if not (user.is_active and user.may_respond):
            raise invalid(user=f"{user} cannot take a task: only active responders and administrators can.")
        row = incidents.set_task(incident, user, task=task, state="done" if done else "open", now=now)
        word = "has no task any more" if not task else f"has done: {task}" if done else f"takes on: {task}"
        entry = frame.tell("task", f"{user} {word}", incident, by=by, now=now, user=user.pk, done=done)
        if task and not done and by.user != user:
            paging.notice(
                user, title=f"{incident.ref}: a task for you", text=task, identity=f"task:{entry.pk}", now=now, incident_id=incident.pk
            )
        return row
