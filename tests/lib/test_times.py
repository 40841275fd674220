"""Times come from the database as Django's own reader would give them: aware, in UTC, to the microsecond."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("2026-06-01 12:00:00.000001+02", datetime(2026, 6, 1, 10, 0, 0, 1, tzinfo=UTC)),
        ("1900-01-01 00:00:00+00", datetime(1900, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_times_are_aware_and_in_utc(text, right):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz, ARRAY[%s::timestamptz], NULL::timestamptz", [text, text])
        one, several, nothing = cursor.fetchone()
    assert one == right and several == [right] and nothing is None
    assert one.tzinfo is UTC and one.utcoffset() == timedelta(0) and one.isoformat() == right.isoformat()
