"""The record can be added to and never rewritten."""

import pytest
from django.db import DatabaseError, transaction

from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import record

pytestmark = pytest.mark.django_db


def test_an_entry_cannot_be_changed_or_deleted():
    entry = record("message", "first words", by=SYSTEM, now=clock.now(), incident_id=1)
    for attempt in (
        lambda: Entry.objects.filter(pk=entry.pk).update(text="other words"),
        lambda: Entry.objects.filter(pk=entry.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt()
    assert Entry.objects.get(pk=entry.pk).text == "first words"
