"""How are severities, states, people, ways and verdicts drawn in templates?"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

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


@register.simple_tag
def avatar(person: Any, css: str = "") -> SafeString:
    """Two letters in a circle; a bell for the system itself."""
    initials = getattr(person, "initials", "")
    if not initials:
        return format_html('<span class="avatar {}" aria-hidden="true">{}</span>', css, icon("bell"))
    return format_html('<span class="avatar {}" aria-hidden="true">{}</span>', css, initials)


@register.filter
def channel_icon(kind: str) -> str:
    """The icon of a contact method."""
    return _CHANNEL_ICONS.get(kind, "bell")


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
