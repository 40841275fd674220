"""What do templates need besides HTML? Words, links, fields, entries; with the drawings and times, so that one `load` brings all."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from tocsin.integrations.registry import NOTIFIERS, SOURCES
from tocsin.lib import markdown as lib_markdown
from tocsin.web import browsers, quiet_forms
from tocsin.web.templatetags import drawings, times
from tocsin.web.templatetags.drawings import icon
from tocsin.web.templatetags.times import now_in

register = template.Library()
for part in (drawings.register, times.register):
    register.tags |= part.tags
    register.filters |= part.filters


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown that people wrote, as safe HTML."""
    return mark_safe(lib_markdown.html(text or ""))  # noqa: S308 - cleaned by nh3


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
def browser(agent: str) -> str:
    """What a browser says of itself, in words: "Firefox on Linux"."""
    return browsers.in_words(agent or "")


@register.filter
def words_of(value: Any) -> str:
    """A word of the code for people: "first_public_update" becomes "First public update"."""
    return str(value).replace("_", " ").replace("-", " ").capitalize()


@register.filter
def source_label(kind: str) -> str:
    """The kind of an integration as its product is called."""
    return SOURCES[kind].label if kind in SOURCES else words_of(kind)


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
