"""Has somebody tried what a page is like before their first shift? A test page by all their ways, which they acknowledge as any page."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall import operations_people as oncall
from tocsin.oncall.models import Readiness
from tocsin.paging import operations_contacts as contacts
from tocsin.paging import operations_policy_tests as policy_tests
from tocsin.paging import operations_shown as shown
from tocsin.paging.messages import POLICY_TEST
from tocsin.paging.models import Notification

OPEN_FOR = timedelta(hours=24)  # as long as the link of a page


@transaction.atomic
def rehearse(user: User, *, by: Actor, now: datetime) -> list[Notification]:
    """Send that person a test page by each of their ways, to be acknowledged. Refused where no way leads to them."""
    if by.user != user and not by.is_administrator:
        raise Refused("Only administrators send others a test page.", status=403, code="forbidden")
    return contacts.send_rehearsal(user, by=by, now=now)


@transaction.atomic
def acknowledge_rehearsal(user: User, *, now: datetime) -> datetime:
    """ "I have it", said to a test page: that person is ready; since when. Refused (404) where none was sent within a day."""
    row = Readiness.objects.filter(user=user).first()
    if row is not None and row.acknowledged_at is not None:
        return row.acknowledged_at
    if not contacts.rehearsals(user).filter(created_at__gt=now - OPEN_FOR).exists():
        raise missing("test page")
    oncall.is_ready(user, now=now)
    shown.refresh(contacts.rehearsals(user), now)
    return now


@transaction.atomic
def acknowledge_test(user: User, page: Notification | None, *, now: datetime) -> datetime:
    """ "I have it", said to any test page that asks for it: one of a policy ends that test, any other makes its person ready."""
    if page is not None and page.user_id == user.pk and page.identity.startswith(POLICY_TEST):
        return policy_tests.acknowledge(page, user, now)
    return acknowledge_rehearsal(user, now=now)


@transaction.atomic
def excuse(user: User, *, reason: str, by: Actor, now: datetime) -> None:
    """Let somebody start without a test page, for a reason that is kept."""
    if not by.is_administrator:
        raise Refused("Only administrators let somebody start without a test page.", status=403, code="forbidden")
    oncall.excuse(user, reason=reason, by=by, now=now)
