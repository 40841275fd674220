"""An upgrade while a thousand escalations run: the old version stops, the new one migrates and goes on."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.house import House
from tests.faults.processes import fresh
from tests.faults.table import line
from tests.live import ROOT, until

COUNT, WAIT = 1_000, 100
BACK = 60  # so many commits back is the version that is replaced


def older() -> tuple[Path, str]:
    """The code as it was some time ago, and its name."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", f"HEAD~{BACK}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    packed = subprocess.run(["git", "archive", commit, "tocsin"], cwd=ROOT, capture_output=True, check=True).stdout
    folder = Path(tempfile.mkdtemp(prefix="tocsin-older-"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder, commit


@line(
    "upgrade",
    f"an older version stops, the new one migrates and starts, while {COUNT:,} escalations run",
    "none lost, none doubled, none early",
)
def upgrade(_: House) -> str:
    root, commit = older()
    house = House(root=root)
    try:
        keys = house.people(COUNT, WAIT)
        assert len(keys) == COUNT
        run = fresh("upgrade")
        titles = {f"{run} {number:04} end": key for number, key in enumerate(keys)}
        reported: dict[str, float] = {}

        def send(title: str) -> None:
            until(lambda: house.send(title, key=titles[title]), lambda status: status == 202, 30)
            reported[title] = time.monotonic()

        time.sleep(1)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send, titles))
        sent = time.monotonic()
        heard = lambda: [page for page in house.phone.heard if run in page["title"]]  # noqa: E731
        until(lambda: len(heard()), lambda count: count >= COUNT, 60, pause=0.5)
        first = len(heard())
        made = house.rows("SELECT count(*) FROM django_migrations")[0][0]
        house.server.process.terminate()
        house.server.process.wait(60)
        stopped = time.monotonic()
        assert stopped < min(reported.values()) + WAIT - 5, "the second steps were due before the old version had stopped"
        house.server.root = ROOT
        house.server.start()
        away = time.monotonic() - stopped
        made = house.rows("SELECT count(*) FROM django_migrations")[0][0] - made
        until(lambda: len(heard()), lambda count: count >= 2 * COUNT, WAIT + 90, pause=0.5)
        time.sleep(10)
        pages = {title: [page["heard_at"] for page in heard() if title in page["title"]] for title in titles}
        counts = Counter(len(found) for found in pages.values())
        late = sorted(found[-1] - reported[title] - WAIT for title, found in pages.items())
        seen = (
            f"from {commit}, {made} migrations, {away:.1f} s away; {first} first pages before, then {len(heard()) - first} second ones; "
            f"pages each: {dict(counts)}; the second came {late[0]:.1f} to {late[-1]:.1f} s after its time (all were reported within {sent - min(reported.values()):.0f} s)"
        )
        assert first == COUNT and counts == {2: COUNT} and late[0] >= -1, seen
        return seen
    finally:
        house.close()
        shutil.rmtree(root, ignore_errors=True)
