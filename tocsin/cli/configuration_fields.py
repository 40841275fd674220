"""Which fields may a set-up file have? What is misspelt is refused by its place: left out, it would be missing from who is paged."""

from __future__ import annotations

from typing import Any

from tocsin.cli.session import Failed

Fields = dict[str, "Fields | None"]  # None: whatever stands there is checked where it is carried out


def _plain(*names: str) -> Fields:
    return dict.fromkeys(names)


_TARGETS = _plain("kind", "name", "address")
_STEPS: Fields = {**_plain("wait_seconds", "need"), "targets": _TARGETS, "when": _plain("severities", "hours", "tier", "tiers")}
_ROTATIONS: Fields = {
    **_plain("name", "participants", "starts_at", "ends_at", "shift", "month_day", "time_zone"),
    "restrictions": _plain("weekdays", "from", "until"),
}
_SERVICE = (
    "name", "description", "team", "critical", "tier", "escalation_policy", "leadership_policy", "components", "severity_map", "runbook",
    "group_minutes", "depends_on",
)  # fmt: skip
SECTIONS: Fields = {
    "organisation": _plain("name", "time_zone", "country", "subdivision"),
    "teams": _plain("name"),
    "users": {
        **_plain("email", "name", "role", "time_zone", "teams"),
        "contact_methods": {**_plain("kind", "address", "label", "verified"), "rules": _plain("urgency", "after_seconds")},
    },
    "schedules": {
        **_plain("name", "team", "time_zone", "description", "hand_over_time_off", "hand_over_holidays", "gaps_meant"),
        "rotations": _ROTATIONS, "overrides": _plain("person", "starts_at", "ends_at"),
    },
    "escalation_policies": {
        **_plain("name", "team", "repeats", "low_severities", "low_urgency"),
        "steps": _STEPS, "tracks": {**_plain("name", "repeats"), "steps": _STEPS},
    },
    "components": _plain("name", "group", "description"),
    "services": _plain(*_SERVICE),
    "integrations": _plain("name", "kind", "service"),
}  # fmt: skip


def check(document: dict[str, Any]) -> None:
    """Refuse the first field that no section has, with those that there are."""
    for section, fields in SECTIONS.items():
        wanted = document.get(section)
        for item in wanted if isinstance(wanted, list) else [wanted]:
            if isinstance(item, dict):
                _check(item, fields or {}, title(section, item), "")


def title(section: str, item: dict[str, Any]) -> str:
    """What an item of a section is called in sentences: "escalation policies, Payments"."""
    name = item.get("name") if section != "users" else item.get("email")
    return f"{section.replace('_', ' ')}, {name}" if name and section != "organisation" else section.replace("_", " ")


def _check(item: dict[str, Any], fields: Fields, whose: str, place: str) -> None:
    for name, value in item.items():
        if name not in fields:
            raise Failed(f"{whose}: {place}{name} is no field here; there are {', '.join(fields)}")
        if (inner := fields[name]) is None:
            continue
        rows = value if isinstance(value, list) else [value]
        for number, row in enumerate(rows):
            if isinstance(row, dict):
                _check(row, inner, whose, f"{place}{name}.{number}." if isinstance(value, list) else f"{place}{name}.")
