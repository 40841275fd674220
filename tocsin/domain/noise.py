"""Which alerts are noise, and what could be done about it?"""

from __future__ import annotations

from dataclasses import dataclass

FEW = 5  # alerts; fewer say nothing
MANY = 0.5
NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True)
class Noise:
    """What came of the alerts of one service, integration, rule or title in a period. `passing` were over by themselves within five minutes."""

    key: str
    name: str
    alerts: int
    paged: int = 0
    pages: int = 0
    at_night: int = 0
    acknowledged: int = 0
    false_alarms: int = 0
    useful: int = 0
    noise: int = 0
    passing: int = 0

    def share(self, number: int, of: int | None = None) -> int:
        """That number in per cent of the alerts."""
        whole = self.alerts if of is None else of
        return round(100 * number / whole) if whole else 0


def suggestions(row: Noise) -> list[str]:
    """What to try, in sentences, the strongest reason first; none where too little happened."""
    if row.alerts < FEW:
        return []
    said = []
    if row.passing >= NEARLY_ALL * row.alerts:
        said.append(f"Over by itself within 5 min in {row.share(row.passing)} %: let the monitor wait 5 min before it tells.")
    if row.false_alarms >= MANY * row.alerts:
        said.append(f"{row.share(row.false_alarms)} % were false alarms: repair or remove the check.")
    if row.noise + row.useful >= FEW and row.noise > row.useful:
        said.append(f"{row.noise} of {row.noise + row.useful} answers call it noise: lower its severity so that it makes a ticket.")
    if row.paged >= FEW and row.acknowledged < (1 - NEARLY_ALL) * row.paged:
        said.append(f"Only {row.share(row.acknowledged, row.paged)} % of what paged was acknowledged: who is paged does not need it.")
    if row.at_night >= FEW and row.false_alarms + row.passing >= MANY * row.alerts:
        said.append(f"{row.at_night} pages came at night for what mostly passed: page for it in working hours only.")
    return said
