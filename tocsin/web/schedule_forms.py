"""What do the forms of schedules share? The schedule of an address, the zone that times are written in, and times read in it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from tocsin.accounts.models import User
from tocsin.domain import rotation
from tocsin.lib.refusal import invalid
from tocsin.oncall.models import Schedule
from tocsin.web import pages, words

MOST_CHOICES = 500  # people in one list


def zone_of(request: HttpRequest, chosen: Schedule) -> tuple[str, ZoneInfo]:
    """Which zone the reader wants times in (schedule, mine, utc), and that zone."""
    wanted = request.GET.get("zone") or request.POST.get("zone", "")
    names = {"schedule": chosen.time_zone, "mine": getattr(request.user, "time_zone", "UTC"), "utc": "UTC"}
    wanted = wanted if wanted in names else "schedule"
    return wanted, words.zone(names[wanted])


ZONES = (("schedule", "Schedule"), ("mine", "Mine"), ("utc", "UTC"))


def read_time(request: HttpRequest, name: str, zone: ZoneInfo) -> datetime:
    """A posted time: with its own zone, or as wall-clock time of `zone`. Refused beside the field where it is none."""
    try:
        read = datetime.fromisoformat(request.POST.get(name, "").strip())
    except ValueError:
        raise invalid(**{name: "Give a date and a time."}) from None
    return read.astimezone(UTC) if read.tzinfo else rotation.instant(read, zone)


def shown_time(at: datetime, zone: ZoneInfo) -> str:
    """A time as a date and time field takes it."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def read_day(text: str, otherwise: date) -> date:
    """A day of an address, kept within what calendars know."""
    try:
        wanted = date.fromisoformat(text) if text else otherwise
    except ValueError:
        wanted = otherwise
    return min(max(wanted, date(2000, 1, 3)), date(2099, 12, 1))


def asker_of(request: HttpRequest, name: str) -> User | None:
    """Whose shift a posted request is about; the reader's own where the field is empty."""
    return User.objects.filter(pk=pages.number(request, name) or request.user.pk or 0, is_active=True).first()


def everybody() -> list[User]:
    """The people whom a list offers, by name."""
    return list(User.objects.filter(is_active=True, removed_at=None).order_by("name", "id")[:MOST_CHOICES])
