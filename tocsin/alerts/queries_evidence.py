"""What came in about an alert, and which earlier alerts are like it? Bounded and quick, however many alerts and events there are."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any, NamedTuple

from django.db import connection

from tocsin.alerts.listing import WORDS
from tocsin.alerts.models import Alert, RawEvent
from tocsin.domain.alert_filters import words
from tocsin.lib import limited

MOST_EVENTS = 20
LOOKED_AT = 500  # events of the integration, from the alert's last one back, among which its own are looked for
MOST_SIMILAR = 8
NEAR = 2_000  # alerts of the same words that are put in order
MOST_WORDS = 6
SIMILAR_MILLISECONDS = 300  # then the search by words is given up
_OWN = f"""
SELECT id FROM (SELECT id, outcomes FROM alerts_rawevent WHERE integration_id = %s AND id <= %s ORDER BY id DESC LIMIT {LOOKED_AT}) near
WHERE outcomes @> %s::jsonb ORDER BY id DESC LIMIT {MOST_EVENTS}
"""  # noqa: S608 - our own numbers
_KINDS = ("the same key", "the same words", "the same service")


class Outcome(NamedTuple):
    """One event of the alert: the row without its body, and what was made of it for this alert."""

    raw: RawEvent
    change: str
    reason: str


def events_of(alert: Alert) -> list[Outcome]:
    """Its newest events with their outcomes, and its first one, newest first."""
    if alert.last_raw_event_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OWN, [alert.integration_id, alert.last_raw_event_id, json.dumps([{"alert": alert.pk}])])
        own = {pk for (pk,) in cursor.fetchall()}
    ends = {pk for pk in (alert.first_raw_event_id, alert.last_raw_event_id) if pk}
    rows = RawEvent.objects.defer("body", "headers").filter(pk__in=own | ends)
    return [Outcome(row, *_outcome(row, alert.pk)) for row in sorted(rows, key=lambda row: -row.pk)]


def _outcome(row: RawEvent, alert_id: int) -> tuple[str, str]:
    mine = [one for one in row.outcomes if one.get("alert") == alert_id]
    said = (mine or row.outcomes or [{}])[-1]
    return str(said.get("change") or row.state), str(said.get("reason") or (row.error if row.state == RawEvent.State.REFUSED else ""))


def similar(alert: Alert) -> list[tuple[Alert, str]]:
    """Other alerts and what they share with this one: its key, the words of its title, its service; the nearest and newest first."""
    key, service = _of_key_and_service(alert)
    found = dict.fromkeys(key, _KINDS[0])
    if len(found) < MOST_SIMILAR:
        found |= {pk: _KINDS[1] for pk in _of_words(alert) if pk not in found}
    found |= {pk: _KINDS[2] for pk in service if pk not in found}
    chosen = dict(list(found.items())[:MOST_SIMILAR])
    rows = Alert.objects.select_related("service", "verdict_by").defer("details", "trace", "labels").in_bulk(chosen)
    return [(rows[pk], why) for pk, why in chosen.items() if pk in rows]


def _of_key_and_service(alert: Alert) -> tuple[list[int], list[int]]:
    parts: list[tuple[str, list[Any]]] = [("integration_id = %s AND dedup_key = %s", [alert.integration_id, alert.dedup_key])]
    if alert.service_id:
        parts.append(("service_id = %s", [alert.service_id]))
    statement = " UNION ALL ".join(
        f"(SELECT {place}, id FROM alerts_alert WHERE {condition} AND id <> %s ORDER BY id DESC LIMIT {MOST_SIMILAR})"  # noqa: S608 - our own words
        for place, (condition, _) in enumerate(parts)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for _, values in parts for value in (*values, alert.pk)])
        rows = cursor.fetchall()
    return [pk for place, pk in rows if place == 0], [pk for place, pk in rows if place == 1]


def _of_words(alert: Alert) -> list[int]:
    """Alerts whose titles have all the first words of this one's, those with digits left out: they name hosts, numbers and times."""
    said = [word.lower() for word in words(alert.title) if len(word) > 2 and word.isalpha()][:MOST_WORDS]
    if len(said) < 2:
        return []
    statement = (
        f"SELECT id FROM (SELECT id FROM alerts_alert WHERE {WORDS} @@ to_tsquery('simple', %s) AND id <> %s LIMIT {NEAR}) near"  # noqa: S608 - our own words
        f" ORDER BY id DESC LIMIT {MOST_SIMILAR}"
    )
    found = limited.rows(statement, [" & ".join(f"'{word}'" for word in said), alert.pk], milliseconds=SIMILAR_MILLISECONDS)
    return [row[0] for row in found or ()]


def without_key(raw: RawEvent) -> bytes:
    """Its body without the key that some protocols carry in it: who may read what came in may not send for that. Load it with its integration."""
    found = bytes(raw.body)
    for charset in ("ascii", "utf-16-le", "utf-16-be"):  # mail programs do not care for letters' sizes
        found = re.sub(re.escape(raw.integration.key.encode(charset)), "KEY".encode(charset), found, flags=re.IGNORECASE)
    return found


def readable(body: bytes, most: int) -> tuple[str, bool]:
    """A body as people read it, JSON with indentation, at most so many characters; and whether that is not all."""
    text = body.decode("utf-8", "replace")
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text[:most], len(text) > most
