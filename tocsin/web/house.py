"""What does every request of somebody signed in ask about the house? One statement: its name, the second factor, the paging, and the time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.http import HttpRequest

_ASK = """
SELECT tocsin_now(), (SELECT held_since FROM paging_pagingstate WHERE id = 1), coalesce(o.name, ''), coalesce(o.require_mfa, false)
FROM (SELECT 1) one LEFT JOIN (SELECT name, require_mfa FROM accounts_organisation ORDER BY id LIMIT 1) o ON true
"""


class House(NamedTuple):
    """`now`: the time of the request. `held_since`: paging is held back since then, after a restore."""

    now: datetime
    held_since: datetime | None
    name: str
    demands_second_factor: bool


def of(request: HttpRequest) -> House:
    """The same for all of one request."""
    known = getattr(request, "_house", None)
    if known is None:
        with connection.cursor() as cursor:
            cursor.execute(_ASK)
            known = request._house = House(*cursor.fetchone())  # type: ignore[attr-defined]
    return known
