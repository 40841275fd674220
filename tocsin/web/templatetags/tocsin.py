"""What do templates need besides HTML? Icons, severity and state chips, clocks, avatars, times in words, Markdown."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from tocsin import clock as time
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib import markdown as lib_markdown
from tocsin.obligations.models import Obligation
from tocsin.web import clocks, house, quiet_forms, words

register = template.Library()

_BARS = ((0.25, 9.5, 2.5), (3.25, 6.5, 5.5), (6.25, 3.5, 8.5), (9.25, 0.5, 11.5))
_RINGS = {
    "investigating": '<circle cx="8" cy="8" r="6.2" stroke-dasharray="3.2 2.2"/><path d="M8 8V4.5A3.5 3.5 0 0 1 11.5 8z" fill="currentColor" stroke="none"/>',
    "identified": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.5a3.5 3.5 0 0 1 0 7z" fill="currentColor" stroke="none"/>',
    "monitoring": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.5a3.5 3.5 0 1 1-3.5 3.5H8z" fill="currentColor" stroke="none"/>',
    "resolved": '<circle cx="8" cy="8" r="6.9" fill="currentColor" stroke="none"/><path class="state-tick" d="m5 8.2 2.1 2.1L11.2 6"/>',
}
_RINGS["closed"] = _RINGS["resolved"]
_CHANNEL_ICONS = {
    "email": "mail",
    "screen": "board",
    "webhook": "plug",
    "sms": "sms",
    "voice": "phone",
    "slack": "hash",
    "mattermost": "hash",
    "matrix": "hash",
    "teams": "hash",
    "teams_bot": "hash",
    "teams_room": "hash",
    "telegram": "hash",
    "ntfy": "push",
    "pushover": "push",
    "apprise": "plug",
    "webpush": "push",
}


@register.simple_tag
@lru_cache(maxsize=500)
def icon(name: str, css: str = "") -> SafeString:
    """One icon of the sprite, hidden from screen readers (the words beside it say the same)."""
    return format_html('<svg class="icon {}" aria-hidden="true"><use href="{}#i-{}"/></svg>', css, static("tocsin/icons.svg"), name)


def level(severity: str) -> int:
    """1 to 4, for bars and colour, from the digit the organisation's name for it ends in; 4 where it has none."""
    found = re.search(r"(\d+)$", severity or "")
    return min(max(int(found[1]), 1), 4) if found else 4


register.filter("level", level)


@register.simple_tag
@lru_cache(maxsize=500)
def sev(severity: str, css: str = "") -> SafeString:
    """The severity chip: level bars, word and colour."""
    lit = 5 - level(severity)
    bars = "".join(
        f'<rect x="{x}" y="{y}" width="2.2" height="{h}" rx=".6"{"" if n < lit else " opacity=" + chr(34) + ".35" + chr(34)}/>'
        for n, (x, y, h) in enumerate(_BARS)
    )
    return format_html(
        '<span class="sev sev-{} {}"><svg viewBox="0 0 12 12" aria-hidden="true" fill="currentColor">{}</svg>{}</span>',
        level(severity), css, mark_safe(bars), severity,  # noqa: S308 - our own shapes
    )  # fmt: skip


@register.simple_tag
@lru_cache(maxsize=500)
def ring(status: str) -> SafeString:
    """The ring of a state alone, for choices."""
    return format_html(
        '<svg viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6">{}</svg>',
        mark_safe(_RINGS.get(status, _RINGS["investigating"])),  # noqa: S308 - our own shapes
    )


@register.simple_tag
@lru_cache(maxsize=500)
def state(status: str) -> SafeString:
    """The state of an incident: a ring that fills, and the word."""
    return format_html('<span class="state state-{}">{}{}</span>', status, ring(status), status.capitalize())


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
    """A time: `moment` ("03:35", with the date on another day), `time` ("03:35"), `seconds` ("03:35:10"), `full` (date and zone). The full time on hover."""
    if when is None:
        return mark_safe("")
    local = when.astimezone(words.zone(zone_in(context)))
    shown = {
        "time": f"{local:%H:%M}",
        "seconds": f"{local:%H:%M:%S}",
        "full": f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}",
        "date": f"{local:%A} {local.day} {local:%B %Y}",
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


@register.simple_tag
def avatar(person: Any, css: str = "") -> SafeString:
    """Two letters in a circle; a bell for the system itself."""
    initials = getattr(person, "initials", "")
    if not initials:
        return format_html('<span class="avatar {}" aria-hidden="true">{}</span>', css, icon("bell"))
    return format_html('<span class="avatar {}" aria-hidden="true">{}</span>', css, initials)


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown that people wrote, as safe HTML."""
    return mark_safe(lib_markdown.html(text or ""))  # noqa: S308 - cleaned by nh3


@register.filter
def channel_icon(kind: str) -> str:
    """The icon of a contact method."""
    return _CHANNEL_ICONS.get(kind, "bell")


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """mapping[key], or nothing."""
    return mapping.get(key, "") if hasattr(mapping, "get") else ""


@register.filter
def words_list(text: str) -> list[str]:
    """The words of a text, for short loops in templates."""
    return text.split()


@register.filter
def pairs(text: str) -> list[tuple[str, str]]:
    """ "a:one,b:two" as pairs, for short loops in templates."""
    return [(key, word) for key, _, word in (one.partition(":") for one in text.split(","))]


@register.filter
def held_by(text: str) -> SafeString:
    """What holds an alert back, with a link to the silence or the maintenance window."""
    return quiet_forms.held_link(text)


@register.filter
def in_words(length: timedelta) -> str:
    """A duration: "2 min 16 s"."""
    return words.duration(length)


_VERDICTS = {
    "met": ("tag-ok", "check"), "late": ("tag-warn", "clock"), "missed": ("tag-bad", "alert"), "open": ("tag-info", "clock"),
    "waived": ("tag-line", "shield"), "not_applicable": ("", "x"),
}  # fmt: skip


@register.filter
def tone(verdict: str) -> str:
    """The colour of a verdict of the conformance report."""
    return _VERDICTS.get(verdict, ("", ""))[0]


@register.filter
def verdict_icon(verdict: str) -> str:
    """The icon of a verdict of the conformance report."""
    return _VERDICTS.get(verdict, ("", "info"))[1]


@register.filter
def words_of(value: Any) -> str:
    """A word of the code for people: "first_public_update" becomes "First public update"."""
    return str(value).replace("_", " ").replace("-", " ").capitalize()


@register.filter
def way(kind: str) -> str:
    """A contact method's kind as people call it: "screen" is "On screen"."""
    return NOTIFIERS[kind].label if kind in NOTIFIERS else words_of(kind)


@register.simple_tag(takes_context=True)
def nav_link(context: template.Context, name: str, label: str, symbol: str, count: int = 0) -> SafeString:
    """A line of the side bar; nothing where that page is not part of this installation. Every page has two dozen: no template of its own."""
    words = format_html('<span class="lab">{}</span>', label)
    number = format_html('<span class="count"><span class="sr">, </span>{}</span>', count) if count else ""
    return _link(context, name, symbol, words, number)


@register.simple_tag(takes_context=True)
def tab_link(context: template.Context, name: str, label: str, symbol: str, count: int = 0) -> SafeString:
    """The same in the tab bar of phones."""
    return _link(context, name, symbol, label, format_html('<span class="n">{}</span>', count) if count else "")


def _link(context: template.Context, name: str, symbol: str, words: str, number: str) -> SafeString:
    address = _address(name)
    if not address:
        return mark_safe("")
    here = getattr(context.get("request"), "path", "")
    area = context.get("area")  # a page may say under which line it stands where its address begins like another's
    current = name == area if area else here == address or (address != "/" and here.startswith(address))
    mark = format_html(' aria-current="{}"', "page" if here == address else "true") if current or here == address else ""
    return format_html('<a href="{}"{}>{}{}{}</a>', address, mark, icon(symbol), words, number)


@lru_cache(maxsize=100)
def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@register.inclusion_tag("parts/field.html")
def field(name: str, label: str, value: Any = "", errors: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """A labelled input with hint and error: kind (text, textarea, date, datetime-local, email, number), hint, optional, limit, big, rows, attrs are options."""
    return {
        "name": name,
        "label": label,
        "value": "" if value is None else value,
        "error": (errors or {}).get(name, ""),
        "kind": "text",
        "id": f"f-{name}",
        **options,
    }


@register.inclusion_tag("parts/empty.html")
def nothing(symbol: str, title: str, text: str = "", link: str = "", action: str = "") -> dict[str, str]:
    """What would be here, why it is not, one action."""
    return {"symbol": symbol, "title": title, "text": text, "link": link, "action": action}


# What stands at the left of an entry: icon, tone, title; people's own words stand beside their avatar instead.
_ENTRIES = {
    "declared": ("flame", "bad", "Incident declared"), "severity": ("alert", "warn", "Severity changed"), "status": ("target", "warn", "State changed"),
    "role": ("user", "", "Role"), "public_update": ("mega", "info", "Status update published"), "internal_update": ("mega", "info", "Team update"),
    "mitigation": ("wrench", "", "Mitigation"), "restored": ("check", "ok", "Service restored"), "resolved": ("check", "ok", "Resolved"),
    "verified": ("check", "ok", "Fix verified"), "closed": ("check", "ok", "Closed"), "reopened": ("undo", "bad", "Reopened"),
    "watch": ("pulse", "info", "Watch"), "waived": ("shield", "warn", "Clause waived"), "step": ("check", "", "Procedure"),
    "check": ("search", "", "Check"), "gap": ("alert", "warn", "Gap"), "task": ("user", "", "Task"), "acknowledged": ("check", "ok", "Acknowledged"),
    "obligation_breach": ("clock", "bad", "Late"), "obligation_warning": ("clock", "warn", "Due soon"), "verdict": ("search", "", "Verified"),
    "paged": ("bell", "", "Paged"), "page": ("bell", "", "Paged"), "alert": ("alert", "bad", "Alert"), "opened": ("alert", "bad", "Alert"),
    "exhausted": ("alert", "bad", "Nobody answered"), "pin": ("pin", "", "Pinned"), "unpin": ("pin", "", "Unpinned"), "ticket": ("doc", "", "Ticket"),
    "action_item": ("check", "", "Action item"), "team_message": ("users", "", "Team told"),
    "asked": ("users", "", "Asked"), "unacknowledged": ("undo", "warn", "Given back"), "posted": ("hash", "", "Told"), "told_already": ("users", "", "Told once"),
    "step_passed_over": ("info", "", "Step passed over"), "acknowledged_partly": ("check", "", "Acknowledged by one of several"),
}  # fmt: skip


@register.inclusion_tag("parts/entry.html", takes_context=True)
def entry_of(context: template.Context, entry: Any) -> dict[str, Any]:
    """One entry of a timeline."""
    symbol, tone, title = _ENTRIES.get(entry.kind, ("info", "", words_of(entry.kind)))
    today = entry.at.date() == now_in(context).date()
    spoken = entry.kind in ("message", "decision") and entry.actor is not None
    return {
        "entry": entry,
        "symbol": symbol,
        "tone": tone,
        "title": title,
        "spoken": spoken,
        "elsewhere": not today,
        "request": context.get("request"),
    }


@register.simple_tag
def page_url(name: str, *args: Any) -> str:
    """The address of that page; empty where this installation has none."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.simple_tag
def public_address() -> str:
    """The address people reach this installation by."""
    return settings.TOCSIN_URL
