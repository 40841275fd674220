"""What did something say before? Keeps each change of a thing as a numbered document, of which the oldest go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Manager, Max, Model

from tocsin.lib.refusal import Refused

MOST_KEPT = 200
MOST_TOLD = 6  # changes in the sentence about somebody else's
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


def refuse_unseen(versions: Manager[Any], seen: int | None, differ: Callable[[dict[str, Any], dict[str, Any]], list[str]]) -> None:
    """Refuse to write over what was saved after version `seen` was shown, and say who saved what. None: who writes was shown nothing;
    0: something of which no version was kept yet.

    Call it with the thing locked. `differ` says in clauses what differs between two documents.
    """
    newest = versions.select_related("saved_by").order_by("-number").first()
    if seen is None or newest is None or newest.number <= seen:
        return
    shown = versions.filter(number=seen).first()
    if shown and shown.content == newest.content:  # what was changed meanwhile was taken back: nothing is written over
        return
    what = "; ".join(differ(shown.content, newest.content)[:MOST_TOLD]) if shown else "more than is kept of its history"
    who = newest.saved_by.name if newest.saved_by else newest.saved_label or "Somebody"
    sentence = (
        f"{who} saved version {newest.number} while you had this open ({what}). What you entered is still here: add what you want to keep"
        " of theirs, then save again, and yours takes its place."
    )
    raise Refused(sentence, status=409, errors={"version": sentence}, code="conflict")
