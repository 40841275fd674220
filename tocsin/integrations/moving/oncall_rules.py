"""What of Grafana OnCall's recurring shifts, chains and personal rules can be said here? Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tocsin.integrations.moving import calendar
from tocsin.integrations.moving.calendar import Unsaid

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


def turns(shift: dict[str, Any], web: bool) -> dict[str, Any]:
    """A shift that recurs: its `groups` (who is on call together, by their ids; the turn that comes first stands first), and `starts_at`, `shift`,
    `month_day` and `restrictions` as a rotation has them. `web` for a shift of a schedule of that type. Raises Unsaid."""
    frequency, interval = str(shift.get("frequency")), 1 if shift.get("interval") is None else int(shift["interval"])
    days, rolls, lasts = shift.get("by_day") or [], shift.get("type") == "rolling_users", int(shift.get("duration") or 0)
    if frequency not in UNITS:
        raise Unsaid(f"the frequency {frequency}")
    unit, seconds = UNITS[frequency]
    if interval < 1 or lasts < 60:
        raise Unsaid(f"every {interval} {unit}" if interval < 1 else f"{lasts} seconds")
    if shift.get("by_month") or shift.get("by_monthday"):
        raise Unsaid("days of a month")
    if days and (frequency != "weekly" or (rolls and interval > 1)):
        raise Unsaid(f"weekdays of a {frequency} turn" if frequency != "weekly" else f"weekdays of every {interval} weeks")
    if frequency == "monthly" and datetime.fromisoformat(str(shift["start"])).day > 28:
        raise Unsaid("a day that not every month has")
    if not rolls and interval > 1 and lasts < seconds * interval:
        raise Unsaid(f"every {interval} {unit}")
    passed, start = _first(shift, web, unit, interval) if rolls else (0, datetime.fromisoformat(str(shift["start"])))
    return {
        "groups": _groups(shift, passed), "shift": {"days": 7 * interval} if unit == "weeks" else {unit: interval}, "month_day": unit == "months",
        "starts_at": (_week_of(start, shift) if days else start).isoformat(timespec="seconds"),
        "restrictions": _hours(start, frequency, days, lasts, seconds * (interval if not days else 1)),
    }  # fmt: skip


def _groups(shift: dict[str, Any], passed: int) -> list[list[Any]]:
    """Who is on call together, turn after turn, where so many turns have passed."""
    if shift.get("type") != "rolling_users":
        return [list(shift.get("users") or [])]
    groups = [list(group or []) for group in shift.get("rolling_users") or []]
    first = (int(shift.get("start_rotation_from_user_index") or 0) + passed) % max(1, len(groups))
    return groups[first:] + groups[:first]


def _first(shift: dict[str, Any], web: bool, unit: str, interval: int) -> tuple[int, datetime]:
    """How many turns pass before the rotation starts, and when the first that counts begins. People take turns from `start` on: a turn that begins before
    `rotation_start` (on the web: that has ended by then) is nobody's, but its people have had it."""
    start = datetime.fromisoformat(str(shift["start"]))
    since = datetime.fromisoformat(str(shift.get("rotation_start") or shift["start"]))
    lasts = timedelta(seconds=int(shift["duration"]) - 1 if web else 0)
    at, last = start, timedelta()
    if days := [DAYS.index(day) for day in shift.get("by_day") or []]:
        at = _first_of_days(shift, start, since, lasts, days)
        week = _week_of(at, shift)
        last = timedelta(days=max((day - week.weekday()) % 7 for day in days)) - (at - week)
    if at + lasts >= since:
        return 0, at
    passed = 1
    if _later(at, unit, interval) + last + lasts < since:
        if not days and unit in ("weeks", "months"):
            # Having passed two turns there, it goes on from the first day of the week or month.
            at = _week_of(at, shift) if unit == "weeks" else at.replace(day=1)
        passed = 2 if unit == "months" else max(2, -((at + last + lasts - since) // timedelta(**{unit: interval})))
    while _later(at, unit, interval * passed) + last + lasts < since:
        passed += 1
    return passed, _later(at, unit, interval * passed)


def _first_of_days(shift: dict[str, Any], start: datetime, since: datetime, lasts: timedelta, days: list[int]) -> datetime:
    """The first turn of certain weekdays: in the week of `start` where one of them counts, else on the day that comes first in a week."""
    week = _week_of(start, shift)
    for at in (start + timedelta(days=ahead) for ahead in range(7)):
        if start != since and at.weekday() in days and at < week + timedelta(days=7) and at + lasts >= since:
            return at
    first = min(days, key=lambda day: (day - week.weekday()) % 7)
    return start if start.weekday() in days else start + timedelta(days=(first - start.weekday()) % 7)


def _later(at: datetime, unit: str, many: int) -> datetime:
    """So many hours, days, weeks or months later, by the clock."""
    if unit != "months":
        return at + timedelta(**{unit: many})
    year, month = divmod(at.year * 12 + at.month - 1 + many, 12)
    return at.replace(year=year, month=month + 1)


def _week_of(at: datetime, shift: dict[str, Any]) -> datetime:
    """The same time on the first day of that week: a night before it belongs to the turn before."""
    return at - timedelta(days=(at.weekday() - DAYS.index(str(shift.get("week_start") or "SU"))) % 7)


def _hours(start: datetime, frequency: str, days: list[str], lasts: int, period: int) -> list[dict[str, Any]]:
    """The hours in which somebody is on call; none where always somebody is."""
    if lasts >= period or (days and lasts >= DAY and len(days) == 7):
        return []
    of_day, minutes = start.hour * 60 + start.minute, lasts // 60
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
