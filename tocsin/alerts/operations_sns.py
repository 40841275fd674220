"""Which certificates and confirmations are to be fetched from Amazon SNS, and what came of it?"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, Q

from tocsin.alerts.models import Integration, SnsFetch
from tocsin.lib import due

LOOP_NAME = "sns"
LEASE = timedelta(seconds=30)  # a fetch that was begun and not settled falls back after it
CERTIFICATE_RETRIES = (1.0, 5.0, 15.0)  # seconds
CONFIRMATION_RETRIES = (5.0, 30.0, 120.0, 600.0, 3600.0)  # seconds
AGAIN_AFTER = timedelta(minutes=1)  # a certificate that could not be fetched is tried again for events that come later
MOST_CERTIFICATES = 10  # of one integration: kept, and as many that wait or failed within the last hour
MOST_SUBSCRIPTIONS = 50  # of one integration
State, Purpose = SnsFetch.State, SnsFetch.Purpose


def certificates(integration: Integration) -> dict[str, SnsFetch]:
    """The certificates of an integration by address, in whatever state."""
    return {row.url: row for row in SnsFetch.objects.filter(integration=integration, purpose=Purpose.CERTIFICATE)}


def ask_certificate(integration: Integration, url: str, known: dict[str, SnsFetch], now: datetime) -> SnsFetch | None:
    """Have a certificate fetched; None where too many different ones are asked for. `known` is kept up to date."""
    row = known.get(url)
    if row is not None:
        if row.state == State.FAILED and row.settled_at and row.settled_at <= now - AGAIN_AFTER:
            _again(row, now)
        return row
    open_ones = [
        one
        for one in known.values()
        if one.state == State.WAITING or (one.state == State.FAILED and one.asked_at > now - timedelta(hours=1))
    ]
    if len(open_ones) >= MOST_CERTIFICATES:
        return None
    useless = [one for one in known.values() if one not in open_ones]
    useless.sort(key=lambda one: (one.state == State.DONE, one.asked_at))
    for old in useless[: max(0, len(useless) - MOST_CERTIFICATES + 1)]:
        known.pop(old.url)
        old.delete()
    known[url] = SnsFetch.objects.create(integration=integration, purpose=Purpose.CERTIFICATE, url=url, next_try_at=now, asked_at=now)
    due.wake(LOOP_NAME)
    return known[url]


def ask_subscription(integration: Integration, topic: str, url: str, now: datetime) -> None:
    """Have a subscription confirmed; asked again, one that failed is tried anew."""
    row = SnsFetch.objects.filter(integration=integration, url=url).first()
    if row is None:
        old = (
            SnsFetch.objects.filter(integration=integration, purpose=Purpose.SUBSCRIPTION)
            .order_by("-id")
            .values("id")[MOST_SUBSCRIPTIONS - 1 :]
        )
        SnsFetch.objects.filter(pk__in=[one["id"] for one in old]).delete()
        SnsFetch.objects.create(
            integration=integration, purpose=Purpose.SUBSCRIPTION, url=url, topic=topic[:500], next_try_at=now, asked_at=now
        )
        due.wake(LOOP_NAME)
    elif row.state in (State.FAILED, State.ENDED):
        _again(row, now)


def _again(row: SnsFetch, now: datetime) -> None:
    row.state, row.attempts, row.next_try_at, row.asked_at, row.settled_at = State.WAITING, 0, now, now, None
    row.save()
    due.wake(LOOP_NAME)


def end_subscription(integration: Integration, topic: str, now: datetime) -> None:
    """Note that the topic sends no more."""
    rows = SnsFetch.objects.filter(integration=integration, purpose=Purpose.SUBSCRIPTION, topic=topic[:500])
    rows.exclude(state=State.ENDED).update(state=State.ENDED, settled_at=now)


@transaction.atomic
def claim(now: datetime) -> SnsFetch | None:
    """The next fetch that is due, claimed for 30 s."""
    rows = SnsFetch.objects.select_for_update(skip_locked=True, of=("self",)).filter(state=State.WAITING, next_try_at__lte=now)
    row = rows.select_related("integration").order_by("next_try_at").first()
    if row is not None:
        row.attempts, row.next_try_at = row.attempts + 1, now + LEASE
        row.save(update_fields=["attempts", "next_try_at"])
    return row


@transaction.atomic
def settle(row: SnsFetch, *, error: str = "", final: bool = False, pem: str = "", now: datetime) -> SnsFetch:
    """Write down what came of a fetch: done, another try later, or failed for good. What waits for it is looked at again."""
    retries = CERTIFICATE_RETRIES if row.purpose == Purpose.CERTIFICATE else CONFIRMATION_RETRIES
    row.error, row.pem = error[:300], pem
    if error and not final and row.attempts <= len(retries):
        row.next_try_at = now + timedelta(seconds=retries[row.attempts - 1])
    else:
        row.state, row.settled_at = State.FAILED if error else State.DONE, now
    row.save(update_fields=["error", "pem", "next_try_at", "state", "settled_at"])
    due.wake("raw_events")
    return row


def next_due() -> datetime | None:
    """When the next fetch is due."""
    return SnsFetch.objects.filter(state=State.WAITING).aggregate(at=Min("next_try_at"))["at"]


def shown(integration: Integration) -> list[SnsFetch]:
    """What people should see: the newest subscriptions, and certificates that could not be fetched."""
    wanted = Q(purpose=Purpose.SUBSCRIPTION) | Q(state=State.FAILED)
    return list(SnsFetch.objects.filter(wanted, integration=integration).order_by("-id")[:10])
