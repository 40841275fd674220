"""What every test shares."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Each run tries the same examples, and none fails because the machine is slow. `--hypothesis-profile=default` looks for new ones.
settings.register_profile("tocsin", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tocsin")


@pytest.fixture(scope="session")
def django_db_setup():
    """The worker's database exists already, with all migrations (tests/plugin.py): nothing to make or to destroy."""
    return None


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """Hashing is slow on purpose, and Django's own business: servers that are started as processes of their own do it as in earnest."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def answers_as_described():
    """Whatever a test asks the API: the answer is as /api/v1/openapi.json says, or the test fails."""
    from django.test import Client

    from tests import answers

    stop = answers.watch(Client)
    yield
    stop()


@pytest.fixture(scope="session")
def live_server_process():
    """One running Tocsin for all tests of a process. Here, since a fixture that files import is made anew for each of them."""
    from tests.live import LiveServer

    server = LiveServer()
    yield server
    server.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """A test with real transactions empties every table at its end: put back the one row that the migrations made."""
    result = yield
    marked = item.get_closest_marker("django_db")
    if "transactional_db" in getattr(item, "fixturenames", ()) or (marked and marked.kwargs.get("transaction")):
        import psycopg

        with psycopg.connect(os.environ["TOCSIN_DATABASE_URL"]) as connection:
            connection.execute(
                "INSERT INTO accounts_organisation (id, name, time_zone, country, subdivision, day_starts, day_ends, require_mfa) "
                "VALUES (1, 'My organisation', 'UTC', '', '', '09:00', '17:00', false) ON CONFLICT DO NOTHING"
            )
    return result
