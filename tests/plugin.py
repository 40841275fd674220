"""One PostgreSQL a run, one database a worker; settings come from a folder of the run.

A developer's own server can be kept between runs: `python -m tests.database` starts one and prints the line to export.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta

import pytest

from tests import database

_server: database.Server | None = None
_folder = ""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before Django reads its settings: start the server (once, in the controlling process) and point the settings at it."""
    global _server, _folder
    _folder = os.environ["TOCSIN_DATA_DIR"] = tempfile.mkdtemp(prefix="tocsin-data-")
    os.environ["TOCSIN_SECRET_KEY"] = "tests-only-" + "x" * 40
    os.environ["TOCSIN_EGRESS_ALLOW"] = "127.0.0.1"
    os.environ["TOCSIN_URL"] = "http://localhost:8000"
    # The browser tests' driver keeps an event loop in its thread; Django would then refuse every query of the tests after it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    if "TOCSIN_TEST_SERVER" not in os.environ:
        _server = database.Server()
        _server.start()
        os.environ["TOCSIN_TEST_SERVER"] = str(_server.folder)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    os.environ["TOCSIN_DATABASE_URL"] = database.fresh(f"tocsin_{worker}_{os.getpid()}")
    _shift_from(database.shift_of(os.environ["TOCSIN_DATABASE_URL"]))  # to the microsecond: what is due in five minutes is due after them


def _shift_from(begin: timedelta) -> None:
    """In stories the clock is moved from where it stands when they begin."""
    from tocsin import clock

    absolute = clock.shift
    clock.shift = lambda by: absolute(begin + by)


@pytest.fixture
def real_time(db: None) -> None:
    """This story is told at the machine's own time: strangers in it, who know no other, sign or date something."""
    from tocsin import clock

    clock.shift(datetime.now(UTC) - clock.now())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start whole programs come first: one worker that is left alone with them at the end would hold up the run."""
    items.sort(key=lambda item: not (item.nodeid.count("/") == 1 or item.nodeid.startswith(("tests/acceptance/", "tests/browser/"))))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _server:
        _server.stop()
    elif database_url := os.environ.get("TOCSIN_DATABASE_URL"):
        database.drop(database_url)
    shutil.rmtree(_folder, ignore_errors=True)
