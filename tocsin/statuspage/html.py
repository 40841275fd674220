"""What do people see on the public page? HTML that needs no script, with a style sheet of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import timezone

from tocsin.domain import uptime
from tocsin.incidents.models import Update
from tocsin.statuspage.content import DESCRIPTIONS, OF_STATUS, Content

WORDS = {
    "operational": "Operational", "degraded_performance": "Degraded", "partial_outage": "Partial outage", "major_outage": "Major outage",
    "under_maintenance": "Maintenance", "no_data": "No data",
    "investigating": "Investigating", "identified": "Identified", "monitoring": "Monitoring", "resolved": "Resolved",
    "scheduled": "Scheduled", "in_progress": "In progress", "verifying": "Verifying", "completed": "Completed",
}  # fmt: skip
LOOKS = {  # icon, colour class, class and top of a bar
    "operational": ("check", "ok", "up", 0), "degraded_performance": ("clock", "warn", "dg", 6), "partial_outage": ("alert", "part", "pt", 12),
    "major_outage": ("stop", "bad", "mj", 19), "under_maintenance": ("wrench", "info", "mt", 6), "no_data": ("clock", "none", "nd", 0),
}  # fmt: skip
BANNERS = {
    "none": ("ok", "check"),
    "maintenance": ("info", "wrench"),
    "minor": ("minor", "alert"),
    "major": ("major", "alert"),
    "critical": ("bad", "stop"),
}
SHOWN_DAYS = 14  # of past incidents on the first page; older ones are in the history


def files(content: Content) -> dict[str, bytes]:
    """index.html, history.html, uptime.html, a page for each incident, and the style sheet."""
    incidents = [_incident(content, row) for row in content.incidents]
    maintenances = [_maintenance(content, row) for row in content.maintenances]
    coming = [row for row in maintenances if row["status"] != "completed"]
    components = [_component(content, row) for row in content.components]
    shared = {
        "page": content.page, "url": content.url, "now": content.now.astimezone(ZoneInfo(content.page.time_zone)),
        "zone": content.page.time_zone, "up": "", "components": components,
    }  # fmt: skip
    since = content.now - timedelta(days=SHOWN_DAYS)
    first = shared | {
        "coming": sorted(coming, key=lambda row: row["from"]),
        "open": [row for row in incidents if row["status"] != "resolved"],
        "past": [row for row in incidents if row["status"] == "resolved" and row["updated"] > since],
        "banner": _banner(content),
        "days": SHOWN_DAYS,
        "unknown": any(day.status == uptime.NO_DATA for history in content.histories.values() for day in history.days),
    }
    pages = {
        "index.html": _html("index", first),
        "history.html": _html(
            "history", shared | _history(content, incidents) | {"done": [row for row in maintenances if row["status"] == "completed"]}
        ),
        "uptime.html": _html("uptime", shared | {"days": _days(content)}),
        "status.css": style(),
    }
    for row in [*incidents, *maintenances]:
        pages[f"incidents/{row['id']}.html"] = _html("incident", shared | {"incident": row, "up": "../"})
    return pages


@cache
def style() -> bytes:
    """The style sheet of the public page."""
    return (Path(__file__).parent / "templates" / "statuspage" / "status.css").read_bytes()


def _html(name: str, context: dict[str, Any]) -> bytes:
    with timezone.override(ZoneInfo(context["zone"])):
        return render_to_string(f"statuspage/{name}.html", context).encode()


def _banner(content: Content) -> dict[str, str]:
    """The one sentence on top: which components are worst, else what the indicator says."""
    worst = uptime.worst([row.status for row in content.components])
    look, icon = BANNERS[content.indicator]
    title = DESCRIPTIONS[content.indicator].capitalize()
    affected = [row for row in content.components if row.status != "operational"]
    if affected and OF_STATUS[worst] == content.indicator:
        names = [row.name for row in affected if row.status == worst]
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        title = f"{WORDS[worst]}: {', '.join(names[:2])}{more}"
    some = f"{len(affected)} of {len(content.components)} components affected" if affected else ""
    return {"look": look, "icon": icon, "title": title, "some": some}


def _component(content: Content, row: Any) -> dict[str, Any]:
    icon, look, _, _ = LOOKS[row.status]
    history = content.histories[row.pk]
    bars = [
        {"x": number * 6, "y": LOOKS[day.status][3], "height": 32 - LOOKS[day.status][3], "css": LOOKS[day.status][2]}
        for number, day in enumerate(history.days)
    ]
    return {
        "name": row.name, "group": row.group, "description": row.description, "status": WORDS[row.status], "icon": icon, "look": look,
        "bars": bars, "words": _up(history),
    }  # fmt: skip


def _up(history: uptime.History) -> str:
    """The share of the time that it was up; since when, where that is less than the whole 90 days."""
    known = [day.day for day in history.days if day.status != uptime.NO_DATA]
    since = f" since {known[0].day} {known[0]:%b}" if known and len(known) < len(history.days) and history.percent is not None else ""
    return history.words + since


def _incident(content: Content, row: dict[str, Any]) -> dict[str, Any]:
    zone = ZoneInfo(content.page.time_zone)
    updates = [_update(content, update, zone) for update in row["incident_updates"]]
    now = {component.code: component.status for component in content.components}
    affected = [
        {
            "name": part["name"],
            "status": WORDS[now[part["id"]]].lower(),
            "icon": LOOKS[now[part["id"]]][0],
            "look": LOOKS[now[part["id"]]][1],
        }
        for part in row["components"]
        if now[part["id"]] != "operational"
    ]
    return {
        "id": row["id"], "name": row["name"], "status": row["status"], "updates": updates, "newest": updates[0], "affected": affected,
        "started": datetime.fromisoformat(row["started_at"]), "updated": datetime.fromisoformat(row["updated_at"]),
    }  # fmt: skip


def _maintenance(content: Content, row: dict[str, Any]) -> dict[str, Any]:
    """As an incident, with when it is planned, and what it touches instead of how that is."""
    names = ", ".join(part["name"] for part in row["components"])
    planned = {"from": datetime.fromisoformat(row["scheduled_for"]), "to": datetime.fromisoformat(row["scheduled_until"])}
    return _incident(content, row | {"components": []}) | planned | {"names": names, "said": WORDS[row["status"]]}


def _update(content: Content, row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    stored: Update | None = content.updates.get(row["id"])  # none: it is about maintenance
    at = datetime.fromisoformat(row["display_at"])
    until = stored.next_update_at.astimezone(zone) if stored and stored.next_update_at else None
    return {"status": row["status"], "said": WORDS[row["status"]], "at": at, "paragraphs": paragraphs(row["body"]), "until": until}


def paragraphs(text: str) -> list[dict[str, Any]]:
    """The update's text in paragraphs; a first one that only says time and status is left out, for both stand above it."""
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    if len(blocks) > 1 and len(blocks[0]) <= 2 and blocks[0][-1].startswith("Status:"):
        blocks = blocks[1:]
    shown = []
    for block in blocks:
        label, colon, rest = block[0].partition(": ")
        labelled = bool(colon) and len(label) <= 20
        first = [rest, *block[1:]] if labelled else block
        shown.append({"label": label if labelled else "", "lines": first, "strong": block[0].startswith("Next update")})
    return shown


def _history(content: Content, incidents: list[dict[str, Any]]) -> dict[str, Any]:
    """The last days one by one, also those on which nothing happened, and what is older."""
    zone = ZoneInfo(content.page.time_zone)
    today = content.now.astimezone(zone).date()
    days = [today - timedelta(days=number) for number in range(SHOWN_DAYS)]
    began = [(row["started"].astimezone(zone).date(), row) for row in incidents]
    return {
        "recent": [(day, [row for at, row in began if at == day]) for day in days], "older": [row for at, row in began if at < days[-1]],
        "days": SHOWN_DAYS,
    }  # fmt: skip


def _days(content: Content) -> list[dict[str, Any]]:
    """The rows of the table: each day, today first, with each component's status."""
    histories = [content.histories[row.pk] for row in content.components]
    rows = zip(*(history.days for history in histories), strict=True)
    return [{"day": row[0].day, "cells": [WORDS[day.status] for day in row]} for row in reversed(list(rows))]
