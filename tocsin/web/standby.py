"""Who holds the pager now, and where is nobody going to?"""

from __future__ import annotations

from datetime import datetime
from typing import Any


def on_call(now: datetime) -> list[dict[str, Any]]:
    """The schedules with who is on call now."""
    return []


def gaps_ahead(now: datetime) -> list[dict[str, Any]]:
    """Spans of the next two weeks in which a schedule has nobody."""
    return []
