"""Does an alert flap: does it end and open again and again? Then it stays one alert, and nobody is paged for each time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=10)
OPENINGS = 3  # within the window: the first time that it comes back is a new alert and pages, the next time it flaps
CALM = timedelta(minutes=10)  # so long without opening or ending: it no longer flaps
KEPT = 10  # openings that are remembered


def recent(openings: Iterable[datetime], at: datetime) -> tuple[datetime, ...]:
    """The openings within the window that ends with one at `at`, that one included; at most KEPT, the newest."""
    return (*(one for one in openings if at - WINDOW < one <= at), at)[-KEPT:]


def flaps(openings: tuple[datetime, ...], calm_at: datetime | None, at: datetime) -> bool:
    """Is an opening at `at` one more flap? `openings` are the recent ones with it; `calm_at` is set while the alert flaps already."""
    return len(openings) >= OPENINGS or (calm_at is not None and at < calm_at)
