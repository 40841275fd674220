"""What does a Grafana OnCall hold: people with their own order, teams, schedules with shifts, escalation chains, integrations with routes?

https://grafana.com/docs/oncall/latest/oncall-api-reference/ - its API, read with a key of its settings page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tocsin import clock
from tocsin.integrations.moving import calendar
from tocsin.integrations.moving import oncall_rules as rules
from tocsin.integrations.moving.reader import MovingError, ask, translated

SERVER = ""  # everybody has their own
MOST_PAGES = 200
LISTS = (
    "users", "teams", "schedules", "on_call_shifts", "escalation_chains", "escalation_policies", "integrations", "routes",
    "personal_notification_rules",
)  # fmt: skip
ROLES = {"admin": "administrator", "viewer": "observer", "none": "observer"}


def read(server: str, key: str) -> dict[str, Any]:
    """Everything that is carried over, as OnCall answers it. Raises MovingError."""
    if not server:
        raise MovingError("give the address of OnCall's API with --url; its settings page shows it")
    base = f"{server.rstrip('/').removesuffix('/api/v1')}/api/v1"
    return {"now": clock.now(), **{name: _all(f"{base}/{name}/", {"Authorization": key}) for name in LISTS}}


def _all(url: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Every item of a list, page by page. The links to the next page are not followed: behind a proxy they name another host."""
    found: list[dict[str, Any]] = []
    for page in range(1, MOST_PAGES + 1):
        said = ask(f"{url}?{urlencode({'page': page})}", headers)
        items = said.get("results")
        found += [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
        if not said.get("next") or not items:
            return found
    raise MovingError(f"{url} has more than {MOST_PAGES} pages")


# -- into our form --------------------------------------------------------------------------------------------------------


@dataclass
class Move:
    """One translation. `notes` says, a sentence each, what is not carried over or comes out differently."""

    raw: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    emails: dict[str, str] = field(default_factory=dict)  # of users, by id
    teams: dict[str, str] = field(default_factory=dict)  # names by id
    names: dict[str, str] = field(default_factory=dict)  # of schedules and chains that are carried over, by id

    def document(self) -> dict[str, Any]:
        """What `tocsin import` takes."""
        self.teams = {str(one["id"]): str(one["name"]) for one in self.raw["teams"]}
        users = [made for one in self.raw["users"] if (made := self.user(one))]
        schedules = [made for one in self.raw["schedules"] if (made := self.schedule(one))]
        policies = [made for one in self.raw["escalation_chains"] if (made := self.policy(one))]
        services, integrations = self.sources()
        if users:
            self.notes.append(
                "OnCall shows no telephone numbers, and its app and chats are linked to people there: each person adds their own ways here."
            )
        if integrations:
            self.notes.append(
                "Each integration gets a new key here (Integrations, then its name); its senders keep the form of the address that they use."
            )
        return {
            "version": 1, "teams": [{"name": name} for name in self.teams.values()], "users": users, "schedules": schedules,
            "escalation_policies": policies, "services": services, "integrations": integrations,
        }  # fmt: skip

    def _team(self, one: dict[str, Any]) -> str | None:
        return self.teams.get(str(one.get("team_id")))

    def user(self, user: dict[str, Any]) -> dict[str, Any] | None:
        """A person with their role, teams, and mail in their own order."""
        email, name = str(user.get("email") or "").lower(), str(user.get("username") or "")
        if not email:
            self.notes.append(f"User {name} has no e-mail address and is left out.")
            return None
        self.emails[str(user.get("id"))] = email
        own = [one for one in self.raw["personal_notification_rules"] if one.get("user_id") == user.get("id")]
        way = {"kind": "email", "address": email, "label": "", "verified": True}
        if order := rules.own_rules(own):
            way["rules"] = order
        zone = str(user.get("timezone") or "")
        return {
            "email": email, "name": name or email, "role": ROLES.get(str(user.get("role") or ""), "responder"),
            **({"time_zone": zone} if zone and calendar.is_zone(zone) else {}),
            "teams": sorted(self.teams[str(team)] for team in user.get("teams") or [] if str(team) in self.teams), "contact_methods": [way],
        }  # fmt: skip

    def people(self, ids: Any) -> list[str]:
        """The addresses of those who are known here."""
        return [self.emails[str(id)] for id in ids or [] if str(id) in self.emails]

    # -- schedules ----------------------------------------------------------------------------------------------------------
    def schedule(self, schedule: dict[str, Any]) -> dict[str, Any] | None:
        """A schedule whose shifts are its rotations, the higher level first, and its overrides."""
        name, zone, web = str(schedule["name"]), str(schedule.get("time_zone") or "UTC"), schedule.get("type") == "web"
        for one in ("ical_url_primary", "ical_url_overrides"):
            if schedule.get(one):
                self.notes.append(f"Schedule {name} reads the calendar {schedule[one]}: add it on the page of the schedule here.")
        wanted = {str(id) for id in schedule.get("shifts") or []}
        shifts = sorted(
            (one for one in self.raw["on_call_shifts"] if str(one.get("id")) in wanted), key=lambda one: -int(one.get("level") or 0)
        )
        if web:  # its zone is the one that people look at it in
            shifts = [{**one, "time_zone": one.get("time_zone") or "UTC"} for one in shifts]
        rotations = [made for one in shifts if (made := self.rotation(name, zone, one, web))]
        overrides = [made for one in shifts for made in self.overrides(zone, one)]
        if not rotations and not overrides:
            self.notes.append(f"Schedule {name} has no shifts that are carried over and is left out.")
            return None
        if not calendar.apart(rotations):
            self.notes.append(f"Schedule {name} has shifts at the same time: here the one that stands first counts.")
        self.names[str(schedule.get("id"))] = name
        return {"name": name, "team": self._team(schedule), "time_zone": zone, "rotations": rotations, "overrides": overrides}

    def rotation(self, schedule: str, zone: str, shift: dict[str, Any], web: bool) -> dict[str, Any] | None:
        """A shift that recurs; None where it has ended, nobody whom we know takes turns, or its recurrence cannot be said."""
        if shift.get("type") not in ("recurrent_event", "rolling_users"):
            return None
        where = f"Schedule {schedule}, {shift.get('name')}"
        until = _at(shift["until"], "UTC") if shift.get("until") else None  # whatever the zone of the shift
        if until and until <= self.raw["now"]:
            return None
        try:
            made = rules.turns(shift, web)
        except calendar.Unsaid as unsaid:
            self.notes.append(f"{where} is left out: {unsaid} cannot be said here.")
            return None
        turns = [self.people(group) for group in made.pop("groups")]
        if any(len(group) > 1 for group in turns):
            self.notes.append(f"{where}: several people at a time cannot be said here; the first of each turn is carried over.")
        people = [group[0] for group in turns if group]
        if not people:
            self.notes.append(f"{where} is left out: nobody whom we know takes turns in it.")
            return None
        if until and until <= _at(made["starts_at"], str(shift.get("time_zone") or zone)):
            return None
        ends = {"ends_at": until.isoformat().replace("+00:00", "Z")} if until else {}
        own = {"time_zone": str(shift["time_zone"])} if shift.get("time_zone") else {}
        return {"name": str(shift.get("name") or "Shift"), **made, "participants": people, **own, **ends}

    def overrides(self, zone: str, shift: dict[str, Any]) -> list[dict[str, Any]]:
        """A shift that happens once, where it is not over."""
        if shift.get("type") not in ("single_event", "override"):
            return []
        starts = _at(shift["start"], str(shift.get("time_zone") or zone))
        ends = starts + timedelta(seconds=int(shift.get("duration") or 0))
        people = self.people(shift.get("users"))[:1]
        return [{"person": one, "starts_at": starts.isoformat(), "ends_at": ends.isoformat()} for one in people if ends > self.raw["now"]]

    # -- chains and sources -------------------------------------------------------------------------------------------------
    def policy(self, chain: dict[str, Any]) -> dict[str, Any] | None:
        """An escalation chain, whose lines become steps."""
        name = str(chain["name"])
        lines = [one for one in self.raw["escalation_policies"] if one.get("escalation_chain_id") == chain.get("id")]
        steps, repeats = rules.steps(name, sorted(lines, key=lambda one: int(one.get("position") or 0)), self.targets, self.notes)
        if not steps:
            self.notes.append(f"Escalation chain {name} is left out: it reaches nobody whom we know.")
            return None
        self.names[str(chain.get("id"))] = name
        return {"name": name, "team": self._team(chain), "repeats": repeats, "steps": steps}

    def targets(self, line: dict[str, Any]) -> list[dict[str, Any]]:
        """Whom a line of a chain notifies; nobody where it does something else."""
        people = line.get("persons_to_notify") or line.get("persons_to_notify_next_each_time")
        found = [{"kind": "user", "name": email} for email in self.people(people)]
        if (schedule := self.names.get(str(line.get("notify_on_call_from_schedule")))) is not None:
            found.append({"kind": "schedule", "name": schedule})
        if (team := self.teams.get(str(line.get("team_to_notify")))) is not None:
            found.append({"kind": "team", "name": team})
        return found

    def sources(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Integrations, each at a service of its own name, which has the chain of the last route as its policy."""
        services, integrations = list[dict[str, Any]](), list[dict[str, Any]]()
        for one in self.raw["integrations"]:
            name = str(one.get("name") or one.get("type"))[:120]
            kind = rules.KINDS.get(str(one.get("type")))
            if kind is None or name.lower() in {str(known["name"]).lower() for known in services}:
                why = "there is another one of that name" if kind else f"messages of {one.get('type')} are not read here"
                self.notes.append(f"Integration {name} is left out: {why}.")
                continue
            policy = self.names.get(str((one.get("default_route") or {}).get("escalation_chain_id")))
            if policy is None:
                self.notes.append(f"Integration {name}: the chain of its last route is not carried over; choose a policy for its service.")
            services.append({"name": name, "team": self._team(one), "escalation_policy": policy})
            integrations.append({"name": name, "kind": kind, "service": name})
            self.routes(name, str(one.get("id")))
        return services, integrations

    def routes(self, integration: str, id: str) -> None:
        """Routes choose by an expression over the whole message: each is named, to be said again."""
        for one in self.raw["routes"]:
            if str(one.get("integration_id")) == id and not one.get("is_the_last_route"):
                chain = self.names.get(str(one.get("escalation_chain_id")), "no chain")
                words = " ".join(str(one.get("routing_regex") or "").split())[:200]
                self.notes.append(f"Integration {integration}: its route “{words}” to {chain} is not carried over; say it under Routing.")


def _at(written: Any, zone: str) -> datetime:
    """What the clock of that zone shows then ("2026-01-05T09:00:00"), as an instant."""
    return datetime.fromisoformat(str(written)).replace(tzinfo=ZoneInfo(zone))


def convert(server: str, key: str) -> tuple[dict[str, Any], list[str]]:
    """The document, and what is not carried over. Raises MovingError."""
    return translated("Grafana OnCall", Move(read(server, key)))
