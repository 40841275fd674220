"""Five million old rows beside those that are due."""

from __future__ import annotations

import re
import statistics
import time

from tests.faults.house import House
from tests.faults.processes import fresh
from tests.faults.table import line
from tests.live import until
from tocsin import postgres

MANY, PAGES, LONGEST_MS = 5_000_000, 1_000_000, 20
UNIQUE = {"identity": "identity || '-' || n", "dedup_key": "dedup_key || '-' || n"}


def multiply(house: House, table: str, where: str, count: int) -> None:
    """So many copies of one row, each with its own number and name."""
    names = [
        row[0]
        for row in house.rows("SELECT column_name::text FROM information_schema.columns WHERE table_name = %s AND column_name <> 'id' AND is_generated = 'NEVER'", table)
    ]  # fmt: skip
    into, values = ", ".join(names), ", ".join(UNIQUE.get(name, name) for name in names)
    for part in range(0, count, 500_000):
        house.rows(
            f"INSERT INTO {table} ({into}) SELECT {values} FROM (SELECT * FROM {table} WHERE {where} ORDER BY id LIMIT 1) one,"
            f" generate_series({part + 1}, {min(count, part + 500_000)}) n",
            role=postgres.SUPERUSER,
        )
    house.rows(f"VACUUM ANALYZE {table}", role=postgres.SUPERUSER)


@line("database", f"{MANY:,} old events and {PAGES:,} old pages", f"what is due is fetched within {LONGEST_MS} ms", long=True)
def rows(_: House) -> str:
    house = House()
    try:
        house.person()
        before = statistics.median(_paging(house, 20))
        own = f"(SELECT id FROM alerts_integration WHERE key = '{house.key}')"  # the canary's old events go each minute
        multiply(house, "alerts_rawevent", f"state = 'done' AND integration_id = {own}", MANY)
        multiply(house, "paging_notification", "state = 'accepted'", PAGES)
        _paging(house, 10)  # so that what is asked for often is in memory again
        house.rows(f"ALTER SYSTEM SET log_min_duration_statement = '{LONGEST_MS}ms'", role=postgres.SUPERUSER)
        house.rows("SELECT pg_reload_conf()", role=postgres.SUPERUSER)
        log = house.data / "postgres" / "log"
        begun = log.stat().st_size
        took = _paging(house, 30)
        time.sleep(65)  # each of the minute's rounds once: the auditor, the lateness, the canary
        said = log.read_bytes()[begun:].decode(errors="replace")
        slow = re.findall(r"duration: ([\d.]+) ms .*?: (.*)", said)
        fetches = [(ms, what[:150]) for ms, what in slow if re.search(r"FOR UPDATE|due_at <=|state = 'new'", what)]
        others = sorted({f"{what[:70]} ({float(ms):.0f} ms)" for ms, what in slow if not what.startswith(("COMMIT", "commit"))})
        seen = (
            f"{len(fetches)} fetches over {LONGEST_MS} ms; paged after {statistics.median(took) * 1000:.0f} ms ({before * 1000:.0f} ms before);"
            f" other statements over it: {'; '.join(others[:4]) or 'none'}"
        )
        assert not fetches, f"{seen} {fetches[:3]}"
        return seen
    finally:
        house.close()


def _paging(house: House, count: int) -> list[float]:
    """Seconds from report to page, so many times, each for somebody else."""
    took = []
    for _ in range(count):
        house.person()
        title, begun = fresh("big"), time.monotonic()
        assert house.send(title) == 202
        until(lambda title=title: house.phone.pages(title), bool, 30, pause=0.005)
        took.append(house.phone.pages(title)[0]["heard_at"] - begun)
    return took
