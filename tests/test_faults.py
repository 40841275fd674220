"""What holds while parts are killed: nothing accepted is lost, nobody goes unpaged, and a page is sent at most once too often."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid

import pytest

from tests.faults.house import House, Load
from tests.faults.kills import random_kills
from tests.live import until

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def running():
    made = House()
    yield made
    made.close()


@pytest.fixture
def house(running):
    running.person()
    return running


def test_a_worker_killed_between_claim_and_settlement_sends_at_most_once_more_and_says_so(house):
    title = f"between {uuid.uuid4().hex[:6]}"
    house.phone.answers.clear()
    assert house.send(title) == 202
    until(lambda: house.phone.pages(title), bool, pause=0.02)
    house.kill("worker")
    house.phone.answers.set()
    pages = until(lambda: house.phone.pages(title), lambda found: len(found) == 2)
    assert not pages[0]["facts"]["possible_duplicate"] and pages[1]["facts"]["possible_duplicate"]
    assert pages[0]["id"] == pages[1]["id"]  # the same key: a receiver that looks at it drops the second
    until(lambda: house.server.ask("GET", "/readyz", token="")[0], lambda status: status == 200)
    time.sleep(1)
    assert len(house.phone.pages(title)) == 2


def test_web_killed_and_the_database_killed_under_load_lose_nothing_that_was_accepted(house):
    integration = house.integration("load")
    load = Load(house, integration)
    try:
        load.wait_for(30)
        house.kill("web")
        load.wait_for(30)
        house.kill("postgres")
        load.wait_for(30)
    finally:
        load.stop()
    assert load.answers <= {202, 503, 0}
    until(lambda: load.accepted - house.titles(integration["id"]), lambda missing: not missing, pause=0.5)
    title = f"after {uuid.uuid4().hex[:6]}"
    until(lambda: house.send(title), lambda status: status == 202)
    assert len(house.paged(title, 90)) == 1


def test_all_killed_and_started_again_what_was_accepted_is_paged(house):
    title = f"all {uuid.uuid4().hex[:6]}"
    until(lambda: house.send(title), lambda status: status == 202)
    pids = [house.server.process.pid, *house.pids()]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    house.server.process.wait(60)
    house.server.start()
    assert 1 <= len(house.paged(title, 90)) <= 2


def test_random_kills_while_events_come_in_lose_nothing_and_double_nothing_without_a_mark(house):
    """The short form of `python -m tests.faults kills`."""
    random_kills(house, kills=5, events=300, gap=1.2, settle=11)
