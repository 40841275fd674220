#!/usr/bin/env python3
"""How long does the final schedule of a year take, with 10 rotations, restrictions, overrides and absences? Prints the median and p99.

    python -m tests.performance.final_schedule [--rounds 30]

Pure computation, no database: what the pages, the API, the calendar feed and the pager call.
"""

from __future__ import annotations

import argparse
import statistics
import time as clock
from datetime import UTC, datetime, time, timedelta

from tocsin.domain.final_schedule import spans
from tocsin.domain.rotation import Absence, Override, Restriction, Rotation, Schedule, on_call

START = datetime(2026, 1, 1, tzinfo=UTC)


def schedule(rotations: int, overrides: int) -> Schedule:
    """Rotations of office hours above ones of nights and weekends, each with its own handoff."""
    office = (Restriction(frozenset(range(5)), time(9), time(17)),)
    nights = (Restriction(frozenset(range(5)), time(17), time(9)), Restriction(frozenset({5, 6}), time(0), time(0)))
    made = tuple(
        Rotation(
            f"layer {number}", tuple(range(number, number + 6)), datetime(2026, 1, 5, 9) + timedelta(hours=number),
            shift_days=7 if number % 2 else 1, restrictions=nights if number % 2 else office,
        )
        for number in range(rotations)
    )  # fmt: skip
    stand_ins = tuple(
        Override(90 + n % 7, START + timedelta(days=365 * n / overrides), START + timedelta(days=365 * n / overrides, hours=8), n)
        for n in range(overrides)
    )
    away = tuple(Absence(n % 12, START + timedelta(days=7 * n), START + timedelta(days=7 * n + 3)) for n in range(50))
    return Schedule("Europe/Berlin", made, stand_ins, away, hand_over=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    for rotations, days in ((1, 365), (10, 14), (10, 365)):
        one = schedule(rotations, 100)
        took = []
        for _ in range(rounds):
            began = clock.perf_counter()
            found = spans(one, START, START + timedelta(days=days))
            took.append((clock.perf_counter() - began) * 1000)
        took.sort()
        print(
            f"{rotations:>3} rotations, {days:>3} days: p50 {statistics.median(took):6.1f} ms, max {took[-1]:6.1f} ms, {len(found)} spans"
        )
    began = clock.perf_counter()
    for minute in range(2000):
        on_call(one, START + timedelta(hours=minute))
    print(f"who is on call at an instant, 10 rotations: {(clock.perf_counter() - began) / 2000 * 1e6:.0f} µs")


if __name__ == "__main__":
    main()
