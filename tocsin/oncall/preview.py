"""What would a change of a schedule change? The final schedule before and after, without saving anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain import rotation as rules
from tocsin.domain.final_schedule import Difference, differences, spans
from tocsin.domain.rotation import Span
from tocsin.oncall import operations, queries
from tocsin.oncall.models import Schedule


@dataclass(frozen=True)
class Comparison:
    """Where somebody else (or nobody) would be on call, and the gaps there would be."""

    differences: list[Difference]
    gaps: list[Span]


class _Undone(Exception):
    pass


def compare(schedule: Schedule | None, changes: dict[str, Any], *, by: Actor, now: datetime, until: datetime) -> Comparison:
    """The change (of nothing: the making) is carried out and taken back, so that it is judged and read exactly as it would be when saved.
    Raises Refused as saving does."""
    before = queries.value(schedule, since=now, until=until) if schedule else rules.Schedule("UTC")
    found: Comparison | None = None
    try:
        with transaction.atomic():
            if schedule:
                row = operations.change_schedule(schedule, by=by, now=now, **changes)
            else:
                row = operations.create_schedule(by=by, now=now, **changes)
            after = queries.value(Schedule.objects.get(pk=row.pk), since=now, until=until)
            gaps = [span for span in spans(after, now, until) if isinstance(span, Span)]
            found = Comparison(differences(before, after, now, until), gaps)
            raise _Undone
    except _Undone:
        assert found is not None
        return found
