"""What did something say before? Keeps each change of a thing as a numbered document, of which the oldest go."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Manager, Max, Model

MOST_KEPT = 200
Row = TypeVar("Row", bound=Model)


def keep(versions: Manager[Row], content: dict[str, Any], **facts: Any) -> Row | None:
    """Remember `content` as the next version among a thing's `versions`, with these facts of it; None where nothing changed since the last.

    The rows have `number` and `content`. Call it with the thing locked, so that no two changes take the same number.
    """
    last = versions.order_by("-number").first()
    if last is not None and last.content == content:  # type: ignore[attr-defined]
        return None
    number = (versions.aggregate(last=Max("number"))["last"] or 0) + 1
    row = versions.create(number=number, content=content, **facts)
    versions.filter(number__lte=number - MOST_KEPT).delete()
    return row
