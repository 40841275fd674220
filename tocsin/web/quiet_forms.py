"""How are the forms of silences and maintenance windows read, and how do their things look in words?"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tocsin.alerts import queries_quiet
from tocsin.alerts.models import Alert
from tocsin.domain import quiet
from tocsin.lib.refusal import Refused
from tocsin.web import pages, words

LENGTHS = {"1h": "1 hour", "4h": "4 hours", "24h": "24 hours", "tomorrow": "Until tomorrow 9:00", "7d": "7 days", "at": "Until a time"}
_HOURS = {"1h": 1, "4h": 4, "24h": 24, "7d": 168}
_LABEL = re.compile(r"(silence|maintenance window) (\d{1,18})(?=:)")
MOST_PREFILLED = 8
VARYING = ("severity", "status", "prometheus", "prometheus_replica", "monitor_id")  # labels that say nothing of which alert it is


def held_link(text: str) -> SafeString:
    """What holds an alert back, with a link to the silence or window that it names."""
    found = _LABEL.match(text)
    if not found:
        return format_html("{}", text)
    name = "silence" if found[1] == "silence" else "maintenance_window"
    return format_html('<a href="{}">{}</a>{}', reverse(name, args=[int(found[2])]), found[0], text[found.end() :])


def matchers(request: HttpRequest, errors: dict[str, str]) -> list[dict[str, Any]]:
    """The matchers that were typed."""
    try:
        return quiet.read(request.POST.get("matchers", "")[:30_000].replace("\r\n", "\n"))
    except ValueError as error:
        errors["matchers"] = str(error)
        return []


def number(request: HttpRequest, name: str, errors: dict[str, str]) -> int | None:
    """A number that was chosen."""
    try:
        return pages.number(request, name)
    except Refused as refused:
        errors.update(refused.errors)
        return None


def prefilled(alert: Alert) -> str:
    """Matchers for alerts like this one: its labels without what varies, else its title."""
    labels = {name: value for name, value in alert.labels.items() if name not in alert.added_labels and name not in VARYING}
    chosen = list(labels.items())[:MOST_PREFILLED] or [("title", alert.title)]
    return quiet.written([{"name": name, "value": value} for name, value in chosen if quiet.fits(name)])


def moment(text: str, zone: str) -> datetime | None:
    """A local time as a form sends it."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=words.zone(zone))


def tomorrow(now: datetime, zone: str) -> datetime:
    """Nine o'clock of the next day by the clock of that zone."""
    where = words.zone(zone)
    return datetime.combine(now.astimezone(where).date() + timedelta(days=1), time(9), where)


def ends_at(request: HttpRequest, start: datetime, zone: str, errors: dict[str, str]) -> datetime:
    """The end that was chosen; `start` where there is none, and then an error at the field."""
    choice = request.POST.get("for", "")
    if choice in _HOURS:
        return start + timedelta(hours=_HOURS[choice])
    if choice == "tomorrow":
        return tomorrow(start, zone)
    if (at := moment(request.POST.get("ends", ""), zone)) is None:
        errors["ends_at"] = "Choose day and time: a silence always ends."
    return at or start


def matched_words(found: queries_quiet.Matched | None) -> str:
    """ "Matches 12 open alerts"."""
    return f"Matches {found}" if found else ""
