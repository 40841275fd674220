"""What every test shares."""

import pytest


@pytest.fixture(scope="session")
def django_db_setup():
    """The worker's database exists already, with all migrations (tests/plugin.py): nothing to make or to destroy."""
    return None
