"""What of an Opsgenie account's rules and integrations can be said here: personal notification rules, routing rules, kinds of integrations? Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tocsin.integrations.moving import calendar
from tocsin.integrations.moving.calendar import Unsaid

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
NEW_ALERT = ("create-alert", "new-alert")
# Opsgenie's types without their version ("GrafanaV2") → kinds here. What speaks Opsgenie's API goes on doing so.
KINDS = {
    "api": "opsgenie_alert_api", "prometheus": "opsgenie_alert_api", "oec": "opsgenie_alert_api", "terraform": "opsgenie_alert_api",
    "amazonsns": "aws_sns", "cloudwatch": "aws_sns", "amazoncloudwatch": "aws_sns", "azure": "azure_monitor", "azuremonitor": "azure_monitor",
    "checkly": "checkly", "datadog": "datadog", "email": "email", "freshping": "freshping", "github": "github", "gitlab": "gitlab",
    "googlestackdriver": "gcp_monitoring", "stackdriver": "gcp_monitoring", "googlecloudmonitoring": "gcp_monitoring", "grafana": "grafana_unified", "graylog": "graylog",
    "honeybadger": "honeybadger", "icinga": "icinga", "icinga2": "icinga", "jira": "jira", "kubernetes": "kubernetes", "librato": "librato",
    "librenms": "libre_nms", "nagios": "nagios", "nagiosxi": "nagios", "newrelic": "newrelic", "papertrail": "papertrail", "pingdom": "pingdom", "raygun": "raygun",
    "rollbar": "rollbar", "sensu": "sensu", "sentry": "sentry", "site24x7": "site24x7", "splunk": "splunk", "statuscake": "statuscake", "statusio": "statuspage_webhook",
    "thousandeyes": "thousandeyes", "updown": "updown", "uptimerobot": "uptimerobot", "zabbix": "zabbix",
}  # fmt: skip
FIELDS = {
    "message": "title",
    "alias": "dedup_key",
    "source": "source",
    "entity": "labels.entity",
    "tags": "labels.tags",
    "priority": "severity",
}
PRIORITIES = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info", "P5": "info"}
ORDER = ("info", "warning", "error", "critical")


# -- personal notification rules ------------------------------------------------------------------------------------------


def own_rules(email: str, rules: list[dict[str, Any]], notes: list[str]) -> list[tuple[str, str, int]]:
    """The personal order of a person: (method, address, seconds), from the first rule about new alerts that holds for every one of them."""
    usable = [one for one in rules if one.get("enabled", True) and one.get("actionType") in NEW_ALERT]
    for one in sorted(usable, key=lambda rule: int(rule.get("order") or 0)):
        if (one.get("criteria") or {}).get("type", "match-all") != "match-all" or one.get("timeRestriction"):
            notes.append(
                f"{email}: the notification rule {one.get('name')} holds for some alerts or hours alone, which a person's own rules cannot say; it is left out."
            )
            continue
        if (one.get("repeat") or {}).get("enabled"):
            notes.append(f"{email}: the notification rule {one.get('name')} repeats itself; here each way says how often it is used again.")
        return _steps(email, one, notes)
    return []


def _steps(email: str, rule: dict[str, Any], notes: list[str]) -> list[tuple[str, str, int]]:
    found = []
    for step in rule.get("steps") or []:
        contact, wait = step.get("contact") or {}, step.get("sendAfter") or {}
        after = int(wait.get("timeAmount") or 0) * UNITS.get(str(wait.get("timeUnit") or "minutes"), 60)
        if step.get("enabled", True) and after <= 86_400:  # a day, the longest delay here
            found.append((str(contact.get("method")), str(contact.get("to") or ""), after))
    if rule.get("steps") and not found:
        notes.append(f"{email}: no step of the notification rule {rule.get('name')} can be used here.")
    return found


# -- integrations ---------------------------------------------------------------------------------------------------------


def kind_of(type: str) -> str | None:
    """The kind here that reads what that type of integration is sent; None where there is none, or where it only sends."""
    name = re.sub(r"v\d+$", "", re.sub(r"[^a-z0-9]", "", type.lower()))
    return KINDS.get(name)


# -- routing rules --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Routed:
    """What a team's routing rule says beside whom it notifies: conditions in our form, whether any is enough, and hours."""

    any_of: bool
    conditions: list[dict[str, Any]] = field(default_factory=list)
    hours: dict[str, Any] | None = None


def routed(rule: dict[str, Any]) -> Routed:
    """The same in our form. Raises Unsaid."""
    criteria = rule.get("criteria") or {}
    type = str(criteria.get("type") or "match-all")
    conditions = [] if type == "match-all" else [_condition(one) for one in criteria.get("conditions") or []]
    return Routed(type == "match-any-condition", conditions, _hours(rule))


def _condition(one: dict[str, Any]) -> dict[str, Any]:
    name, wanted, no = str(one.get("field")), str(one.get("expectedValue") or ""), bool(one.get("not"))
    operation = str(one.get("operation") or "equals")
    if name == "extra-properties":
        return {"field": f"labels.{one.get('key')}", **_operator(operation, wanted, no)}
    if name not in FIELDS:
        raise Unsaid(f"the field {name}")
    if name == "priority":
        return _priority(operation, wanted, no)
    if name == "tags" and operation == "equals":
        operation = "contains"
    return {"field": FIELDS[name], **_operator(operation, wanted, no)}


def _operator(operation: str, wanted: str, no: bool) -> dict[str, Any]:
    if operation in ("is-empty", "contains-key"):
        return {"operator": "exists" if no == (operation == "is-empty") else "absent"}
    exactly = {"equals": ("equals", "not"), "equals-ignore-whitespace": ("equals", "not"), "contains": ("contains", "lacks"), "contains-value": ("contains", "lacks")}  # fmt: skip
    if operation in exactly:
        return {"operator": exactly[operation][no], "value": wanted}
    if operation == "starts-with" and not no:
        return {"operator": "starts_with", "value": wanted}
    patterns = {"starts-with": f"(?i){re.escape(wanted)}.*", "ends-with": f"(?i).*{re.escape(wanted)}", "matches": wanted}
    if operation in patterns:
        return {"operator": ("regex", "not_regex")[no], "value": patterns[operation]}
    raise Unsaid(f"“{operation}”")


def _priority(operation: str, wanted: str, no: bool) -> dict[str, Any]:
    """P1 is critical, P2 error, P3 warning, P4 and P5 info: what lies between the last two cannot be told apart."""
    at = PRIORITIES.get(wanted)
    if at is None or operation not in ("equals", "greater-than", "less-than"):
        raise Unsaid(f"priority {operation} {wanted}")
    if at == "info":
        raise Unsaid(f"priority {operation} {wanted}: P4 and P5 are one severity")
    place = ORDER.index(at)
    meant = {"equals": [at], "greater-than": list(ORDER[place + 1 :]), "less-than": list(ORDER[:place])}[operation]
    return {"field": "severity", "operator": "one_of", "value": [one for one in ORDER if (one in meant) is not no]}


def _hours(rule: dict[str, Any]) -> dict[str, Any] | None:
    """Hours of the day on some weekdays, or all but such hours. Raises Unsaid for every other stretch of the week."""
    restriction = rule.get("timeRestriction") or {}
    if not restriction:
        return None
    lines, zone = calendar.together(hours_of(restriction)), str(rule.get("timezone") or "UTC")
    if len(lines) == 1 and lines[0]["from"] < lines[0]["until"]:
        return {
            "inside": True,
            "zone": zone,
            "days": lines[0]["weekdays"],
            "from": lines[0]["from"],
            "to": lines[0]["until"],
            "holidays": "",
        }
    night = sorted(lines, key=lambda line: str(line["from"]))
    if (
        len(night) == 2
        and all(len(line["weekdays"]) == 7 for line in night)
        and (night[0]["from"], night[1]["until"]) == ("00:00", "00:00")
    ):
        return {"inside": False, "zone": zone, "days": list(range(7)), "from": night[0]["until"], "to": night[1]["from"], "holidays": ""}
    raise Unsaid("its hours")


# -- hours ----------------------------------------------------------------------------------------------------------------


def hours_of(restriction: dict[str, Any]) -> list[dict[str, Any]]:
    """The hours of a rotation or rule, a line for each day and stretch."""
    found: list[dict[str, Any]] = []
    if restriction.get("type") == "time-of-day":
        one = restriction.get("restriction") or {}
        start, end = _minute(one, "start"), _minute(one, "end")
        for day in range(7):
            found += calendar.hours(day * calendar.DAY + start, (end - start) % calendar.DAY or calendar.DAY)
    for one in restriction.get("restrictions") or []:
        start = _day(one, "startDay") * calendar.DAY + _minute(one, "start")
        end = _day(one, "endDay") * calendar.DAY + _minute(one, "end")
        found += calendar.hours(start, (end - start) % calendar.WEEK or calendar.WEEK)
    return found


def _minute(one: dict[str, Any], which: str) -> int:
    return int(one.get(f"{which}Hour") or 0) * 60 + int(one.get(f"{which}Min") or 0)


def _day(one: dict[str, Any], which: str) -> int:
    return calendar.WEEKDAYS.index(str(one.get(which) or "monday").lower())
