"""How is a statement given up that takes too long for somebody who waits for it?"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.db import OperationalError, connection, transaction


def rows(sql: str, values: list[Any], *, milliseconds: int) -> list[tuple[Any, ...]] | None:
    """The rows of a SELECT; None where it took longer than that and was given up. One round trip: several statements in one message are one transaction."""
    try:
        # Within a transaction a savepoint keeps that one whole.
        with transaction.atomic() if connection.in_atomic_block else nullcontext(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {milliseconds:d}; {sql}; SET LOCAL statement_timeout = DEFAULT", values)
            cursor.nextset()
            return cursor.fetchall()
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        return None
