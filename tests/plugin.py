"""One PostgreSQL a run, one database a worker; settings come from a folder of the run."""

from __future__ import annotations

import os
import tempfile

import pytest

from tests import database

_server: database.Server | None = None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before Django reads its settings: start the server (once, in the controlling process) and point the settings at it."""
    global _server
    os.environ["TOCSIN_DATA_DIR"] = tempfile.mkdtemp(prefix="tocsin-data-")
    os.environ.setdefault("TOCSIN_SECRET_KEY", "tests-only-" + "x" * 40)
    os.environ.setdefault("TOCSIN_EGRESS_ALLOW", "127.0.0.1")
    os.environ["TOCSIN_URL"] = "http://localhost:8000"
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        _server = database.Server()
        _server.start()
        os.environ["TOCSIN_TEST_SERVER"] = str(_server.folder)
        database.admin(str(_server.folder), f"CREATE DATABASE {database.TEMPLATE}")
        _migrate(_server.url(database.TEMPLATE))
    os.environ["TOCSIN_DATABASE_URL"] = database.copy_template(os.environ["TOCSIN_TEST_SERVER"], f"tocsin_{worker or 'main'}")


def _migrate(address: str) -> None:
    """All migrations into the template, in a process of its own so that this one has not read its settings yet."""
    import subprocess
    import sys

    subprocess.run(
        [sys.executable, "-c", "import django; django.setup(); from django.core.management import call_command as c; c('migrate', verbosity=0)"],
        check=True, env={**os.environ, "TOCSIN_DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "tocsin.settings"},
    )  # fmt: skip


def pytest_unconfigure(config: pytest.Config) -> None:
    if _server:
        _server.stop()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """The worker's database exists already, with all migrations: nothing to make or to destroy."""
    return None
