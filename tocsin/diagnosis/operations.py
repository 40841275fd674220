"""How are the checks of an incident opened and answered? The only file that writes the room's table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.accounts.models import User
from tocsin.diagnosis.models import Check
from tocsin.incidents.models import Incident
from tocsin.lib import statements


def open_checks(incident: Incident, rows: list[dict[str, Any]]) -> list[Check]:
    """Make the incident's checks in the procedure's order. Each dict: kind, item, question, collector, and what is known already."""
    checks = [Check(incident=incident, position=position, **row) for position, row in enumerate(rows, start=1)]
    statements.insert(checks)
    return checks


def answer(check: Check, *, answer: str, evidence: str, link: str, by: User | None, now: datetime) -> Check:
    """What a person found."""
    check.state, check.answer, check.evidence, check.link = "answered", answer, evidence, link
    check.answered_at, check.answered_by = now, by
    check.save(update_fields=["state", "answer", "evidence", "link", "answered_at", "answered_by"])
    return check


def collected(
    check: Check, *, answer: str, evidence: str, link: str, data: dict[str, Any], window: tuple[datetime, datetime], now: datetime
) -> Check:
    """What a collector found in its window of time, as a snapshot."""
    check.state, check.answer, check.evidence, check.link, check.data = "answered", answer, evidence, link, data
    check.window_start, check.window_end = window
    check.answered_at, check.answered_by = now, None
    check.save()
    return check


def gap(check: Check, *, reason: str, now: datetime) -> Check:
    """Nothing can be collected, and why: shown as a gap, blocks nothing."""
    check.state, check.evidence, check.answered_at = "gap", reason, now
    check.save(update_fields=["state", "evidence", "answered_at"])
    return check
