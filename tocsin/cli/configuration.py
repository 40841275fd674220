"""How is the set-up kept as a file: `tocsin export`, `tocsin import`, `tocsin apply`?

One YAML (or JSON) document in which everything is named, not numbered: teams, users, schedules, policies, components, services. Applying it
twice changes nothing the second time; what the document does not name stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.configuration_extras import EXTRAS, add_overrides, add_ways
from tocsin.cli.session import AsJson, Data, Failed, actor, django

VERSION = 1
LARGEST = 5_000_000
SECTIONS = ("organisation", "teams", "users", "schedules", "escalation_policies", "components", "services", "routing_rules")
ORGANISATION = ("name", "time_zone", "country", "subdivision")


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    app.command("export")(write)
    app.command("import")(bring_in)
    app.command("apply")(bring_in)


def write(data: Data = None, as_json: AsJson = False) -> None:
    """Write the set-up to standard output (YAML, or JSON with --json). No secrets are in it."""
    with django(data):
        document = current()
    if as_json:
        json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
        print()
    else:
        import yaml

        yaml.safe_dump(document, sys.stdout, sort_keys=False, allow_unicode=True)


def bring_in(
    file: Annotated[Path, typer.Argument(help="A YAML or JSON file as `tocsin export` writes it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    data: Data = None,
) -> None:
    """Make the set-up be as the file says: adds what is missing, changes what differs, removes nothing. All of it or nothing."""
    document = _read(file)
    with django(data):
        from django.db import transaction

        from tocsin import clock

        with transaction.atomic():
            done = Applying(clock.now()).apply(document)
            if dry_run:
                transaction.set_rollback(True)
        for line in done:
            typer.echo(f"would {line}" if dry_run else line)
        if not done:
            typer.echo("nothing to change")


def _read(file: Path) -> dict[str, Any]:
    import yaml

    try:
        if file.stat().st_size > LARGEST:
            raise Failed(f"{file} is larger than {LARGEST // 1_000_000} MB")
        document = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Failed(f"{file} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise Failed(f"{file} is not a set-up of tocsin: it must begin with version: {VERSION}")
    if unknown := set(document) - {"version", *SECTIONS}:
        raise Failed(f"{file} has sections that are not known: {', '.join(sorted(unknown))}")
    return document


def current() -> dict[str, Any]:
    """The set-up as a document."""
    from tocsin.accounts.models import Organisation, Team, User
    from tocsin.alerts.models import Service
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
    model, field, _ = _target_kinds()[target["kind"]]
    return {"kind": target["kind"], "name": str(getattr(model.objects.get(pk=target["id"]), field)), **rest}


def _target_kinds() -> dict[str, tuple[Any, str, str]]:
    """Kind of target → what it names, the field that names it, and what it is called."""
    from tocsin.accounts.models import Team, User
    from tocsin.oncall.models import Schedule
    from tocsin.paging.models import Provider

    return {
        "schedule": (Schedule, "name", "schedule"), "schedule_people": (Schedule, "name", "schedule"), "user": (User, "email", "person"),
        "team": (Team, "name", "team"), "chat": (Provider, "name", "account at a provider"),
    }  # fmt: skip


def _numbered_target(target: dict[str, Any]) -> dict[str, Any]:
    """The same target by its number."""
    rest = {key: value for key, value in target.items() if key != "name"}
    if target.get("kind") == "webhook":
        return rest
    if target.get("kind") not in (kinds := _target_kinds()):
        raise Failed(f"a target of a step is one of {', '.join([*kinds, 'webhook'])}, not {target.get('kind')}")
    model, field, what = kinds[target["kind"]]
    name = target.get("name") or ""
    return {**rest, "id": _person(name) if field == "email" else _named(model, what, name)}


def _numbered_steps(steps: Any) -> list[dict[str, Any]]:
    return [
        {**step, "targets": [_numbered_target(target) for target in _dicts(step.get("targets"), "targets")]}
        for step in _dicts(steps, "steps")
    ]


def _dicts(items: Any, what: str) -> list[dict[str, Any]]:
    if items is not None and not (isinstance(items, list) and all(isinstance(one, dict) for one in items)):
        raise Failed(f"{what} of an escalation policy are a list of mappings")
    return items or []


def _service(row: Any) -> dict[str, Any]:
    return {
        "name": row.name, "description": row.description, "team": row.team.name if row.team else None, "critical": row.critical, "tier": row.tier,
        "escalation_policy": row.escalation_policy.name if row.escalation_policy else None,
        "leadership_policy": row.leadership_policy.name if row.leadership_policy else None,
        "components": sorted(component.name for component in row.components.filter(removed_at=None)),
        "severity_map": row.severity_map, "runbook": row.runbook,
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


class Applying:
    """One run of `apply`: section by section, each thing found by its name."""

    def __init__(self, now: Any) -> None:
        self.now = now
        self.by = actor()
        self.done: list[str] = []

    def apply(self, document: dict[str, Any]) -> list[str]:
        """Carry the document out; what was done, a line each."""
        before = current()
        for section in SECTIONS:
            wanted = document.get(section)
            if section == "organisation":
                if wanted and not _agrees(before[section], wanted):
                    self._organisation(wanted)
                continue
            if wanted is not None and not isinstance(wanted, list):
                raise Failed(f"{section} must be a list")
            if section == "routing_rules":
                if wanted is not None and not _agrees(before[section], wanted):
                    self._rules(wanted)
                continue
            key = "email" if section == "users" else "name"
            known = {str(item[key]).lower(): item for item in before[section]}
            for item in wanted or []:
                if not isinstance(item, dict) or not item.get(key):
                    raise Failed(f"each of {section} needs {key}")
                found, beside = known.get(str(item[key]).lower()), item.get(EXTRAS.get(section, ""))
                item = {name: value for name, value in item.items() if name != EXTRAS.get(section)}
                if found is None or not _agrees(found, item):
                    getattr(self, f"_{section}")(item, found is not None)
                    self.done.append(f"{'change' if found else 'add'} {section.replace('_', ' ')}: {item[key]}")
                if beside is not None:
                    add = add_ways if section == "users" else add_overrides
                    self.done += add(item[key], beside, **self._common())
        return self.done

    def _common(self) -> dict[str, Any]:
        return {"by": self.by, "now": self.now}

    def _organisation(self, wanted: dict[str, Any]) -> None:
        from tocsin.accounts.operations_teams import change_organisation

        change_organisation({field: wanted[field] for field in ORGANISATION if field in wanted}, **self._common())
        self.done.append("change organisation")

    def _teams(self, item: dict[str, Any], exists: bool) -> None:
        from tocsin.accounts.operations_teams import add_team

        if not exists:
            add_team(name=item["name"], **self._common())

    def _users(self, item: dict[str, Any], exists: bool) -> None:
        from tocsin.accounts.models import Team
        from tocsin.accounts.operations import add_user, change_user

        fields: dict[str, Any] = {field: item[field] for field in ("name", "role", "time_zone") if field in item}
        if "teams" in item:
            fields["teams"] = [_named(Team, "team", name) for name in item["teams"]]
        if exists:
            change_user(_person(item["email"]), fields, **self._common())
        else:
            add_user(email=item["email"], **{"name": item["email"], **fields}, **self._common())

    def _schedules(self, item: dict[str, Any], exists: bool) -> None:
        from tocsin.oncall.models import Schedule
        from tocsin.oncall.operations import change_schedule, create_schedule

        fields = self._with_team(item)
        if "rotations" in item:
            fields["rotations"] = [
                {**rotation, "participants": [_person(email) for email in rotation.get("participants", [])]}
                for rotation in item["rotations"]
            ]
        self._save(Schedule, create_schedule, change_schedule, fields, exists)

    def _escalation_policies(self, item: dict[str, Any], exists: bool) -> None:
        from tocsin.paging.models import EscalationPolicy
        from tocsin.paging.operations_policies import change_policy, create_policy

        fields = self._with_team(item)
        fields["steps"] = _numbered_steps(item.get("steps"))
        if "tracks" in item:
            fields["tracks"] = [{**track, "steps": _numbered_steps(track.get("steps"))} for track in _dicts(item["tracks"], "tracks")]
        self._save(EscalationPolicy, create_policy, change_policy, fields, exists)

    def _components(self, item: dict[str, Any], exists: bool) -> None:
        from tocsin.statuspage.models import Component
        from tocsin.statuspage.operations import add_component, change_component

        self._save(Component, add_component, change_component, dict(item), exists)

    def _services(self, item: dict[str, Any], exists: bool) -> None:
        from tocsin.alerts.models import Service
        from tocsin.alerts.operations import change_service, create_service
        from tocsin.paging.models import EscalationPolicy
        from tocsin.statuspage.models import Component

        fields = self._with_team(item)
        for field in ("escalation_policy", "leadership_policy"):
            if fields.get(field):
                fields[field] = _named(EscalationPolicy, "escalation policy", fields[field])
        if "components" in fields:
            fields["components"] = [_named(Component, "component", name) for name in fields["components"]]
        self._save(Service, create_service, change_service, fields, exists)

    def _rules(self, wanted: list[dict[str, Any]]) -> None:
        """The whole list, in its order: rules that the document leaves out are gone, older versions keep them."""
        from tocsin.alerts import operations_routing, queries_routing
        from tocsin.alerts.models import Integration, Service
        from tocsin.paging.models import EscalationPolicy
        from tocsin.response.simulate_routing import severities

        ids = {rule["name"].lower(): rule["id"] for rule in queries_routing.current().rules}
        rules = []
        for item in wanted:
            if not isinstance(item, dict) or not item.get("name"):
                raise Failed("each of routing_rules needs name")
            then = dict(item.get("then") or {})
            if then.get("service"):
                then["service"] = _named(Service, "service", then["service"])
            if then.get("policy"):
                then["policy"] = _named(EscalationPolicy, "escalation policy", then["policy"])
            integrations = [_named(Integration, "integration", name) for name in item.get("integrations") or []]
            rules.append({**item, "id": ids.pop(str(item["name"]).lower(), None), "then": then, "integrations": integrations})
        row = operations_routing.save(rules, severities=severities(), note="From a file", **self._common())
        self.done.append(f"change routing rules: version {row.number}")

    def _with_team(self, item: dict[str, Any]) -> dict[str, Any]:
        from tocsin.accounts.models import Team

        return {**item, "team": _named(Team, "team", item["team"])} if item.get("team") else dict(item)

    def _save(self, model: Any, create: Any, change: Any, fields: dict[str, Any], exists: bool) -> None:
        if exists:
            change(model.objects.get(name__iexact=fields["name"], removed_at=None), **fields, **self._common())
        else:
            create(**fields, **self._common())


def _agrees(found: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is so already; fields that the document leaves out do not count."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _agrees(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(_agrees(*pair) for pair in zip(found, wanted, strict=True))
    return bool(found == wanted)


def _named(model: Any, what: str, name: str) -> int:
    row = model.objects.filter(name__iexact=name, removed_at=None).first()
    if row is None:
        raise Failed(f"there is no {what} {name}")
    return int(row.pk)


def _person(email: str) -> int:
    from tocsin.cli.people import found

    return int(found(email).pk)
