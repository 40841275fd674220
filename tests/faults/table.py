"""What was done to a running Tocsin, what was expected, what was seen: one line each, with a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Line:
    """One line of the checklist. `act` does it and says what was seen; it raises AssertionError where that is not as expected."""

    group: str
    done: str
    expected: str
    act: Callable[[Any], str] | None = None
    long: bool = False  # minutes of waiting, or millions of rows: only where asked for
    tests: tuple[str, ...] = ()  # instead of `act`: where the suite does it with a moved clock or a stand-in
    seen: str = ""
    verdict: str = "not run"
    seconds: float = 0.0


LINES: list[Line] = []


def line(group: str, done: str, expected: str, *, long: bool = False) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
    """A line that hurts real processes."""

    def keep(act: Callable[[Any], str]) -> Callable[[Any], str]:
        LINES.append(Line(group, done, expected, act, long))
        return act

    return keep


def by_tests(group: str, done: str, expected: str, *tests: str) -> None:
    """A line that tests of the suite prove."""
    LINES.append(Line(group, done, expected, tests=tests))


def carry_out(one: Line, house: Any, made_whole: Callable[[Any], None]) -> None:
    """Do it, once everything is in order, and note what was seen."""
    begun = time.monotonic()
    try:
        assert one.act is not None
        made_whole(house)
        begun = time.monotonic()
        one.seen, one.verdict = one.act(house), "yes"
    except Exception as error:
        one.seen, one.verdict = f"{type(error).__name__}: {str(error)[:160]}", "NO"
    one.seconds = time.monotonic() - begun


def markdown(lines: list[Line]) -> str:
    """The table."""
    rows = ["| | what was done | expected | seen | as expected | s |", "| --- | --- | --- | --- | --- | --- |"]
    rows += [
        "| "
        + " | ".join([one.group, one.done, one.expected, " ".join(one.seen.replace("|", "/").split()), one.verdict, f"{one.seconds:.0f}"])
        + " |"
        for one in lines
    ]
    return "\n".join(rows) + "\n"
