"""What does an outside calendar say? It is fetched through the egress gate, and its iCalendar text (RFC 5545) becomes events with names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.domain.calendar_events import CalendarEvent
from tocsin.domain.rotation import instant
from tocsin.lib import http

SIZE_LIMIT = 10_000_000  # bytes of a calendar
TIME_LIMIT = 20.0
MOST_EVENTS = 5_000
MOST_ENTRIES = 20_000  # BEGIN lines: reading them takes about four seconds
MOST_LINES = 200_000
MOST_STEPS = 500_000  # of rules, from where they begin
MOST_NAMES_OF_ONE = 20
PER_DAY = {"HOURLY": 24.0, "DAILY": 1.0, "WEEKLY": 1.0, "MONTHLY": 1.0, "YEARLY": 1.0}  # at most, whatever weekdays they name
BACK = timedelta(days=62)
AHEAD = timedelta(days=400)
PRIORITY = re.compile(r"^\s*\[L(\d)\]\s*", re.IGNORECASE)


class UnreadableError(Exception):
    """The calendar could not be fetched or read; the sentence says why."""


@dataclass(frozen=True)
class Copy:
    """A good copy: its events in the window, what was left out in words, and how to ask whether it has changed."""

    events: list[CalendarEvent]
    notes: str
    etag: str
    digest: str


def address(text: str) -> str:
    """A calendar's address, tidied. Raises ValueError with a sentence."""
    text = text.strip()
    for scheme in ("webcal://", "webcals://"):
        if text.lower().startswith(scheme):
            text = "https://" + text[len(scheme) :]
    return http.check_url(text)


def fetch(url: str, *, etag: str, digest: str, zone: ZoneInfo, now: datetime) -> Copy | None:
    """The calendar as it is now; None where it says what it said (by `etag` or `digest` of that copy). Raises UnreadableError."""
    headers = {"Accept": "text/calendar, */*;q=0.1", **({"If-None-Match": etag} if etag else {})}
    try:
        answer = http.request("GET", url, headers=headers, time_limit=TIME_LIMIT, size_limit=SIZE_LIMIT)
    except http.BlockedError as error:
        raise UnreadableError(str(error)) from error
    except http.UnreachableError as error:
        raise UnreadableError(f"The calendar cannot be fetched: {error}.") from error
    if answer.status == 304 and etag:
        return None
    if answer.status != 200:
        raise UnreadableError(_refusal(answer.status, answer.headers.get("location", "")))
    print_of_it = hashlib.sha256(answer.body).hexdigest()
    if print_of_it == digest:
        return None
    events, notes = read(answer.body, zone, now - BACK, now + AHEAD)
    return Copy(events, notes, answer.headers.get("etag", "")[:200], print_of_it)


def _refusal(status: int, location: str) -> str:
    if 300 <= status < 400:
        where = f" to {location.split('?')[0][:120]}" if location else ""
        return f"The calendar has moved{where}. Give its new address."
    reasons = {401: "it wants to be signed in to", 403: "it may not be read", 404: "there is none at this address", 410: "it was removed"}
    return f"The calendar's server answered {status}: {reasons.get(status, 'it is in trouble' if status >= 500 else 'it refuses')}."


def read(body: bytes, zone: ZoneInfo, start: datetime, end: datetime) -> tuple[list[CalendarEvent], str]:
    """The events between two instants, repetitions written out; and what was left out, in words. All-day events are days of `zone`.
    Raises UnreadableError where it is no calendar."""
    import recurring_ical_events
    from icalendar import Calendar

    _refuse_size(body)
    try:
        calendar = Calendar.from_ical(body)
        _refuse_haste(calendar, zone, start, end)
        query = recurring_ical_events.of(calendar, skip_bad_series=True)
        found = sorted(query.between(start, end), key=lambda event: _instant(event["DTSTART"].dt, zone))
    except (ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError) as error:
        raise UnreadableError("What is at this address is not a calendar that can be read (iCalendar, .ics).") from error
    events, nameless = [], 0
    for event in found[:MOST_EVENTS]:
        one = _event(event, zone)
        if one is None:
            continue
        nameless += not one.names
        events.append(one)
    notes = []
    if len(found) > MOST_EVENTS:
        notes.append(f"Only its first {MOST_EVENTS:,} events count.")
    if nameless:
        notes.append(f"{nameless:,} events name nobody.")
    return events, " ".join(notes)


def _refuse_size(body: bytes) -> None:
    """What would take the reader many seconds is refused before: it goes through line by line, whatever the window is."""
    entries, lines = body.count(b"BEGIN:"), body.count(b"\n")
    if entries > MOST_ENTRIES or lines > MOST_LINES:
        raise UnreadableError(
            f"The calendar is too large to be read: {entries:,} entries in {lines:,} lines, and at most {MOST_ENTRIES:,} in {MOST_LINES:,} are."
            " Give the address of a calendar of shifts alone."
        )


def _refuse_haste(calendar: Any, zone: ZoneInfo, start: datetime, end: datetime) -> None:
    """What would take for ever to write out is refused before: rules of seconds, rules that begin long ago, too many of them."""
    steps, inside = 0.0, 0.0
    for event in calendar.walk("VEVENT"):
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            freq = str((rule.get("FREQ") or [""])[0]).upper()
            hours = len(rule.get("BYHOUR", []))
            often = (hours or PER_DAY.get(freq, 1)) / max(1, (rule.get("INTERVAL") or [1])[0])
            if freq not in PER_DAY or any(len(rule.get(key) or []) > 1 for key in ("BYSECOND", "BYMINUTE")):
                raise UnreadableError(
                    f"The event {str(event.get('SUMMARY', ''))[:60]!r} repeats each second or minute, which no shift does."
                )
            since = min(_instant(event["DTSTART"].dt, zone), start)
            steps += often * max((end - since).days, 1)
            inside += often * max((end - start).days, 1)
    if steps > MOST_STEPS or inside > 4 * MOST_EVENTS:
        raise UnreadableError("Its events repeat so often, or since so long ago, that they cannot be written out.")


def _event(event: Any, zone: ZoneInfo) -> CalendarEvent | None:
    summary = str(event.get("SUMMARY", "")).strip()
    if str(event.get("STATUS", "")).upper() == "CANCELLED" or summary.startswith("#"):
        return None
    begins = _instant(event["DTSTART"].dt, zone)
    ends = _instant(event["DTEND"].dt, zone) if "DTEND" in event else begins
    if ends <= begins:
        return None
    level = PRIORITY.match(summary)
    names = tuple(dict.fromkeys(_names(event, PRIORITY.sub("", summary))))[:MOST_NAMES_OF_ONE]
    return CalendarEvent(names, begins, ends, int(level[1]) if level else 0)


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return instant(datetime.combine(value, time()), zone).astimezone(UTC)
    return value.astimezone(UTC) if value.tzinfo else instant(value, zone).astimezone(UTC)


def _names(event: Any, summary: str) -> Iterator[str]:
    """Whom an event may mean, lower case: names and addresses in its title, then who is invited."""
    head = re.split(r"\bon[ -]call\b", summary, maxsplit=1, flags=re.IGNORECASE)[0]
    for text in (head, summary):
        for piece in re.split(r"[,;/&]|\band\b", text):
            if tidy := " ".join(piece.strip(" -:()\t").lower().split()):
                yield tidy[:200]
    invited = event.get("ATTENDEE", [])
    for one in invited if isinstance(invited, list) else [invited]:
        yield str(one).lower().removeprefix("mailto:").strip()[:200]
        if name := str(getattr(one, "params", {}).get("CN", "")).strip().lower():
            yield name[:200]
