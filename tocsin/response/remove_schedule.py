"""A schedule is taken out of use: not while a policy pages it, or a role of incidents is filled from it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations as oncall
from tocsin.oncall.models import Schedule
from tocsin.response import named_in


@transaction.atomic
def remove_schedule(schedule: Schedule, *, by: Actor, now: datetime) -> None:
    """Take it out of use. Refused (409), with their names, while policies or roles lead to it."""
    if used := named_in.of_schedule(schedule):
        raise Refused(f"It is still used by {', '.join(used)}. Change that first.", status=409, code="in_use")
    oncall.remove_schedule(schedule, by=by, now=now)
