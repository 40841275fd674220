"""A benchmark of the worker's own steps runs them in its own process, on a database of its own that goes with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests import database


@contextmanager
def own_database(name: str) -> Iterator[None]:
    """Django set up on a new database of the test server, which is dropped at the end. Once in a process."""
    os.environ["TOCSIN_DATABASE_URL"] = database.fresh(f"tocsin_{name}_{os.getpid()}")
    os.environ["TOCSIN_DATA_DIR"] = tempfile.mkdtemp(prefix=f"tocsin-{name}-")
    os.environ["TOCSIN_SECRET_KEY"] = "benchmark-only-" + "x" * 40
    os.environ["DJANGO_SETTINGS_MODULE"] = "tocsin.settings"
    import django

    django.setup()
    from django.db import connections

    try:
        yield
    finally:
        connections.close_all()
        database.drop(os.environ["TOCSIN_DATABASE_URL"])
