"""Which alerts does a search in Opsgenie's words name? `status: open AND (priority: P1 OR tag: db) NOT disk`, as a condition for the database."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from django.db.models import Q

LONGEST_QUERY = 1_000  # characters
MOST_TERMS = 50
_TOKEN = re.compile(r'\s*(?:(\()|(\))|(AND|OR|NOT)\b|(?:(\w+)\s*(:|>=|<=|=|>|<)\s*)?("[^"]*"|[^\s()]+))', re.IGNORECASE)
PRIORITIES = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info", "P5": "info"}
_TEXTS = {
    "message": "title", "alias": "dedup_key", "description": "details__description", "entity": "labels__entity", "source": "labels__source",
    "tag": "labels__tags", "tags": "labels__tags",
}  # fmt: skip
_TIMES = {"createdat": "first_seen", "lastoccurredat": "last_seen", "updatedat": "last_seen"}


class Search:
    """One query while it is read. Raises ValueError with a sentence where it cannot be."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_QUERY:
            raise ValueError(f"The query is longer than {LONGEST_QUERY:,} characters.")
        self.tokens = [found.groups() for found in _TOKEN.finditer(text)]
        if len(self.tokens) > MOST_TERMS:
            raise ValueError(f"The query has more than {MOST_TERMS} words.")
        self.place = 0

    def condition(self) -> Q:
        """The whole query."""
        found = self._either() if self.tokens else Q()
        if self.place < len(self.tokens):
            raise ValueError("The query closes a bracket that it did not open.")
        return found

    def _next(self) -> tuple[str | None, ...] | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _either(self) -> Q:
        found = self._both()
        while (token := self._next()) and (token[2] or "").upper() == "OR":
            self.place += 1
            found |= self._both()
        return found

    def _both(self) -> Q:
        found = self._one()
        while (token := self._next()) and not token[1] and (token[2] or "").upper() != "OR":
            if (token[2] or "").upper() == "AND":
                self.place += 1
            found &= self._one()
        return found

    def _one(self) -> Q:
        token = self._next()
        if token is None or token[1] or (token[2] or "").upper() in ("AND", "OR"):
            raise ValueError("The query ends, or goes on, where a condition was expected.")
        self.place += 1
        if token[0]:
            found = self._either()
            if not ((closing := self._next()) and closing[1]):
                raise ValueError("The query opens a bracket that it does not close.")
            self.place += 1
            return found
        if token[2]:
            return ~self._one()
        return _condition((token[3] or "").lower(), token[4] or ":", (token[5] or "").strip('"'))


def _condition(field: str, sign: str, value: str) -> Q:
    if not field:
        return Q(title__icontains=value) | Q(dedup_key__icontains=value) | Q(labels__tags__icontains=value)
    if field in _TIMES:
        return _time(_TIMES[field], sign, value)
    if field == "status":
        return Q(status="firing" if value.lower() == "open" else "resolved")
    if field == "acknowledged":
        has_it = Q(escalations__status="acknowledged")
        return has_it if value.lower() == "true" else ~has_it
    if field == "priority":
        if value.upper() not in PRIORITIES:
            raise ValueError("priority is one of P1, P2, P3, P4, P5.")
        return Q(source_severity=PRIORITIES[value.upper()])
    if field in _TEXTS:
        return Q(**{_TEXTS[field] + ("__icontains" if sign == ":" else ""): value.strip("*")})
    if field == "count":
        names = {">": "__gt", "<": "__lt", ">=": "__gte", "<=": "__lte"}
        if not value.isdigit() or len(value) > 12:
            raise ValueError("count is compared with a whole number.")
        return Q(**{"event_count" + names.get(sign, ""): int(value)})
    raise ValueError(f"Alerts cannot be searched by {field[:40]!r}.")


def _time(column: str, sign: str, value: str) -> Q:
    names = {">": "__gt", "<": "__lt", ">=": "__gte", "<=": "__lte"}
    try:
        at = datetime.fromtimestamp(int(value) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("Times are compared in milliseconds since 1970.") from None
    return Q(**{column + names.get(sign, ""): at})
