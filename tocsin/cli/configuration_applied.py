"""How is a document of the set-up carried out: what is missing added, what differs changed, nothing removed?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tocsin.cli.configuration_extras import EXTRAS, add_overrides, add_ways
from tocsin.cli.configuration_fields import check, title
from tocsin.cli.configuration_written import ORGANISATION, SECTIONS, current, target_kinds
from tocsin.cli.session import Failed, actor


@contextmanager
def _about(whose: str) -> Iterator[None]:
    """Say about whom or what something is refused: a file has many."""
    from tocsin.lib.refusal import Refused

    try:
        yield
    except (Failed, Refused) as error:
        raise Failed(f"{whose}: {error}") from error


class Applying:
    """One run of `apply`: section by section, each thing found by its name."""

    def __init__(self, now: Any) -> None:
        self.now = now
        self.by = actor()
        self.done: list[str] = []
        self.dependencies: dict[str, list[str]] = {}

    def apply(self, document: dict[str, Any]) -> list[str]:
        """Carry the document out; what was done, a line each. What is refused is refused by the name of what it is about."""
        check(document)
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
                with _about(title(section, item)):
                    self._item(section, key, item, known.get(str(item[key]).lower()))
            if section == "services":
                self._depend()
        return self.done

    def _item(self, section: str, key: str, item: dict[str, Any], found: dict[str, Any] | None) -> None:
        beside = item.get(EXTRAS.get(section, ""))
        item = {name: value for name, value in item.items() if name != EXTRAS.get(section)}
        if found is None or not _agrees(found, item):
            getattr(self, f"_{section}")(item, found is not None)
            self.done.append(f"{'change' if found else 'add'} {section.replace('_', ' ')}: {item[key]}")
        if beside is not None:
            add = add_ways if section == "users" else add_overrides
            self.done += add(item[key], beside, **self._common())

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
            followed = self._followed(item["name"]) if exists else []
            fields["rotations"] = [
                {
                    **rotation,
                    "participants": [_person(email) for email in rotation.get("participants") or []],
                    "calendar": None if rotation.get("participants") else _taken(followed, rotation.get("name")),
                }
                for rotation in _dicts(item["rotations"], f"rotations of {item['name']}")
            ]
        self._save(Schedule, create_schedule, change_schedule, fields, exists)

    def _followed(self, name: str) -> list[tuple[str, int]]:
        """Rotations, by name, and the outside calendars that they follow: no file has those; one takes them away only by naming people instead."""
        from tocsin.oncall.models import Rotation

        rows = Rotation.objects.filter(schedule__name__iexact=name, schedule__removed_at=None, calendar__isnull=False)
        return list(rows.order_by("position").values_list("name", "calendar_id"))

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
        if "depends_on" in fields:
            used = fields.pop("depends_on") or []
            if not isinstance(used, list):
                raise Failed(f"depends_on of service {fields['name']} is a list of names of services")
            self.dependencies[str(fields["name"]).strip()] = used
        for field in ("escalation_policy", "leadership_policy"):
            if fields.get(field):
                fields[field] = _named(EscalationPolicy, "escalation policy", fields[field])
        if "components" in fields:
            fields["components"] = [_named(Component, "component", name) for name in fields["components"]]
        self._save(Service, create_service, change_service, fields, exists)

    def _depend(self) -> None:
        """Services may name what stands below them in the file: what they depend on is set when all are there."""
        from tocsin.alerts.models import Service
        from tocsin.alerts.operations import change_service

        for name, used in self.dependencies.items():
            with _about(f"services, {name}"):
                row = Service.objects.get(name__iexact=name, removed_at=None)
                change_service(row, depends_on=[_named(Service, "service", one) for one in used], **self._common())

    def _integrations(self, item: dict[str, Any], exists: bool) -> None:
        """One with a key of its own, which is shown on its page. Its kind stays what it is."""
        from tocsin.alerts.models import Integration, Service
        from tocsin.alerts.operations import change_integration, create_integration

        service: dict[str, Any] = (
            {"service": _named(Service, "service", item["service"]) if item["service"] else None} if "service" in item else {}
        )
        if not exists:
            create_integration(name=item["name"], kind=str(item.get("kind") or ""), **service, **self._common())
            return
        row = Integration.objects.filter(name__iexact=item["name"], removed_at=None).order_by("id").first()
        if row is None or item.get("kind", row.kind) != row.kind:
            raise Failed(f"the integration {item['name']} is of another kind already; give the new one another name")
        change_integration(row, **service, **self._common())

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


def _numbered_target(target: dict[str, Any]) -> dict[str, Any]:
    """The same target by its number."""
    rest = {key: value for key, value in target.items() if key != "name"}
    if target.get("kind") == "webhook":
        return rest
    if target.get("kind") not in (kinds := target_kinds()):
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
        raise Failed(f"{what} are a list of mappings")
    return items or []


def _taken(followed: list[tuple[str, int]], name: Any) -> int | None:
    """The calendar of the first rotation of that name, which no other of the name gets as well."""
    place = next((place for place, (one, _) in enumerate(followed) if one == name), None)
    return None if place is None else followed.pop(place)[1]


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
