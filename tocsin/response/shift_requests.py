"""How does somebody ask that their shift be taken, and how is that answered? People hear of it by what need not wake them."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations_people as oncall
from tocsin.oncall import queries
from tocsin.oncall.models import Override, Schedule, ShiftRequest
from tocsin.paging import operations as paging
from tocsin.response import frame, watch_schedules


@transaction.atomic
def ask(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, of: User | None = None, back: tuple[datetime, datetime] | None = None,
    reason: str = "", asker: User | None = None, by: Actor, now: datetime,
) -> ShiftRequest:  # fmt: skip
    """Ask one person for a swap or to stand in, or the schedule's people for cover. Administrators may ask for somebody else."""
    frame.require_responder(by)
    who = asker or by.user
    if who is None:
        raise Refused("A token without a person has no shift; name the person whose shift it is.", errors={"asker": "Name a person."})
    if who != by.user and not by.is_administrator:
        raise Refused("Only administrators ask for somebody else.", status=403, code="forbidden")
    row = oncall.ask(schedule, asker=who, starts_at=starts_at, ends_at=ends_at, of=of, back=back, reason=reason, by=by, now=now)
    people = [of] if of else [person for person in queries.people(schedule, now) if person.pk != who.pk]
    for person in people:
        _tell(person, row, f"{who.name} asks you to take a shift" if of else f"{who.name} asks the team for cover", "asked", now)
    return row


@transaction.atomic
def accept(request: ShiftRequest, *, user: User | None = None, by: Actor, now: datetime) -> list[Override]:
    """Take it: both shifts change hands at once."""
    frame.require_responder(by)
    person = _answering(user, by)
    made = oncall.accept(request, user=person, by=by, now=now)
    _tell(request.asked_by, request, f"{person.name} takes your shift", "accepted", now)
    watch_schedules.known_to([request.asked_by, *([person] if person == by.user else [])], request.schedule, now)
    return made


@transaction.atomic
def decline(request: ShiftRequest, *, answer: str = "", by: Actor, now: datetime) -> ShiftRequest:
    """Say no."""
    frame.require_responder(by)
    person = _answering(None, by)
    row = oncall.decline(request, user=person, answer=answer, by=by, now=now)
    _tell(row.asked_by, row, f"{person.name} cannot take your shift", "declined", now)
    return row


@transaction.atomic
def withdraw(request: ShiftRequest, *, by: Actor, now: datetime) -> ShiftRequest:
    """Who asked (or an administrator) takes the question back."""
    frame.require_responder(by)
    if by.user != request.asked_by and not by.is_administrator:
        raise Refused("Only who asked takes a request back.", status=403, code="forbidden")
    return oncall.withdraw(request, by=by, now=now)


@transaction.atomic
def take_now(schedule: Schedule, *, user: User | None = None, until: datetime | None = None, by: Actor, now: datetime) -> Override:
    """ "I take it": in one click, at once. Who held it until now hears of it."""
    frame.require_responder(by)
    person = _answering(user, by)
    before = queries.who(schedule, now)
    row = oncall.take_now(schedule, person, until=until, by=by, now=now)
    if before is not None and (held := User.objects.filter(pk=before.user).first()):
        title = f"{person.name} took your shift of {schedule.name}"
        text = f"{title} until {row.ends_at:%Y-%m-%d %H:%M} UTC."
        paging.notice(held, title=title, text=text, identity=f"taken:{row.pk}", now=now)
    watch_schedules.known_to(
        [person] if person == by.user else [], schedule, now
    )  # what of theirs comes next is another matter for who held it
    return row


def _answering(user: User | None, by: Actor) -> User:
    person = user or by.user
    if person is None:
        raise Refused("A token without a person takes no shift; name the person.", errors={"user": "Name a person."})
    if person != by.user and not by.is_administrator:
        raise Refused("Only administrators answer for somebody else.", status=403, code="forbidden")
    return person


def _tell(person: User, row: ShiftRequest, title: str, what: str, now: datetime) -> None:
    span = f"{row.starts_at:%Y-%m-%d %H:%M} to {row.ends_at:%Y-%m-%d %H:%M} UTC"
    lines = [f"{row.schedule.name}: {span}."]
    if row.return_starts_at and row.return_ends_at:
        lines.append(f"In return: {row.return_starts_at:%Y-%m-%d %H:%M} to {row.return_ends_at:%Y-%m-%d %H:%M} UTC.")
    lines += [line for line in (row.reason, row.answer, f"{settings.TOCSIN_URL}/schedules/{row.schedule_id}/") if line]
    paging.notice(person, title=title, text="\n".join(lines), identity=f"shift:{row.pk}:{what}", now=now)
