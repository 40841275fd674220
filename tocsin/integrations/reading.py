"""How are the values in foreign messages read: JSON, times, severities, links, texts?

Tolerant where a value is odd (it is left out, the rest of the item counts), strict where nothing can be read at all.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_depth import DEEPEST, too_deep
from tocsin.integrations.reading_spoilt import mended

LONGEST_TITLE = 1024
LONGEST_TEXT = 65_536  # characters of one text
LONGEST_LINK = 2000
LONGEST_KEY = 512
LONGEST_LABEL = 4096
MOST_LABELS = 200
MOST_FIELDS = 1000  # of one item
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)

# C0 and C1 but for line breaks and tabs, orders to turn the direction of writing, halves of a surrogate pair.
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

WORDS: dict[SourceSeverity, str] = {
    "critical": "critical crit fatal emergency emerg disaster p1 sev0 page",
    "error": "error err high major p2 sev1",
    "warning": "warning warn medium average minor p3 sev2 degraded",
    "info": "info informational information low notice debug none p4 p5 sev3 sev4",
}
_SEVERITIES: dict[str, SourceSeverity] = {word: level for level, words in WORDS.items() for word in words.split()}
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?\s*(?:(Z|UTC)|([+-])(\d\d):?(\d\d))?\s*(?:Z|UTC)?", re.I
)


# -- bodies -------------------------------------------------------------------------------------------------------------


def json_body(received: Received) -> Any:
    """The JSON in a body, whatever its content type says; also in a form field `payload`. Raises UnreadableError."""
    body = received.body.removeprefix(b"\xef\xbb\xbf").strip()
    if body.startswith(b"payload="):
        try:
            body = parse_qs(body.decode("utf-8"), max_num_fields=20).get("payload", [""])[0].encode()
        except ValueError:
            raise UnreadableError("the body is a form, and its field payload cannot be read") from None
    if not body:
        raise UnreadableError("the body is empty; JSON was expected")
    if too_deep(body):
        raise UnreadableError(f"the JSON is nested deeper than {DEEPEST} levels")
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if (meant := mended(body)) is None:
            raise UnreadableError(f"the body is not JSON: {error}") from None
        return meant


def may_be_text(body: bytes) -> bool:
    """Is a body that is no JSON a text in words, rather than JSON gone wrong? `[RESOLVED] Disk full` is one."""
    return body[:1] not in (b"{", b'"') and (body[:1] != b"[" or body[1:2].isalpha()) and b"\0" not in body


def in_words(body: bytes) -> str | None:
    """A text in UTF-8, else in Western European where hardly a letter of it stands beyond ASCII; None for bytes that are no text."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        beyond = len(body.translate(None, _ASCII_TEXT))
        return body.decode("cp1252", "replace") if beyond * 4 < len(body) and not body.translate(None, _NO_CONTROL) else None


_ASCII_TEXT = bytes((9, 10, 13, *range(32, 127)))
_NO_CONTROL = bytes((9, 10, 13, *range(32, 256)))


def fields(value: Any, limit: int = MOST_FIELDS) -> int:
    """How many keys and list elements a value has in all; counting ends above `limit`."""
    count, stack = 0, [value]
    while stack and count <= limit:
        item = stack.pop()
        if isinstance(item, dict):
            count += len(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            count += len(item)
            stack.extend(item)
    return count


def checked(item: Any, what: str) -> dict[str, Any]:
    """The item as an object within the limits. Raises UnreadableError with the sentence."""
    if not isinstance(item, dict):
        raise UnreadableError(f"{what} is not a JSON object")
    if fields(item) > MOST_FIELDS:
        raise UnreadableError(f"{what} has more than {MOST_FIELDS:,} fields")
    return item


def unreadable(error: Exception, key: str = "") -> Event:
    """An item of a body that cannot be read: it is kept and shown, its neighbours count."""
    return Event("unknown", "Unreadable event", key or "unreadable", error=str(error)[:500])


# -- values -------------------------------------------------------------------------------------------------------------


def text(value: Any, limit: int = LONGEST_TEXT) -> str:
    """A text without NUL and other control characters (PostgreSQL refuses NUL; others turn what stands around it), cut to `limit`; numbers as
    they are written."""
    if value.__class__ is str and value.isprintable():  # nearly always, and asked dozens of times for each event
        return value.strip()[:limit]
    if value is None or isinstance(value, (dict, list)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    cleaned = value if isinstance(value, str) else str(value)
    if not cleaned.isprintable():
        cleaned = _CONTROL.sub("", cleaned)
    return cleaned.strip()[:limit]


def first_line(value: Any, limit: int = LONGEST_TITLE) -> str:
    """The first line that says anything, as a title."""
    lines = text(value).splitlines()
    return next((line.strip()[:limit] for line in lines if line.strip()), "")


def kept(item: dict[str, Any]) -> dict[str, Any]:
    """The details of an item within the limit of fields: of a longer one (a stack trace, a commit list) the deepest are left out."""
    for deepest in (DEEPEST, 6, 4, 3, 2, 1):
        short = _cut(item, deepest)
        if fields(short) <= MOST_FIELDS:
            return dict(plain(short))
    return {name: plain(value) for name, value in list(item.items())[:MOST_FIELDS] if not isinstance(value, (dict, list))}


def _cut(value: Any, deepest: int) -> Any:
    if isinstance(value, dict):
        return {name: _cut(v, deepest - 1) for name, v in value.items()} if deepest else "…"
    if isinstance(value, list):
        return [_cut(v, deepest - 1) for v in value[:200]] if deepest else "…"
    return value


def plain(value: Any, depth: int = 0) -> Any:
    """Details fit to be stored: texts cleaned and cut, depth bounded."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(k, 200): plain(v, depth + 1) for k, v in value.items()} if depth < DEEPEST else "…"
    if isinstance(value, list):
        return [plain(v, depth + 1) for v in value] if depth < DEEPEST else "…"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63:
        return str(value)[:100]
    if isinstance(value, float) and not isfinite(value):  # JSON has no word for it, and PostgreSQL refuses it
        return str(value)
    return value


def labels(value: Any) -> dict[str, str]:
    """Label values are texts; empty ones are dropped (Prometheus treats an empty label as absent)."""
    if not isinstance(value, dict):
        return {}
    read = {text(name, 200): text(v, LONGEST_LABEL) for name, v in list(value.items())[:MOST_LABELS]}
    return {name: v for name, v in read.items() if name and v}


def link(value: Any) -> str:
    """An absolute http(s) address, else nothing."""
    address = text(value, LONGEST_LINK + 1)
    if len(address) > LONGEST_LINK or len(address.split()) > 1:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme.lower() in ("http", "https") and parts.hostname else ""


def key(value: Any) -> str:
    """A dedup key; one that is too long is cut and made unique again by its hash."""
    word = text(value)
    if len(word) <= LONGEST_KEY:
        return word
    return word[: LONGEST_KEY - 65] + "#" + hashlib.sha256(word.encode()).hexdigest()


def body_key(item: Any) -> str:
    """The identity of an item that names none: the same again is the same alert."""
    return "body:" + hashlib.sha256(msgspec.json.encode(item, order="deterministic")).hexdigest()[:40]


def labels_key(read: dict[str, str], ignored: frozenset[str] = frozenset()) -> str:
    """The identity of a label set: sorted, readable, hashed only where it is long."""
    return key("labels:" + ",".join(f"{name}={value}" for name, value in sorted(read.items()) if name not in ignored))


def severity(word: Any) -> SourceSeverity | None:
    """The level that a source's word means; None for a word nobody knows."""
    return _SEVERITIES.get(text(word, 40).lower())


# -- times --------------------------------------------------------------------------------------------------------------


def time(value: Any, received_at: datetime) -> datetime | None:
    """The instant that a value means, in UTC. None when it is not set, cannot be read, is before 2000 or more than a day ahead.

    ISO with Z, +00:00, +0000, none (UTC) or both offset and Z, one to nine fractional digits; epoch seconds, ms, µs, ns as number or text.
    """
    if isinstance(value, bool) or value is None or value == "":
        return None
    found = _epoch(value) if isinstance(value, (int, float)) else _written(text(value, 60))
    return found if found and EARLIEST <= found <= received_at + AHEAD else None


@lru_cache(maxsize=4096)  # alerts of one cause begin at one time
def _written(value: str) -> datetime | None:
    if match := _TIME.fullmatch(value):
        year, month, day, hour, minute, second, fraction, _, sign, off_h, off_m = match.groups()
        offset = timedelta(hours=int(off_h or 0), minutes=int(off_m or 0)) * (-1 if sign == "-" else 1)
        micro = int((fraction or "0").ljust(6, "0")[:6])
        leap = second == "60"
        try:
            at = datetime(
                int(year), int(month), int(day), int(hour or 0), int(minute or 0), 59 if leap else int(second or 0), micro, tzinfo=UTC
            )
            return at - offset + timedelta(seconds=leap)
        except (ValueError, OverflowError):
            return None
    try:
        return _epoch(float(value))
    except ValueError:
        return None


def _epoch(number: float) -> datetime | None:
    for unit in (1, 1e3, 1e6, 1e9):
        if abs(number) < 1e11 * unit:
            try:
                return datetime.fromtimestamp(number / unit, UTC)
            except (ValueError, OverflowError, OSError):
                return None
    return None
