"""How is being on call shared? Hours, nights, weekends, holidays and interruptions of each person in a span of time, and how even that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tocsin.domain.rotation import Shift, instant

NIGHT_FROM, NIGHT_UNTIL = time(22), time(7)
HOUR = timedelta(hours=1)
SAME_NIGHT = timedelta(hours=9)  # pages within it are one interrupted night


@dataclass(slots=True)
class Share:
    """One person's part. Hours may overlap between schedules: they count once each. A night is a shift that covers 02:00 to 05:00."""

    user: int
    hours: float = 0.0
    night_hours: float = 0.0  # 22:00 to 07:00
    weekend_hours: float = 0.0  # Saturday and Sunday
    holiday_hours: float = 0.0
    nights: int = 0
    shifts: int = 0
    pages: int = 0
    night_pages: int = 0
    interrupted_nights: int = 0
    taken: float = field(default=0.0)  # hours by override: what they took over from others


def shares(
    shifts: Iterable[Shift],
    pages: Mapping[int, Iterable[datetime]],
    *,
    zone: Callable[[int], ZoneInfo],
    holidays: Callable[[int, int], frozenset[date]],
) -> list[Share]:
    """Each person's share, most hours first. `pages`: when each was paged; `zone(user)`: the clock they live by; `holidays(user, year)`."""
    found = dict[int, Share]()
    for shift in shifts:
        _count(found.setdefault(shift.user, Share(shift.user)), shift, zone(shift.user), holidays)
    for user, times in pages.items():
        share = found.setdefault(user, Share(user))
        last: datetime | None = None
        for at in sorted(times):
            share.pages += 1
            if not _is_night(at.astimezone(zone(user)).time()):
                continue
            share.night_pages += 1
            if last is None or at - last > SAME_NIGHT:
                share.interrupted_nights += 1
                last = at
    return sorted(found.values(), key=lambda share: (-share.hours, share.user))


def _count(share: Share, shift: Shift, zone: ZoneInfo, holidays: Callable[[int, int], frozenset[date]]) -> None:
    length = (shift.ends_at - shift.starts_at) / HOUR
    share.hours += length
    share.shifts += 1
    if shift.source == "override":
        share.taken += length
    day = shift.starts_at.astimezone(zone).date() - timedelta(days=1)
    while (begin := instant(datetime.combine(day, time()), zone)) < shift.ends_at:
        following = day + timedelta(days=1)
        end = instant(datetime.combine(following, time()), zone)
        inside = _common(shift, begin, end)
        if day.weekday() >= 5:
            share.weekend_hours += inside
        if inside and day in holidays(shift.user, day.year):
            share.holiday_hours += inside
        share.night_hours += _common(
            shift, instant(datetime.combine(day, NIGHT_FROM), zone), instant(datetime.combine(following, NIGHT_UNTIL), zone)
        )
        small = instant(datetime.combine(following, time(2)), zone), instant(datetime.combine(following, time(5)), zone)
        share.nights += shift.starts_at <= small[0] and small[1] <= shift.ends_at
        day = following


def _common(shift: Shift, begin: datetime, end: datetime) -> float:
    return max((min(shift.ends_at, end) - max(shift.starts_at, begin)) / HOUR, 0.0)


def _is_night(at: time) -> bool:
    return at >= NIGHT_FROM or at < NIGHT_UNTIL


def evenness(amounts: Iterable[float]) -> int | None:
    """How even a load is spread, 0 to 100: 100 where all carry the same, 0 where one carries all. None with fewer than two people or no load.

    It is one minus the mean distance from the mean, over the largest that it could be (one carries all).
    """
    values = list(amounts)
    total = sum(values)
    if len(values) < 2 or total <= 0:
        return None
    mean = total / len(values)
    distance = sum(abs(value - mean) for value in values)
    return round(100 * (1 - distance / (2 * total * (len(values) - 1) / len(values))))
