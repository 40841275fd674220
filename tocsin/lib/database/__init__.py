"""Django's PostgreSQL with what the pager needs: listeners are told once for each transaction, and a connection that is silent counts as alive."""

from __future__ import annotations

from typing import Any

from django.db import connection


def tell(channel: str, *payloads: str) -> None:
    """NOTIFY the listeners of a channel when the current transaction commits, all in one statement at its end; at once outside of one."""
    wrapper: Any = connection
    wrapper.tell(channel, payloads)


def large_cursor() -> Any:
    """As `connection.cursor()`, for statements whose values may be megabytes; each of them needs a type that PostgreSQL sees (`%s::json`)."""
    wrapper: Any = connection
    return wrapper.large_cursor()
