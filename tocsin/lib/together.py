"""How are several small questions put to the database in one statement? Each costs a round trip of its own otherwise, more than its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet


class Question(NamedTuple):
    """A SELECT with its values, of one column and at most one row where it is part of another one. Its words are ours; what comes from outside is a value."""

    sql: str
    values: tuple[Any, ...] = ()


def how_many(rows: QuerySet[Any]) -> Question:
    """The number of those rows."""
    sql, values = rows.order_by().values("pk").query.sql_with_params()
    return Question(f"SELECT count(*) FROM ({sql}) one", tuple(values))  # noqa: S608 - what the query set says


def ask(*questions: Question) -> tuple[Any, ...]:
    """Their answers in that order; None where there is no row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"({one.sql})" for one in questions), [value for one in questions for value in one.values])
        return cursor.fetchone()


def several(*statements: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
    """The rows of several statements that go to the database in one message. Each sees what was committed before it began itself, so that
    what follows a lock sees what was done under it. Call it inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(sql for sql, _ in statements), [value for _, values in statements for value in values])
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        return found
