"""How is the set-up written as a document, everything in it by name?"""

from __future__ import annotations

from typing import Any

VERSION = 1
SECTIONS = ("organisation", "teams", "users", "schedules", "escalation_policies", "components", "services", "integrations", "routing_rules")
ORGANISATION = ("name", "time_zone", "country", "subdivision")


def current() -> dict[str, Any]:
    """The set-up as a document."""
    from tocsin.accounts.models import Organisation, Team, User
    from tocsin.alerts.models import Integration, Service
    from tocsin.oncall.models import Schedule
    from tocsin.paging.models import EscalationPolicy
    from tocsin.statuspage.models import Component

    live = {"removed_at": None}
    organisation = Organisation.objects.get(pk=1)
    return {
        "version": VERSION,
        "organisation": {field: getattr(organisation, field) for field in ORGANISATION},
        "teams": [{"name": team.name} for team in Team.objects.filter(**live).order_by("name")],
        "users": [
            {
                "email": user.email,
                "name": user.name,
                "role": str(user.role),
                "time_zone": user.time_zone,
                "teams": sorted(team.name for team in user.teams.all()),
            }
            for user in User.objects.filter(**live).order_by("email").prefetch_related("teams")
        ],
        "schedules": [_schedule(row) for row in Schedule.objects.filter(**live).select_related("team").order_by("name")],
        "escalation_policies": [_policy(row) for row in EscalationPolicy.objects.filter(**live).select_related("team").order_by("name")],
        "components": [
            {"name": row.name, "group": row.group, "description": row.description}
            for row in Component.objects.filter(**live).order_by("position", "id")
        ],
        "services": [_service(row) for row in Service.objects.filter(**live).order_by("name")],
        "integrations": [
            {"name": row.name, "kind": row.kind, "service": row.service.name if row.service else None}
            for row in Integration.objects.filter(**live).select_related("service").order_by("name", "id")
        ],
        "routing_rules": _routing_rules(),
    }


def _schedule(row: Any) -> dict[str, Any]:
    from tocsin.oncall.versions import length

    rotations = [
        {
            "name": rotation.name, "starts_at": rotation.starts_local,
            "shift": length(rotation), "month_day": rotation.month_day, "time_zone": rotation.time_zone,
            "restrictions": rotation.restrictions, "participants": [place.user.email for place in rotation.places.select_related("user")],
            **({"ends_at": rotation.ends_at.isoformat().replace("+00:00", "Z")} if rotation.ends_at else {}),
        }
        for rotation in row.rotations.all()
    ]  # fmt: skip
    return {
        "name": row.name,
        "team": row.team.name if row.team else None,
        "time_zone": row.time_zone,
        "description": row.description,
        "hand_over_time_off": row.hand_over_time_off,
        "hand_over_holidays": row.hand_over_holidays,
        "gaps_meant": row.gaps_meant,
        "rotations": rotations,
    }


def _policy(row: Any) -> dict[str, Any]:
    return {
        "name": row.name, "team": row.team.name if row.team else None, "repeats": row.repeats, "steps": _named_steps(row.steps),
        "tracks": [{**track, "steps": _named_steps(track["steps"])} for track in row.tracks],
        "low_severities": row.low_severities, "low_urgency": row.low_urgency,
    }  # fmt: skip


def _named_steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**step, "targets": [_named_target(target) for target in step["targets"]]} for step in steps]


def _named_target(target: dict[str, Any]) -> dict[str, Any]:
    """A target of a step by the name that people know it by; a chat by its account and the room, a webhook by its address."""
    rest = {key: value for key, value in target.items() if key not in ("kind", "id")}
    if target["kind"] == "webhook":
        return {"kind": "webhook", **rest}
    model, field, _ = target_kinds()[target["kind"]]
    return {"kind": target["kind"], "name": str(getattr(model.objects.get(pk=target["id"]), field)), **rest}


def target_kinds() -> dict[str, tuple[Any, str, str]]:
    """Kind of target → what it names, the field that names it, and what it is called."""
    from tocsin.accounts.models import Team, User
    from tocsin.oncall.models import Schedule
    from tocsin.paging.models import Provider

    return {
        "schedule": (Schedule, "name", "schedule"), "schedule_people": (Schedule, "name", "schedule"), "user": (User, "email", "person"),
        "team": (Team, "name", "team"), "chat": (Provider, "name", "account at a provider"),
    }  # fmt: skip


def _service(row: Any) -> dict[str, Any]:
    return {
        "name": row.name, "description": row.description, "team": row.team.name if row.team else None, "critical": row.critical, "tier": row.tier,
        "escalation_policy": row.escalation_policy.name if row.escalation_policy else None,
        "leadership_policy": row.leadership_policy.name if row.leadership_policy else None,
        "components": sorted(component.name for component in row.components.filter(removed_at=None)),
        "severity_map": row.severity_map, "runbook": row.runbook, "group_minutes": row.group_minutes,
        "depends_on": sorted(one.name for one in row.depends_on.filter(removed_at=None)),
    }  # fmt: skip


def _routing_rules() -> list[dict[str, Any]]:
    """The rules in force in their order, everything in them by name. A rule is known by its name, so names are told apart where they are equal."""
    from tocsin.alerts import queries_routing

    names = queries_routing.names()
    written, taken = [], set()
    for rule in queries_routing.current().rules:
        name, number = rule["name"], 2
        while name.lower() in taken:
            name, number = f"{rule['name']} ({number})", number + 1
        taken.add(name.lower())
        then = {
            **rule["then"],
            "service": names.services.get(rule["then"]["service"]),
            "policy": names.policies.get(rule["then"]["policy"]),
        }
        written.append(
            {
                **{field: value for field, value in rule.items() if field != "id"},
                "name": name,
                "integrations": [names.integrations.get(one) for one in rule["integrations"]],
                "then": then,
            }
        )
    return written
