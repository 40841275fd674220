"""How are mitigations offered, proposed, decided and recorded? The only file that writes the room's table."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from tocsin.accounts.models import User
from tocsin.incidents.models import Incident
from tocsin.lib import statements
from tocsin.mitigation.models import Mitigation

State = Mitigation.State


def offer(incident: Incident, items: list[tuple[str, str]]) -> list[Mitigation]:
    """Offer what the procedure lists, as (item id, title), in its order."""
    rows = [
        Mitigation(incident=incident, position=position, item=item, title=title) for position, (item, title) in enumerate(items, start=1)
    ]
    statements.insert(rows)
    return rows


def add(incident: Incident, *, title: str) -> Mitigation:
    """One that a person thought of; it comes after the others."""
    last = Mitigation.objects.filter(incident=incident).aggregate(last=Max("position"))["last"] or 0
    return Mitigation.objects.create(incident=incident, position=last + 1, title=title)


def propose(row: Mitigation, *, effect: str, by: User | None, now: datetime) -> Mitigation:
    """Put it before the commander, with what it will do."""
    row.state, row.effect, row.proposed_at, row.proposed_by = State.PROPOSED, effect, now, by
    row.decided_at, row.decided_by, row.decision_reason = None, None, ""
    row.save()
    return row


def decide(row: Mitigation, *, approved: bool, reason: str, by: User | None, now: datetime) -> Mitigation:
    """What the commander decided."""
    row.state = State.APPROVED if approved else State.DECLINED
    row.decided_at, row.decided_by, row.decision_reason = now, by, reason
    row.save(update_fields=["state", "decided_at", "decided_by", "decision_reason"])
    return row


def record(row: Mitigation, *, note: str, outcome: str, output: str, failed: bool, by: User | None, now: datetime) -> Mitigation:
    """What was done and what came of it."""
    row.state = State.FAILED if failed else State.DONE
    row.note, row.outcome, row.output, row.done_at, row.done_by = note, outcome, output, now, by
    row.save(update_fields=["state", "note", "outcome", "output", "done_at", "done_by"])
    return row
