"""What of Grafana OnCall's recurring shifts, chains and personal rules can be said here? Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.integrations.moving import calendar

DAY = 86_400  # seconds
UNITS = {
    "hourly": ("hours", 3_600),
    "daily": ("days", DAY),
    "weekly": ("weeks", 7 * DAY),
    "monthly": ("months", 28 * DAY),
}  # shortest lengths
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LAST_WAIT = 300  # seconds; a chain that ends with a person says nothing
MOST_REPEATS = 5  # what "repeat" means there
# Types there → kinds here.
KINDS = {
    "alertmanager": "alertmanager", "alertmanager_v2": "alertmanager", "grafana": "grafana_legacy", "grafana_alerting": "grafana_unified",
    "legacy_grafana_alerting": "grafana_legacy", "webhook": "generic", "formatted_webhook": "grafana_oncall", "inbound_email": "email", "amazon_sns": "aws_sns",
    "datadog": "datadog", "jira": "jira", "newrelic": "newrelic", "new_relic": "newrelic", "pagerduty": "pagerduty_webhook_v3", "pingdom": "pingdom", "sentry": "sentry",
    "sentry_platform": "sentry", "stackdriver": "gcp_monitoring", "uptimerobot": "uptimerobot", "zabbix": "zabbix",
}  # fmt: skip


class Unsaid(Exception):
    """This cannot be said here; the words name what."""


def is_zone(name: str) -> bool:
    """Whether a time zone has that name here."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def own_rules(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """When a person is told by mail: their "important" order for what cannot wait, the default one for the rest, or for both where it is alone."""
    orders: dict[bool, list[int]] = {True: [], False: []}
    for important, found in orders.items():
        waited = 0
        for one in sorted(
            (line for line in lines if bool(line.get("important")) is important), key=lambda line: int(line.get("position") or 0)
        ):
            waited += int(one.get("duration") or 0) if one.get("type") == "wait" else 0
            if one.get("type") == "notify_by_email":
                found.append(waited)
    high = orders[True] if any(line.get("important") for line in lines) else orders[False]
    return [
        {"urgency": urgency, "after_seconds": at}
        for urgency, times in (("high", high), ("low", orders[False]))
        for at in sorted(set(times))
    ]


# -- shifts ---------------------------------------------------------------------------------------------------------------


def turns(shift: dict[str, Any]) -> list[list[Any]]:
    """Who is on call together, turn after turn, by their ids; the turn that comes first stands first."""
    if shift.get("type") != "rolling_users":
        return [list(shift.get("users") or [])]
    groups = [list(group or []) for group in shift.get("rolling_users") or []]
    first = int(shift.get("start_rotation_from_user_index") or 0)
    return groups[first:] + groups[:first]


def recurrence(shift: dict[str, Any]) -> dict[str, Any]:
    """The start, length of a turn and hours of a shift that recurs. Raises Unsaid."""
    frequency, interval = str(shift.get("frequency")), int(shift.get("interval") or 1)
    if frequency not in UNITS:
        raise Unsaid(f"the frequency {frequency}")
    unit, seconds = UNITS[frequency]
    days, rolls, lasts = shift.get("by_day") or [], shift.get("type") == "rolling_users", int(shift.get("duration") or 0)
    if shift.get("by_month") or shift.get("by_monthday"):
        raise Unsaid("days of a month")
    if days and (frequency != "weekly" or (rolls and interval > 1 and lasts > DAY)):
        raise Unsaid(f"weekdays of a {frequency} turn")
    if not rolls and interval > 1 and lasts < seconds * interval:
        raise Unsaid(f"every {interval} {unit}")
    start = _week_of(shift) if days else datetime.fromisoformat(str(shift.get("rotation_start") or shift["start"]))
    length = {"days": 7 * interval} if unit == "weeks" else {unit: interval}
    shape = {"starts_at": start.isoformat(timespec="seconds"), "shift": length}
    return {**shape, "restrictions": _hours(shift, frequency, days, lasts, seconds * (interval if not days else 1))}


def _week_of(shift: dict[str, Any]) -> datetime:
    """When the week begins in which a shift of certain weekdays starts, at its time of the day: a night before it belongs to the turn before."""
    start = datetime.fromisoformat(str(shift["start"]))
    first = DAYS.index(str(shift.get("week_start") or "SU"))
    return start - timedelta(days=(start.weekday() - first) % 7)


def _hours(shift: dict[str, Any], frequency: str, days: list[str], lasts: int, period: int) -> list[dict[str, Any]]:
    """The hours in which somebody is on call; none where always somebody is."""
    if lasts >= period or (days and lasts >= DAY and len(days) == 7):
        return []
    start, minutes = datetime.fromisoformat(str(shift["start"])), lasts // 60
    of_day = start.hour * 60 + start.minute
    if frequency == "weekly":
        weekdays = [DAYS.index(day) for day in days] or [start.weekday()]
        if len(weekdays) == 1 and period > 7 * DAY:
            raise Unsaid("a part of several weeks")
    elif frequency == "daily" and lasts <= DAY == period:
        weekdays = list(range(7))
    else:
        raise Unsaid(f"a part of a {frequency} turn")
    lines = [line for day in weekdays for line in calendar.hours(day * calendar.DAY + of_day, min(minutes, calendar.WEEK))]
    return calendar.together(lines)


# -- chains ---------------------------------------------------------------------------------------------------------------

Targets = Callable[[dict[str, Any]], list[dict[str, Any]]]


def steps(chain: str, lines: list[dict[str, Any]], targets: Targets, notes: list[str]) -> tuple[list[dict[str, Any]], int]:
    """The steps of a chain and how often they repeat: who is notified one right after the other is one step, waits are those of the step before."""
    found, repeats, waited = list[dict[str, Any]](), 0, False
    for one in lines:
        kind = str(one.get("type"))
        if kind == "wait":
            if found:
                found[-1]["wait_seconds"] = (found[-1]["wait_seconds"] if waited else 0) + int(one.get("duration") or 0)
            else:
                notes.append(f"Escalation chain {chain} begins with a wait; here its first step begins at once.")
            waited = True
        elif kind == "repeat_escalation":
            repeats = MOST_REPEATS
        elif whom := targets(one):
            if kind == "notify_person_next_each_time":
                notes.append(f"Escalation chain {chain}: people who take turns alert by alert are all paged here.")
            if found and not waited:
                found[-1]["targets"] += [target for target in whom if target not in found[-1]["targets"]]
            else:
                found.append({"wait_seconds": LAST_WAIT, "targets": whom})
            waited = False
        else:
            notes.append(f"Escalation chain {chain}: its line {kind} cannot be said here, or reaches nobody whom we know; it is left out.")
    return found, repeats
