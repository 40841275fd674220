"""What tests of pages start from."""

from __future__ import annotations

import copy

import pytest
from django.db import transaction

from tests.web import larkfield


@pytest.fixture(scope="module")
def morning(django_db_setup, django_db_blocker):
    """Larkfield's morning, written once for a file of tests: each of them takes back only what it did itself."""
    whole = transaction.atomic()
    whole._from_testcase = True  # as Django's own TestCase does, so that "durable" transactions may begin within it
    with django_db_blocker.unblock():
        whole.__enter__()
        told = larkfield.build()
    yield told
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        whole.__exit__(None, None, None)


@pytest.fixture
def story(morning, db):
    """The morning's people and things, fresh for this test."""
    return copy.deepcopy(morning)
