"""How have the accounts at providers been doing? Reads of the paging room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from tocsin.paging.models import Notification, Provider

HOUR = timedelta(hours=1)
SHOWN_HOURS = 48
MOST_TESTS = 5


@dataclass(frozen=True)
class Hour:
    """What became of what was sent in the hour from `at`: taken and refused by the provider, delivered and not by its reports."""

    at: datetime
    taken: int = 0
    refused: int = 0
    delivered: int = 0
    undelivered: int = 0

    @property
    def sent(self) -> int:
        return self.taken + self.refused

    @property
    def good(self) -> int:
        """What was taken and is not known to have failed later."""
        return max(0, self.taken - self.undelivered)


def accounts() -> QuerySet[Provider]:
    """The accounts that are not removed, by channel and place."""
    return Provider.objects.filter(removed_at=None).order_by("channel", "position", "id")


def standing(row: Provider, now: datetime) -> str:
    """How an account stands, in words: "at work", "resting" (its circuit is open), "off"."""
    if not row.enabled:
        return "off"
    return "resting" if row.rests_until and row.rests_until > now else "at work"


def hours(provider: Provider, now: datetime, length: int = SHOWN_HOURS) -> list[Hour]:
    """The last hours, oldest first, also those in which nothing was sent."""
    first = now.replace(minute=0, second=0, microsecond=0) - HOUR * (length - 1)
    found = {row.hour: row for row in provider.hours.filter(hour__gte=first)}
    return [
        Hour(at, row.taken, row.refused, row.delivered, row.undelivered) if (row := found.get(at)) else Hour(at)
        for at in (first + HOUR * place for place in range(length))
    ]


def share(of: list[Hour]) -> int | None:
    """How many per cent of what was sent did well; None where nothing was sent."""
    sent = sum(hour.sent for hour in of)
    return round(100 * sum(hour.good for hour in of) / sent) if sent else None


def tests(provider: Provider) -> list[Notification]:
    """The last test pages through this account, newest first, with what became of them."""
    rows = Notification.objects.filter(account=provider, kind="test").select_related("user", "contact_method")
    return list(rows.order_by("-id")[:MOST_TESTS])
