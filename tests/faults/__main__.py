"""The whole list of faults, done to a running Tocsin, told as a table: `python -m tests.faults --help`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.live import ROOT

KILLS, EVENTS, GAP = 100, 20_000, 2.0


def main() -> int:
    """Do what was chosen; 1 where a line was not as expected."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "groups",
        nargs="*",
        help="process, again, database, provider, time, stream, self-watch, upgrade, kills; all of them when none is named",
    )
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--gap", type=float, default=GAP, help="seconds between two kills, on average")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no further line after so many seconds")
    parser.add_argument("--only", default="", help="lines whose words contain this")
    parser.add_argument("--markdown", type=Path, help="write the table there too")
    parser.add_argument(
        "--long", action="store_true", help="also the lines that take minutes: 5 million rows, ten minutes without a database"
    )
    parser.add_argument("--list", action="store_true", help="only say what there is")
    chosen = parser.parse_args()
    _settings()
    from tests.faults import big, databases, disks, house, in_the_suite, kills, processes, slow, streams, table, upgrade  # noqa: F401 - they bring the lines

    table.LINES.append(
        table.Line("kills", f"{chosen.kills} random kills of workers, web and database while {chosen.events:,} events come in",
                   "0 lost, 0 undue pages, at most one marked duplicate for each kill",
                   lambda at: kills.random_kills(at, chosen.kills, chosen.events, chosen.gap))
    )  # fmt: skip
    lines = [
        one
        for one in table.LINES
        if (not chosen.groups or one.group in chosen.groups) and chosen.only in one.done and (chosen.long or not one.long)
    ]
    if chosen.list:
        print(table.markdown(lines))
        return 0
    begun = time.monotonic()
    at: house.House | None = None
    try:
        for one in lines:
            if time.monotonic() - begun > chosen.seconds:
                continue
            if one.act is None:
                _by_tests(one)
            else:
                at = at or house.House()
                table.carry_out(one, at, _made_whole)
                if one.verdict == "NO":
                    print(at.logs()[-6000:], file=sys.stderr, flush=True)
            print(f"{one.verdict:8} {one.seconds:5.0f} s  {one.group}: {one.done} — {one.seen}", flush=True)
    finally:
        if at is not None:
            at.close()
    print("\n" + table.markdown(lines))
    if chosen.markdown:
        chosen.markdown.write_text(table.markdown(lines))
    return int(any(one.verdict == "NO" for one in lines))


def _settings() -> None:
    """The tests' own settings: the processes that are hurt have theirs from tests/live.py."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.settings")
    os.environ.setdefault("TOCSIN_DATABASE_URL", "postgresql:///none")
    os.environ.setdefault("TOCSIN_SECRET_KEY", "tests-only-" + "x" * 40)
    import tempfile

    os.environ.setdefault("TOCSIN_DATA_DIR", tempfile.mkdtemp(prefix="tocsin-faults-"))
    import django

    django.setup()


def _made_whole(at: object) -> None:
    """Before each line: everything answers, and somebody new is paged."""
    from tests.faults.house import House
    from tests.live import until

    assert isinstance(at, House)
    at.phone.patience = 0.0
    at.phone.answers.set()
    if at.server.process.poll() is not None:
        at.server.start()
    until(lambda: at.server.ask("GET", "/readyz", token="")[0], lambda status: status == 200, 60)
    at.person()


def _by_tests(one: object) -> None:
    from tests.faults.table import Line

    assert isinstance(one, Line)
    begun = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *one.tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    said = [line for line in done.stdout.splitlines() if " passed" in line or " failed" in line or " error" in line]
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    one.seen = f"{said[-1].split(',')[0] if said and not failed else failed or done.stdout[-200:]}: {', '.join(one.tests)}"
    one.verdict, one.seconds = "yes" if done.returncode == 0 else "NO", time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
