"""What would other rules for reading make of the messages that came in last? Nothing is changed by it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models.functions import Length

from tocsin.alerts.models import Integration, RawEvent
from tocsin.domain.identity import Comparison, compare
from tocsin.domain.ports import UnreadableError
from tocsin.integrations.mapping import Mapped, Rules, mapped
from tocsin.integrations.registry import SOURCES
from tocsin.lib.cel import Budget
from tocsin.response.read_event import kind_of, received_of, rules_of

log = logging.getLogger(__name__)
SHOWN = 20  # raw events shown
COMPARED = 200  # raw events whose keys are compared
MOST_ITEMS_SHOWN = 10  # of one raw event
LARGEST = 200_000  # bytes: longer bodies are left out of a preview
SECONDS = 2.0  # for the whole preview; what was not reached by then is left out


@dataclass(frozen=True, slots=True)
class Row:
    """One raw event: what is read in it today and what would be, item by item; `error` where nothing can be read."""

    raw: RawEvent
    pairs: list[tuple[Mapped | None, Mapped]] = field(default_factory=list)
    more: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The rows, newest first; what the rules would do to the keys; and for each failing expression the first sentence and how often."""

    rows: list[Row]
    keys: Comparison
    errors: dict[str, tuple[str, int]]


def preview(integration: Integration, rules: Rules) -> Preview:
    """Try the rules on the newest raw events."""
    events = RawEvent.objects.filter(integration=integration).annotate(size=Length("body")).filter(size__lte=LARGEST).order_by("-id")
    rows: list[Row] = []
    pairs: list[tuple[str, str]] = []
    errors: dict[str, tuple[str, int]] = {}
    budget, current = Budget(SECONDS), rules_of(integration)
    for index, raw in enumerate(events[:COMPARED].iterator(chunk_size=20)):
        if budget.spent():
            break
        row = _row(integration, raw, current, rules)
        pairs += [(before.event.dedup_key, after.event.dedup_key) for before, after in row.pairs if before and _counts(before, after)]
        if index >= SHOWN:
            continue
        for name, why in (one for _, after in row.pairs for one in after.errors.items()):
            errors[name] = (errors.get(name, (why, 0))[0], errors.get(name, (why, 0))[1] + 1)
        rows.append(Row(raw, row.pairs[:MOST_ITEMS_SHOWN], max(0, len(row.pairs) - MOST_ITEMS_SHOWN), row.error))
    return Preview(rows, compare(pairs), errors)


def _counts(*ones: Mapped) -> bool:
    return all(one.event.status in ("firing", "acknowledged", "resolved") for one in ones)


def _row(integration: Integration, raw: RawEvent, current: Rules, rules: Rules) -> Row:
    kind, received = kind_of(integration, raw), received_of(raw)
    try:
        before = _read(kind, received, current)
        after = _read(kind, received, rules)
    except UnreadableError as error:
        return Row(raw, error=str(error)[:500])
    except Exception:
        log.exception("event %d could not be previewed", raw.pk)
        return Row(raw, error="Its reader failed on it.")
    beside: Iterable[Mapped | None] = before if len(before) == len(after) else [None] * len(after)
    return Row(raw, list(zip(beside, after, strict=True)))


def _read(kind: str, received, rules: Rules) -> list[Mapped]:  # type: ignore[no-untyped-def]
    return mapped(SOURCES[kind].parse, received, rules)
