"""A disk that is full: all of the data folder's, and that of the write-ahead log alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.house import House, report
from tests.faults.processes import fresh
from tests.faults.table import line
from tests.live import until

EXPECTED = "no 2xx for what is not stored, the alarm goes out, paging works by itself within 15 s of room"


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A disk of its own (a file system in memory; needs root)."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(folder: Path) -> Path:
    """A file that takes what is left, to the last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return ballast


def _until_refused(house: House, accepted: set[str], key: str) -> tuple[int, float]:
    """Send until it says no; the answer and how long that took."""
    begun, number = time.monotonic(), 0
    while time.monotonic() < begun + 120:
        title = f"{fresh('disk')} {number}"
        status = house.server.ask("POST", f"/in/{key}", report(title, "info", "x" * 50_000), token="")[0]
        if status not in (202, 0):
            return status, time.monotonic() - begun
        if status == 202:
            accepted.add(title)
        number += 1
    raise AssertionError(f"{len(accepted)} were accepted on a full disk")


def _full(house: House, disk: Path, alarms: list[dict[str, object]]) -> str:
    house.person()
    integration, accepted = house.integration(fresh("disk")), set[str]()
    house.works_again()
    waiting = fresh("before")
    assert house.send(waiting) == 202
    accepted.add(waiting)
    ballast = fill(disk)
    try:
        status, took = _until_refused(house, accepted, integration["key"])
        assert status == 503, status
        # It stays full until people have been told: without a write, for there is no room for one.
        begun = time.monotonic()
        until(lambda: alarms, bool, 180, pause=0.5)
        told = time.monotonic() - begun
        still = fresh("still")
        if house.send(still) == 202:  # there was a little room after all
            accepted.add(still)
    finally:
        ballast.unlink()
    room = time.monotonic()
    until(lambda: house.server.ask("GET", "/readyz", token="")[0], lambda status: status == 200, 60, pause=0.05)
    house.person()
    house.works_again()
    again = time.monotonic() - room
    known = until(
        lambda: {row[0] for row in house.rows("SELECT title FROM alerts_alert")}, lambda titles: accepted <= titles, 60, pause=0.5
    )
    assert again <= 15, f"paging works after {again:.1f} s"
    kinds = alarms[0]["kinds"]
    return f"{status} after {took:.1f} s and {len(accepted)} that still fitted, {len(accepted - known)} lost; alarm after {told:.0f} s ({kinds}); paging works {again:.1f} s after there was room"


def _with_alarm(act: Callable[[Path, dict[str, str], list[dict[str, object]]], str], megabytes: int) -> str:
    from tests.scenarios.test_self_watch import Outside

    outside = Outside()
    try:
        with small_disk(megabytes) as disk:
            return act(disk, {"TOCSIN_ALARM": f"{outside.url}/alarm"}, outside.alarms)
    finally:
        outside.server.shutdown()
        outside.server.server_close()


@line("database", "the disk of the data folder is full", EXPECTED)
def data(_: House) -> str:
    def act(disk: Path, settings: dict[str, str], alarms: list[dict[str, object]]) -> str:
        house = House(folder=disk / "tocsin", **settings)
        try:
            return _full(house, disk, alarms)
        finally:
            house.close()

    return _with_alarm(act, 400)


@line("database", "the disk of the write-ahead log is full", EXPECTED)
def wal(_: House) -> str:
    def act(disk: Path, settings: dict[str, str], alarms: list[dict[str, object]]) -> str:
        house = House(**settings)
        try:
            house.server.process.terminate()
            house.server.process.wait(40)
            log, moved = house.data / "postgres" / "data" / "pg_wal", disk / "pg_wal"
            owner = log.stat()
            shutil.copytree(log, moved, copy_function=shutil.copy2)
            for path in [moved, *moved.rglob("*")]:
                os.chown(path, owner.st_uid, owner.st_gid)
            moved.chmod(0o700)
            shutil.rmtree(log)
            log.symlink_to(moved)
            house.server.start()
            return _full(house, disk, alarms)
        finally:
            house.close()

    return _with_alarm(act, 160)
