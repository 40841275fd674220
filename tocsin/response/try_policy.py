"""What would I get if this policy paged me? Its pages to whoever asks, and to nobody else."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.lib.refusal import Refused
from tocsin.paging import operations_policy_tests as tests
from tocsin.paging.models import EscalationPolicy, Notification
from tocsin.paging.operations_policies import policy_of


@transaction.atomic
def try_policy(policy: EscalationPolicy, *, rooms: bool = False, by: Actor, now: datetime) -> list[Notification]:
    """Send the person who asks the pages of the policy as it is saved, marked as a test, and with `rooms` its posts to rooms and webhooks;
    acknowledging one ends it. Refused for programs."""
    if by.user is None:
        raise Refused("A test goes to the person who asks for it, and this is not a person.", status=409, code="no_person")
    tests.send(policy_of(policy.pk), by.user, now, rooms=rooms)
    whom = "themselves, its rooms and webhooks" if rooms else "themselves"
    audit("policy.tested", "escalation_policy", policy.pk, f"{by.label} tries policy {policy.name} on {whom}", by=by, now=now)
    return tests.newest(policy, by.user, now)
