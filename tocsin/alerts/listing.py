"""Which alerts stand on this page of the list, quickly, however many are open? Keyset pages, bounded counts and ids for work on many.

The planner cannot know how frequent a label or a word is. So a page is first looked for among the newest rows, read in order behind a fence;
what is frequent fills the page there. Only what is rare goes through an index of labels or words, where rare means few rows.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from tocsin.alerts.models import Alert
from tocsin.domain.alert_filters import SORTS, AlertFilter, age, words
from tocsin.lib import limited
from tocsin.lib.refusal import Refused, invalid
from tocsin.lib.together import Question

__all__ = ["SORTS", "Count", "Found", "count", "ids", "page", "to_triage", "waiting", "waiting_of"]
NEAR = 4_000  # rows looked at in order before an index is asked
WINDOW = 10_000  # the orders by last seen and by count, which no index follows, are made among so many of the newest
MOST_COUNTED = 1_000
MOST_WITH_WORDS = 200  # making words of a title costs so much that no more are counted
MOST_WAITING = 500
LONGEST_SEARCH_SECONDS = 5
AROUND = 1_000  # alerts are numbered nearly in the order of their first event
# The expression of the index `alert_words`; change both together.
WORDS = (
    "to_tsvector('simple'::regconfig, translate(alerts_alert.title || ' ' || alerts_alert.dedup_key, './_:-=,;|()[]{}@#', repeat(' ', 17)))"
)
_ACKNOWLEDGED = (
    "EXISTS (SELECT 1 FROM paging_escalation e"
    " WHERE e.alert_id = coalesce(alerts_alert.lead_id, alerts_alert.id) AND e.status = 'acknowledged')"
)
# The same where few are: found from those who have them, instead of asked of each alert.
_FROM_WHO_HAS_IT = (
    "alerts_alert.id IN (SELECT e.alert_id FROM paging_escalation e WHERE e.status = 'acknowledged' UNION ALL"
    " SELECT m.id FROM paging_escalation e JOIN alerts_alert m ON m.lead_id = e.alert_id WHERE e.status = 'acknowledged')"
)
_INCIDENT = (
    "EXISTS (SELECT 1 FROM incidents_incidentalert l JOIN incidents_incident i ON i.id = l.incident_id"
    " WHERE l.alert_id = alerts_alert.id AND NOT i.private)"
)


Read = Callable[[list[int]], Mapping[int, Any]]


class Count(NamedTuple):
    """How many there are: exactly `number`, or `more` than that."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class Found:
    """A page of alerts and the cursor of the next one (None: no more)."""

    rows: list[Any]  # of Alert, unless the page was read by other means
    next: str | None
    partly: bool = False  # the order was made among the newest WINDOW only


class _Where:
    """Conditions of SQL with their values. `cheap` ones an index in the order of the list answers; the others are looked at row by row."""

    def __init__(self, wanted: AlertFilter, now: datetime) -> None:
        self.cheap: list[tuple[str, list[Any]]] = []
        self.others: list[tuple[str, list[Any]]] = []
        self.indexed = bool(wanted.label or wanted.q)
        self.row_by_row = False
        if wanted.status != "all":
            self.cheap.append(("alerts_alert.status = %s", [wanted.status]))
        self._age(wanted, now)
        for name, column in (("severity", "severity"), ("service", "service_id"), ("integration", "integration_id")):
            if values := getattr(wanted, name):
                self._other(f"alerts_alert.{column} = ANY(%s)", list(values))
        if wanted.team:
            self._other("alerts_alert.service_id IN (SELECT s.id FROM alerts_service s WHERE s.team_id = ANY(%s))", list(wanted.team))
        self._yes_no(wanted.ack, _ACKNOWLEDGED)
        self._yes_no(wanted.held, "alerts_alert.suppressed_by <> ''")
        self._yes_no(wanted.incident, _INCIDENT)
        self._yes_no(wanted.flapping, _FLAPPING)
        for name, value in wanted.label:
            self._other("alerts_alert.labels @> %s::jsonb", json.dumps({name: value}))
        if wanted.q:
            found = words(wanted.q)
            for word in found:  # far cheaper than making words of a title, where most rows do not have it
                self._other("alerts_alert.title || ' ' || alerts_alert.dedup_key ILIKE %s", f"%{word}%")
            self._other(f"{WORDS} @@ to_tsquery('simple', %s)", " & ".join(f"'{word}':*" for word in found)) if found else self._other(
                "false"
            )

    def _other(self, sql: str, *values: Any) -> None:
        self.others.append((sql, list(values)))

    def _yes_no(self, said: bool | None, sql: str) -> None:
        if said is not None:
            self._other(sql if said else f"NOT ({sql})")

    def _age(self, wanted: AlertFilter, now: datetime) -> None:
        """Ages are turned into numbers of alerts, so that nobody walks through all the younger ones."""
        if wanted.older:
            at = now - age(wanted.older)
            newest = "(SELECT b.id FROM alerts_alert b WHERE b.first_seen < %s ORDER BY b.first_seen DESC LIMIT 1)"
            self.cheap.append((f"alerts_alert.id <= coalesce({newest}, 0) + {AROUND} AND alerts_alert.first_seen < %s", [at, at]))
        if wanted.newer:
            at = now - age(wanted.newer)
            oldest = "(SELECT b.id FROM alerts_alert b WHERE b.first_seen >= %s ORDER BY b.first_seen LIMIT 1)"
            self.cheap.append(
                (f"alerts_alert.id >= coalesce({oldest}, 9223372036854775807) - {AROUND} AND alerts_alert.first_seen >= %s", [at, at])
            )

    def sql(self, *more: tuple[str, list[Any]], others: bool = True) -> tuple[str, list[Any]]:
        """One condition of all, with its values."""
        every = [*self.cheap, *(self.others if others else []), *more]
        written = (_FROM_WHO_HAS_IT if sql == _ACKNOWLEDGED and not self.row_by_row else sql for sql, _ in every)
        return " AND ".join(written) or "true", [value for _, values in every for value in values]


_WAITING = Question(
    "SELECT ARRAY[number, CASE WHEN number > %s OR EXISTS (SELECT 1 FROM alerts_alert WHERE status = 'firing' ORDER BY id DESC OFFSET %s LIMIT 1)"
    " THEN 1 ELSE 0 END] FROM (SELECT count(*)::int AS number FROM (SELECT 1 FROM"
    " (SELECT id FROM alerts_alert WHERE status = 'firing' ORDER BY id DESC LIMIT %s) a"
    " WHERE NOT EXISTS (SELECT 1 FROM incidents_incidentalert l WHERE l.alert_id = a.id) LIMIT %s) one) counted",
    (MOST_WAITING, NEAR - 1, NEAR, MOST_WAITING + 1),
)
_FLAPPING = "alerts_alert.calm_at IS NOT NULL" if any(field.name == "calm_at" for field in Alert._meta.fields) else "false"
_ORDERS = {
    "newest": "id DESC",
    "severity": "severity, id DESC",
    "last_seen": "last_seen DESC, id DESC",
    "count": "event_count DESC, id DESC",
}


def page(wanted: AlertFilter, now: datetime, *, cursor: str | None = None, limit: int = 50, read: Read | None = None) -> Found:
    """One page in the wanted order; `read` gives the rows of these numbers, with at least what the orders go by, in place of whole alerts.

    Raises Refused where the cursor is of another list, or the search takes too long.
    """
    where, after = _Where(wanted, now), _read(cursor, wanted.sort)
    walked = wanted.sort == "newest" or (wanted.sort == "severity" and wanted.status == "firing")
    ids = _walk(where, wanted.sort, after, limit + 1) if walked else _sorted(where, wanted.sort, after, limit + 1)
    by_id = (read or _whole)(ids)
    rows = [by_id[one] for one in ids if one in by_id]
    more = len(ids) > limit
    rows = rows[:limit]
    partly = not walked and _windowed(where)
    return Found(rows, _cursor(rows[-1], wanted.sort) if more and rows else None, partly)


def _whole(ids: list[int]) -> dict[int, Any]:
    return Alert.objects.select_related("service", "integration").defer("details", "trace").in_bulk(ids)


def ids(wanted: AlertFilter, now: datetime, most: int) -> list[int]:
    """The numbers of the newest alerts that match, at most so many."""
    return _walk(_Where(wanted, now), "newest", None, most)


def count(wanted: AlertFilter, now: datetime, most: int = MOST_COUNTED) -> Count:
    """How many match: exact up to `most`; what is frequent is counted among the newest rows only, and said to be more."""
    where = _Where(wanted, now)
    if where.others:
        base, values = where.sql(others=False)
        condition, further = _only(where).sql()
        looked_at = min(most, MOST_WITH_WORDS if wanted.q else NEAR)
        near = f"FROM alerts_alert WHERE {base} ORDER BY id DESC LIMIT {NEAR}"
        found, around = _ask(
            f"SELECT (SELECT count(*) FROM (SELECT 1 FROM (SELECT * {near}) alerts_alert WHERE {condition} LIMIT {looked_at + 1}) one),"
            f" (SELECT count(*) FROM (SELECT 1 {near}) alerts_alert)",
            [*values, *further, *values],
        )[0]
        if found > looked_at or around < NEAR:
            return Count(min(found, looked_at), found > looked_at)
        if found > NEAR // 80:
            return Count(found, True)
    condition, values = where.sql()
    number = _ask(
        f"SELECT count(*) FROM (SELECT 1 FROM alerts_alert WHERE {condition} LIMIT {most + 1}) one", values, slow=bool(where.others)
    )[0][0]
    return Count(min(number, most), number > most)


def to_triage(most: int) -> list[int]:
    """Firing alerts that belong to no incident and are no false alarm, the worst first; looked for among the WINDOW worst."""
    rows = _ask(
        f"SELECT id FROM (SELECT id, severity, verdict FROM alerts_alert WHERE status = 'firing' ORDER BY severity, id DESC LIMIT {WINDOW}) a"
        " WHERE verdict <> 'false_alarm' AND NOT EXISTS (SELECT 1 FROM incidents_incidentalert l WHERE l.alert_id = a.id)"
        f" ORDER BY severity, id DESC LIMIT {most}",
        [],
    )
    return [row[0] for row in rows]


def waiting() -> Question:
    """How many firing alerts belong to no incident, as a question that every page asks: counted to MOST_WAITING among the newest. See waiting_of."""
    return _WAITING


def waiting_of(answer: list[int]) -> Count:
    """The number from the answer to `waiting`."""
    number, more = answer
    return Count(min(number, MOST_WAITING), bool(more))


def _only(where: _Where) -> _Where:
    """The conditions that are looked at row by row, alone."""
    only = object.__new__(_Where)
    only.cheap, only.others, only.row_by_row = [], where.others, True
    return only


def _walk(where: _Where, sort: str, after: tuple[Any, int] | None, most: int) -> list[int]:
    """Numbers in an order that an index follows; within one severity first, so that deep pages cost no more than the first."""
    if sort == "newest" or after is None:
        below = [("alerts_alert.id < %s", [after[1]])] if after else []
        return _near_then_index(where, _ORDERS[sort], below, most)
    severity, last = after
    found = _near_then_index(where, _ORDERS[sort], [("alerts_alert.severity = %s AND alerts_alert.id < %s", [severity, last])], most)
    if len(found) < most:
        found += _near_then_index(where, _ORDERS[sort], [("alerts_alert.severity > %s", [severity])], most - len(found))
    return found


def _near_then_index(where: _Where, order: str, bounds: list[tuple[str, list[Any]]], most: int) -> list[int]:
    if where.others:
        base, values = where.sql(*bounds, others=False)
        condition, further = _only(where).sql()
        rows = _ask(
            f"SELECT id FROM (SELECT * FROM alerts_alert WHERE {base} ORDER BY {order} LIMIT {NEAR}) alerts_alert"
            f" WHERE {condition} ORDER BY {order} LIMIT {most}",
            [*values, *further],
        )
        if len(rows) == most:
            return [row[0] for row in rows]
    condition, values = where.sql(*bounds)
    # What is not frequent near the top is rare, whatever the planner thinks of it: its index is asked, no order is walked along.
    source = (
        f"(SELECT id, severity FROM alerts_alert WHERE {condition} OFFSET 0) found" if where.indexed else f"alerts_alert WHERE {condition}"
    )
    rows = _ask(f"SELECT id FROM {source} ORDER BY {order} LIMIT {most}", values, slow=bool(where.others))
    return [row[0] for row in rows]


def _sorted(where: _Where, sort: str, after: tuple[Any, int] | None, most: int) -> list[int]:
    """Numbers in an order that no index follows: among the newest WINDOW."""
    condition, values = where.sql()
    bound, further = "", []
    if after:
        column, step = ("severity", ">") if sort == "severity" else (_ORDERS[sort].split()[0], "<")
        bound = f"WHERE {column} {step} %s OR ({column} = %s AND id < %s)"
        further = [after[0], after[0], after[1]]
    rows = _ask(
        f"SELECT id FROM (SELECT id, severity, last_seen, event_count FROM alerts_alert WHERE {condition}"
        f" ORDER BY id DESC LIMIT {WINDOW}) newest {bound} ORDER BY {_ORDERS[sort]} LIMIT {most}",
        [*values, *further],
        slow=bool(where.others),
    )
    return [row[0] for row in rows]


def _windowed(where: _Where) -> bool:
    condition, values = where.sql()
    return bool(
        _ask(f"SELECT 1 FROM alerts_alert WHERE {condition} ORDER BY id DESC OFFSET {WINDOW} LIMIT 1", values, slow=bool(where.others))
    )


def _ask(sql: str, values: list[Any], *, slow: bool = False) -> list[tuple[Any, ...]]:
    """The rows. `slow`: it may take long, and is given up after LONGEST_SEARCH_SECONDS with a sentence that says what to do."""
    if not slow:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()
    found = limited.rows(sql, values, milliseconds=LONGEST_SEARCH_SECONDS * 1000)
    if found is None:
        raise Refused(
            f"This search took longer than {LONGEST_SEARCH_SECONDS} s and was given up. Narrow it: fewer words, a service, a shorter age.",
            status=503, code="search_too_slow",
        )  # fmt: skip
    return found


def _cursor(row: Any, sort: str) -> str:
    value = {"newest": None, "severity": row.severity, "last_seen": row.last_seen.isoformat(), "count": row.event_count}[sort]
    return base64.urlsafe_b64encode(json.dumps([sort, value, row.pk]).encode()).decode().rstrip("=")


def _read(cursor: str | None, sort: str) -> tuple[Any, int] | None:
    if not cursor:
        return None
    value: Any
    try:
        kind, value, last = json.loads(base64.urlsafe_b64decode(cursor[:2000] + "=" * (-len(cursor) % 4)))
        if kind != sort or not isinstance(last, int) or isinstance(last, bool) or not 0 <= last < 2**63:
            raise ValueError("another list's cursor")
        if sort == "last_seen":
            value = datetime.fromisoformat(value)
            if value.tzinfo is None:
                raise ValueError("no zone")
        kinds: dict[str, type] = {"newest": type(None), "severity": str, "last_seen": datetime, "count": int}
        if not isinstance(value, kinds[sort]):
            raise ValueError("another kind of value")
        if (sort == "count" and not (isinstance(value, int) and 0 <= value < 2**63)) or "\x00" in str(value):
            raise ValueError("out of range")
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise invalid(cursor="This is not a cursor of this list; start without one.") from error
    return value, last
