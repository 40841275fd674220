"""Which lines does the procedure's checklist have, which act ticks which line, and where does an incident stand?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tocsin.domain.procedure.model import Block, Item, Procedure, Step

# What an act of the program ticks: the words that the line begins with, found in whatever document the organisation wrote.
ACKNOWLEDGE, VERIFY, ASSESS, CHANNEL = "acknowledge", "verify the incident", "assess severity", "create incident channel"
RESTORE, FIX, VERIFY_FIX, WATCH = "restore service", "implement fix", "verify fix", "monitor for recurrence"
STATUS_PAGE, CLOSE, POSTMORTEM = "update status page", "close incident", "schedule post-mortem"
TIMELINE, ACTION_ITEMS, LEARNINGS = "document timeline", "identify action items", "share learnings"

INITIAL_CHECKS, DATA_GATHERING = "initial checks", "data gathering"
PRIORITY_ORDER, MITIGATIONS = "priority order", "common mitigations"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its step and block, and `number`, its place among all lines of the step (the clause is "step-5.2")."""

    step: Step
    block: Block
    item: Item
    number: int

    @property
    def clause(self) -> str:
        return f"step-{self.step.number}.{self.number}"

    @property
    def key(self) -> tuple[str, str]:
        return self.step.id, self.item.id

    @property
    def words(self) -> str:
        """The line as people read it."""
        return self.item.words


def lines(procedure: Procedure) -> list[Line]:
    """Every line of every step, in the document's order."""
    found = []
    for step in procedure.steps:
        number = 0
        for block in step.blocks:
            for item in block.items:
                number += 1
                found.append(Line(step, block, item, number))
    return found


def line(procedure: Procedure, words: str) -> Line | None:
    """The line that begins with those words (any case, without bold marks); None where the document has none."""
    return next((row for row in lines(procedure) if row.words.lower().startswith(words)), None)


def line_by_id(procedure: Procedure, step_id: str, item_id: str) -> Line | None:
    """The line of that step and item; None where the document has none."""
    return next((row for row in lines(procedure) if row.key == (step_id, item_id)), None)


def under(procedure: Procedure, heading: str) -> list[Line]:
    """The lines under a heading, in order; none where the document has no such block."""
    return [row for row in lines(procedure) if row.block.heading.rstrip(":").lower() == heading]


def parked(procedure: Procedure, row: Line, ticked: Collection[tuple[str, str]]) -> bool:
    """Must this line wait? The last of the priority order (the root cause) does, until the first (service restored) is ticked."""
    if row.block.heading.rstrip(":").lower() != PRIORITY_ORDER:
        return False
    order = under(procedure, PRIORITY_ORDER)
    return len(order) > 1 and row == order[-1] and order[0].key not in ticked


def current_step(procedure: Procedure, *, status: str, restored: bool, communicated: bool) -> int:
    """The number of the step where the incident stands, by what is proved: closed is past all but the last, resolved is being verified,
    restored service is being resolved, a known cause is being mitigated, a published update leaves the diagnosis."""
    last = procedure.steps[-1].number
    resolving, mitigating, diagnosing = line(procedure, FIX), line(procedure, RESTORE), under(procedure, INITIAL_CHECKS)
    if status == "closed":
        return last
    if status == "resolved" or restored:
        return resolving.step.number if resolving else max(last - 1, 1)
    if status in ("identified", "monitoring") and mitigating:
        return mitigating.step.number
    if communicated and diagnosing:
        return diagnosing[0].step.number
    return min(2, last)
