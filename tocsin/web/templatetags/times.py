"""How are times, spans and running clocks written in templates?"""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from tocsin import clock as time
from tocsin.obligations.models import Obligation
from tocsin.web import clocks, house, words
from tocsin.web.templatetags.drawings import icon

register = template.Library()


@register.simple_tag(takes_context=True)
def clock(context: template.Context, promise: Obligation | None, idle: str = "") -> SafeString:
    """The clock of a promise: label, value, bar; counts in the browser from data-due."""
    if promise is None:
        return _draw(clocks.Clock(idle, "–", "", "idle", 0, "clock")) if idle else mark_safe("")
    return _draw(clocks.clock(promise, now_in(context), zone_in(context)))


def _draw(shown: clocks.Clock) -> SafeString:
    due = format_html(' data-due="{}"', shown.due.isoformat()) if shown.due else ""
    return format_html(
        '<div class="clock" data-clock="{}"{}><span class="clock-label">{}{}</span>'
        '<span class="clock-value"><time>{}</time> <small>{}</small></span>'
        '<svg class="clock-bar" aria-hidden="true"><rect width="{}%" height="3"/></svg></div>',
        shown.state, due, icon(shown.icon), shown.label, shown.value, shown.small, shown.percent,
    )  # fmt: skip


def now_in(context: template.Context) -> datetime:
    """The page's `now`: read once and kept, so that all clocks of a page agree."""
    if request := context.get("request"):
        return house.of(request).now
    kept = context.get("now")
    return kept if isinstance(kept, datetime) else time.now()


def zone_in(context: template.Context) -> str:
    """The zone that the page says it shows; else the reader's; UTC where nobody is signed in."""
    if chosen := context.get("zone_name"):
        return str(chosen)
    user = getattr(context.get("request"), "user", None)
    return getattr(user, "time_zone", "") or "UTC"


@register.simple_tag(takes_context=True)
def at(context: template.Context, when: datetime | None, form: str = "moment") -> SafeString:
    """A time: `moment` ("03:35", with the date on another day), `time` ("03:35"), `seconds` ("03:35:10"), `full` (date and zone),
    `zone` ("CET"). The full time on hover."""
    if when is None:
        return mark_safe("")
    local = when.astimezone(words.zone(zone_in(context)))
    shown = {
        "time": f"{local:%H:%M}",
        "seconds": f"{local:%H:%M:%S}",
        "full": f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}",
        "date": f"{local:%A} {local.day} {local:%B %Y}",
        "zone": local.tzname(),
    }.get(form) or words.moment(when, now_in(context), zone_in(context))
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), words.full(when), shown)


@register.simple_tag
def clock_span(start: datetime, end: datetime) -> SafeString:
    """A span by the clock that it carries, not the reader's: "Sun 29 Nov 02:00 to 03:30 CET"; the zone twice only where it changes."""
    day = f"{end:%a} {end.day} {end:%b} " if end.date() != start.date() else ""
    zone = f" {start.tzname()}" if start.tzname() != end.tzname() else ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time> to <time datetime="{}" title="{}">{}</time>', start.isoformat(), words.full(start),
        f"{start:%a} {start.day} {start:%b} {start:%H:%M}{zone}", end.isoformat(), words.full(end), f"{day}{end:%H:%M} {end.tzname()}",
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def since(context: template.Context, when: datetime | None, until: datetime | None = None) -> str:
    """How long ago, or how long it lasted: "26 min"."""
    return words.duration((until or now_in(context)) - when) if when else ""


@register.simple_tag(takes_context=True)
def left(context: template.Context, due: datetime | None) -> str:
    """How long is left: "04:40", "9 h 20 m"; late with a plus."""
    return words.left(due - now_in(context), due, now_in(context)) if due else ""


@register.filter
def span(start: datetime | None, end: datetime | None) -> str:
    """The duration between two times."""
    return words.duration(end - start) if start and end else ""


@register.filter
def minutes(number: int | None) -> str:
    """A number of minutes in words: "15 min", "1 h"."""
    return words.promise(timedelta(minutes=number)) if number else ""


@register.filter
def in_words(length: timedelta) -> str:
    """A duration: "2 min 16 s"."""
    return words.duration(length)
