"""How does a long list come in pages? By the id of its last row, in the address, so that pages stay right while rows arrive."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest


def page(rows: QuerySet[Any], before: str | None, size: int) -> tuple[list[Any], int | None]:
    """The newest `size` rows older than the id `before`, and the id after which the next page begins (None: no more)."""
    if before and before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found: list[Model] = list(rows.order_by("-pk")[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None


def address(request: HttpRequest, before: int | None) -> str:
    """The address of the next page with the same filters; empty where there is none."""
    if before is None:
        return ""
    query = request.GET.copy()
    query["before"] = str(before)
    return f"?{query.urlencode()}"
