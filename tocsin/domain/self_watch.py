"""Is Tocsin itself ill? What is judged from what was seen, and when somebody is told of it (again)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LATE = 30.0  # seconds after which something that is due raises the alarm
DATABASE_SILENT = 30.0
LOOP_SILENT = 45.0  # longer than the longest pause of a loop after failures
WORKER_SILENT = 45.0
AUDITOR_SILENT = 150.0
CANARY_SILENT = 150.0  # one is sent each minute
TELL_AGAIN = 900.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found; spans in seconds. None: not to be judged by this process.

    `late`: how late the oldest due row of each loop is. `rounds`: since when each loop has not gone round. `findings`: the auditor's.
    """

    database: float = 0.0
    late: Mapping[str, float] = field(default_factory=dict)
    rounds: Mapping[str, float] = field(default_factory=dict)
    worker: float | None = None
    auditor: float | None = None
    findings: Sequence[str] = ()
    canary: float | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """`kind` is what it is told once for; `words` say it."""

    kind: str
    words: str


def judge(seen: Seen) -> list[Problem]:
    """What is wrong, the worst first; empty: all is well."""
    if seen.database > DATABASE_SILENT:  # nothing else can be known then
        return [Problem("database", f"The database has not answered for {seen.database:.0f} seconds")]
    found = []
    if seen.worker is not None and seen.worker > WORKER_SILENT:
        found.append(Problem("worker", f"No worker has been heard for {seen.worker:.0f} seconds: nobody is paged"))
    found += [
        Problem(f"late:{loop}", f"The oldest of {loop} is {late:.0f} seconds late") for loop, late in seen.late.items() if late > LATE
    ]
    found += [
        Problem(f"stuck:{loop}", f"The loop {loop} has not gone round for {silent:.0f} seconds")
        for loop, silent in seen.rounds.items()
        if silent > LOOP_SILENT
    ]
    if seen.auditor is not None and seen.auditor > AUDITOR_SILENT:
        found.append(Problem("auditor", f"The auditor has not looked for {seen.auditor:.0f} seconds"))
    found += [Problem(f"audit:{finding.partition(' ')[2]}", f"The auditor found that {finding}") for finding in seen.findings]
    if seen.canary is not None and seen.canary > CANARY_SILENT:
        found.append(Problem("canary", f"The last test event went through the whole path {seen.canary:.0f} seconds ago"))
    if seen.held:
        found.append(Problem("held", "Paging is held back after a restore: nobody is paged until an administrator releases it"))
    return found


@dataclass(slots=True)
class Told:
    """Of which problems people know, and since when; `again` says what they are told now."""

    since: dict[str, float] = field(default_factory=dict)

    def again(self, problems: Sequence[Problem], now: float) -> tuple[list[Problem], bool]:
        """The problems to tell: new ones at once, old ones every quarter of an hour; and whether all is well again, once. `now` in seconds."""
        if not problems:
            over = bool(self.since)
            self.since.clear()
            return [], over
        new = [one for one in problems if one.kind not in self.since]
        old = any(now - self.since[one.kind] >= TELL_AGAIN for one in problems if one.kind in self.since)
        if not new and not old:
            return [], False
        self.since = {one.kind: now for one in problems}
        return list(problems), False
