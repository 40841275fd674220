"""What does an account at Opsgenie hold: people with their ways and rules, teams, schedules with rotations and overrides, escalations, services,
integrations, routing rules?

https://docs.opsgenie.com/docs/api-overview - read with an API key of the account that may read and access its configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlsplit

from tocsin.integrations.moving import calendar
from tocsin.integrations.moving import opsgenie_rules as rules
from tocsin.integrations.moving.reader import MovingError, ask, translated

SERVER = "https://api.opsgenie.com"
PAGE = 100
MOST_PAGES = 200
ROLES = {"owner": "administrator", "admin": "administrator", "stakeholder": "observer", "observer": "observer"}
WAYS = {"sms": "sms", "voice": "voice", "email": "email"}
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
LAST_WAIT = 300  # seconds, of a step that nothing follows


def read(server: str, key: str) -> dict[str, Any]:
    """Everything that is carried over, as Opsgenie answers it. Raises MovingError."""
    api = _Api(server.rstrip("/"), {"Authorization": f"GenieKey {key}", "Accept": "application/json"})
    users, teams, schedules = api.all("/v2/users"), api.all("/v2/teams"), api.all("/v2/schedules?expand=rotation")
    return {
        "users": [
            {**one, "contacts": api.all(f"/v2/users/{_id(one)}/contacts"), "notification_rules": _own_rules(api, f"/v2/users/{_id(one)}")}
            for one in users
        ],
        "teams": [{**api.one(f"/v2/teams/{_id(one)}"), "routing_rules": api.all(f"/v2/teams/{_id(one)}/routing-rules")} for one in teams],
        "schedules": [{**one, "overrides": api.all(f"/v2/schedules/{_id(one)}/overrides")} for one in schedules],
        "escalations": api.all("/v2/escalations"),
        "services": api.all("/v1/services"),
        "integrations": api.all("/v2/integrations"),
    }


def _own_rules(api: _Api, user: str) -> list[dict[str, Any]]:
    """A person's rules about new alerts that are switched on, with their steps, which the list leaves out."""
    listed = api.all(f"{user}/notification-rules")
    found = [one for one in listed if one.get("actionType") in rules.NEW_ALERT and one.get("enabled", True)]
    return [{**one, **api.one(f"{user}/notification-rules/{_id(one)}")} for one in found]


def _id(one: dict[str, Any]) -> str:
    return quote(str(one.get("id") or ""), safe="")


@dataclass
class _Api:
    server: str
    headers: dict[str, str]

    def one(self, path: str) -> dict[str, Any]:
        found = ask(self.server + path, self.headers).get("data")
        return found if isinstance(found, dict) else {}

    def all(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list. The next page is asked at our server's address: a key goes nowhere else."""
        sign = "&" if "?" in path else "?"
        url, found = f"{self.server}{path}{sign}limit={PAGE}&offset=0", list[dict[str, Any]]()
        for _ in range(MOST_PAGES):
            said = ask(url, self.headers)
            data = said.get("data")
            found += [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
            following = (said.get("paging") or {}).get("next") if isinstance(said.get("paging"), dict) else None
            if not following:
                return found
            parts = urlsplit(str(following))
            url = f"{self.server}{parts.path}?{parts.query}"
        raise MovingError(f"{path} has more than {MOST_PAGES * PAGE:,} items")


# -- into our form --------------------------------------------------------------------------------------------------------


@dataclass
class Move:
    """One translation. `notes` says, a sentence each, what is not carried over or comes out differently."""

    raw: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    emails: dict[str, str] = field(default_factory=dict)  # of users, by id
    split: dict[str, list[str]] = field(default_factory=dict)  # names of our schedules, by the id of Opsgenie's
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)  # by name

    def document(self) -> dict[str, Any]:
        """What `tocsin import` takes."""
        teams = [{"name": one["name"]} for one in self.raw["teams"]]
        users, schedules = self.users(), self.schedules()
        self.policies = {policy["name"]: policy for one in self.raw["escalations"] if (policy := self.policy(one))}
        services = [self.service(one) for one in self.raw["services"]]
        integrations = self.integrations(services)
        routing = self.routing({one["name"] for one in integrations})
        return {
            "version": 1, "teams": teams, "users": users, "schedules": schedules, "escalation_policies": list(self.policies.values()),
            "services": services, "integrations": integrations, **({"routing_rules": routing} if routing else {}),
        }  # fmt: skip

    def users(self) -> list[dict[str, Any]]:
        """People who are not blocked, with their roles, teams and proved ways."""
        found = []
        member_of: dict[str, list[str]] = {}
        for team in self.raw["teams"]:
            for member in team.get("members") or []:
                member_of.setdefault(str((member.get("user") or {}).get("id")), []).append(team["name"])
        for one in self.raw["users"]:
            email, role = str(one.get("username") or "").lower(), str((one.get("role") or {}).get("name") or "").lower()
            if one.get("blocked"):
                self.notes.append(f"{email} is blocked in Opsgenie and is left out.")
                continue
            self.emails[str(one.get("id"))] = email
            if role not in ("owner", "admin", "user", "stakeholder", "observer"):
                self.notes.append(f"{email} has the custom role {role or 'without a name'}, which is not carried over: a responder here.")
            ways = [way for contact in one["contacts"] if (way := self.way(email, contact))]
            self.own_rules(email, one.get("notification_rules") or [], ways)
            found.append({
                "email": email, "name": one.get("fullName") or email, "role": ROLES.get(role, "responder"),
                **({"time_zone": one["timeZone"]} if one.get("timeZone") else {}), "teams": sorted(member_of.get(str(one.get("id")), [])), "contact_methods": ways,
            })  # fmt: skip
        return found

    def way(self, email: str, contact: dict[str, Any]) -> dict[str, Any] | None:
        """One address of a person, proved there."""
        kind, to = WAYS.get(str(contact.get("method"))), str(contact.get("to") or "")
        if not kind:
            self.notes.append(f"{email}: the Opsgenie app cannot be carried over; push to a browser or ntfy takes its place.")
            return None
        if not (contact.get("status") or {}).get("enabled", True):
            self.notes.append(f"{email}: {kind} to {to} is switched off in Opsgenie and is left out.")
            return None
        return {"kind": kind, "address": _address(kind, to), "verified": True}

    def own_rules(self, email: str, given: list[dict[str, Any]], ways: list[dict[str, Any]]) -> None:
        """Their own order and delays, at the ways that are carried over; for what can wait as well as for what cannot, as there."""
        for method, to, after in rules.own_rules(email, given, self.notes):
            kind = WAYS.get(method)
            way = next((one for one in ways if kind and (one["kind"], one["address"]) == (kind, _address(kind, to))), None)
            if way is not None:
                way.setdefault("rules", []).extend({"urgency": urgency, "after_seconds": after} for urgency in ("high", "low"))

    def schedules(self) -> list[dict[str, Any]]:
        """Each schedule; as several where rotations run side by side, because there everybody of them is paged and here the first one."""
        found = []
        for one in self.raw["schedules"]:
            rotations = [turn for rotation in one.get("rotations") or [] if (turn := self.rotation(one, rotation))]
            if not one.get("enabled", True):
                self.notes.append(f"Schedule {one['name']} is switched off in Opsgenie; here it counts.")
            if not rotations:
                self.notes.append(f"Schedule {one['name']} has no rotation with people and is left out.")
                continue
            whole = calendar.apart(rotations)
            groups = [rotations] if whole else [[rotation] for rotation in rotations]
            names = [one["name"] if whole else f"{one['name']}: {rotation['name']}"[:120] for (rotation, *_) in groups]
            if not whole:
                self.notes.append(
                    f"Schedule {one['name']} has rotations side by side: it becomes {len(names)} schedules, all of which are paged."
                )
            self.split[str(one.get("id"))] = names
            for name, group in zip(names, groups, strict=True):
                found.append({
                    "name": name, "team": (one.get("ownerTeam") or {}).get("name"), "time_zone": one.get("timezone") or "UTC",
                    "description": one.get("description") or "", "gaps_meant": not whole and bool(group[0]["restrictions"]), "rotations": group,
                    "overrides": self.overrides(one, {rotation["name"] for rotation in group}, whole),
                })  # fmt: skip
        return found

    def rotation(self, schedule: dict[str, Any], rotation: dict[str, Any]) -> dict[str, Any] | None:
        """One rotation; None where nobody in it is a person whom we know."""
        name, zone = str(rotation.get("name") or "Rotation"), schedule.get("timezone") or "UTC"
        people = []
        for one in rotation.get("participants") or []:
            email = self.emails.get(str(one.get("id")))
            if one.get("type") == "user" and email:
                people.append(email)
            else:
                who = one.get("username") or one.get("name") or "nobody"
                self.notes.append(
                    f"Schedule {schedule['name']}, {name}: the turn of {who} ({one.get('type')}) is left out; only people take turns here."
                )
        if not people:
            return None
        length, unit = int(rotation.get("length") or 1), {"hourly": "hours", "daily": "days"}.get(str(rotation.get("type")), "days")
        days = length * 7 if rotation.get("type") == "weekly" else length
        made = {
            "name": name, "starts_at": calendar.local(rotation["startDate"], zone), "shift": {unit: days}, "participants": people,
            "restrictions": calendar.together(rules.hours_of(rotation.get("timeRestriction") or {})),
        }  # fmt: skip
        return {**made, "ends_at": rotation["endDate"]} if rotation.get("endDate") else made

    def overrides(self, schedule: dict[str, Any], names: set[str], whole: bool) -> list[dict[str, Any]]:
        """Who stands in, and when, in these rotations."""
        found = []
        for one in schedule.get("overrides") or []:
            meant = {str(rotation.get("name")) for rotation in one.get("rotations") or []}
            email = self.emails.get(str((one.get("user") or {}).get("id")))
            if meant and not meant & names:
                continue
            if not email:
                self.notes.append(f"Schedule {schedule['name']}: an override of somebody who is not a person we know is left out.")
                continue
            if whole and meant and len(names) > 1:
                self.notes.append(
                    f"Schedule {schedule['name']}: the override of {email} counts for the whole schedule, not for {', '.join(sorted(meant))} alone."
                )
            found.append({"person": email, "starts_at": one["startDate"], "ends_at": one["endDate"]})
        return found

    def policy(self, escalation: dict[str, Any]) -> dict[str, Any] | None:
        """An escalation as a policy: what is notified at the same time is one step."""
        name, steps = escalation["name"], dict[int, list[dict[str, Any]]]()
        for rule in escalation.get("rules") or []:
            delay = rule.get("delay") or {}
            at = int(delay.get("timeAmount") or 0) * UNITS.get(str(delay.get("timeUnit")), 60)
            if rule.get("condition") == "if-not-closed":
                self.notes.append(f"Escalation {name}: a rule goes on until the alert is closed; here an acknowledgement stops paging.")
            steps.setdefault(at, []).extend(self.targets(name, rule))
        times = [at for at in sorted(steps) if steps[at]]
        if not times:
            self.notes.append(f"Escalation {name} reaches nobody whom we know and is left out.")
            return None
        if times[0]:
            self.notes.append(f"Escalation {name} begins after {times[0] // 60} min; here its first step begins at once.")
        repeat = escalation.get("repeat") or {}
        last = int(repeat.get("waitInterval") or 0) * 60 or LAST_WAIT
        waits = [after - at for at, after in pairwise(times)] + [last]
        return {
            "name": name, "team": (escalation.get("ownerTeam") or {}).get("name"), "repeats": min(int(repeat.get("count") or 0), 9),
            "steps": [{"wait_seconds": wait, "targets": steps[at]} for at, wait in zip(times, waits, strict=True)],
        }  # fmt: skip

    def targets(self, name: str, rule: dict[str, Any]) -> list[dict[str, Any]]:
        """Whom one rule notifies."""
        recipient, how = rule.get("recipient") or {}, str(rule.get("notifyType") or "default")
        kind, id = recipient.get("type"), str(recipient.get("id"))
        if kind == "user" and id in self.emails:
            return [{"kind": "user", "name": self.emails[id]}]
        if kind == "schedule" and id in self.split:
            if how not in ("default", "all", "users"):
                self.notes.append(f"Escalation {name}: “{how}” of a schedule is not known here; who is on call is paged.")
            everybody = how in ("all", "users")
            return [{"kind": "schedule_people" if everybody else "schedule", "name": one} for one in self.split[id]]
        if kind == "team" and recipient.get("name") in {one["name"] for one in self.raw["teams"]}:
            if how not in ("default", "all", "users"):
                self.notes.append(f"Escalation {name}: “{how}” of the team {recipient['name']} is not known here; the whole team is paged.")
            return [{"kind": "team", "name": recipient["name"]}]
        self.notes.append(
            f"Escalation {name}: {kind} {recipient.get('name') or recipient.get('username') or ''} cannot be notified here and is left out."
        )
        return []

    def service(self, service: dict[str, Any]) -> dict[str, Any]:
        """A service of a team, with what the team's default routing rule notifies."""
        team: dict[str, Any] = next((one for one in self.raw["teams"] if one.get("id") == service.get("teamId")), {})
        policy = self.notified(next((rule.get("notify") or {} for rule in team.get("routing_rules") or [] if rule.get("isDefault")), {}))
        if not policy:
            self.notes.append(f"Service {service['name']}: its team's default routing rule notifies nobody; choose a policy for it here.")
        return {
            "name": service["name"], "description": service.get("description") or "", "team": team.get("name"), "escalation_policy": policy,
        }  # fmt: skip

    def notified(self, notify: dict[str, Any]) -> str | None:
        """The policy that does what a routing rule notifies; a schedule gets one of its own, with one step. None where that is nobody."""
        name, schedules = str(notify.get("name") or ""), self.split.get(str(notify.get("id")), [])
        if notify.get("type") == "escalation":
            return name if name in self.policies else None
        if notify.get("type") != "schedule" or not schedules:
            return None
        made = f"On call: {name}"[:120]
        targets = [{"kind": "schedule", "name": one} for one in schedules]
        self.policies.setdefault(made, {"name": made, "repeats": 0, "steps": [{"wait_seconds": LAST_WAIT, "targets": targets}]})
        return made

    def integrations(self, services: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """An integration for each whose messages can be read here, at its team's service where that has only one."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.raw["integrations"]:
            name, type = str(one.get("name") or one.get("type"))[:120], str(one.get("type") or "")
            if not one.get("enabled", True):
                continue
            kind = rules.kind_of(type)
            if kind is None or name.lower() in found:
                why = "there is another one of that name" if kind else "nothing here reads what it is sent"
                self.notes.append(f"Integration {name} ({type}) is left out: {why}.")
                continue
            team = self.team_of(one)
            theirs = [service["name"] for service in services if team and service["team"] == team]
            if len(theirs) != 1:
                self.notes.append(f"Integration {name}: choose its service here; its team has {len(theirs)} of them.")
            found[name.lower()] = {"name": name, "kind": kind, "service": theirs[0] if len(theirs) == 1 else None}
        if found:
            self.notes.append("Each integration gets a new address and key here: give them to its sender (Integrations, then its name).")
        return list(found.values())

    def team_of(self, one: dict[str, Any]) -> str | None:
        """The name of the team that an integration belongs to."""
        return next((team["name"] for team in self.raw["teams"] if team.get("id") == one.get("teamId")), None)

    def routing(self, known: set[str]) -> list[dict[str, Any]]:
        """The routing rules of the teams beside the default ones, each for what comes in by its team's integrations."""
        found = []
        for team in self.raw["teams"]:
            own = [
                name for one in self.raw["integrations"] if self.team_of(one) == team["name"] and (name := str(one.get("name"))) in known
            ]
            for rule in sorted(team.get("routing_rules") or [], key=lambda rule: int(rule.get("order") or 0)):
                if rule.get("isDefault"):
                    continue
                where = f"Team {team['name']}, routing rule {rule.get('name')}"
                policy, nobody = self.notified(rule.get("notify") or {}), (rule.get("notify") or {}).get("type") == "none"
                try:
                    said = rules.routed(rule)
                except calendar.Unsaid as unsaid:
                    self.notes.append(f"{where} is left out: {unsaid} cannot be said here.")
                    continue
                if not own or not (policy or nobody):
                    why = "its team has no integration here" if not own else "whom it notifies is not known"
                    self.notes.append(f"{where} is left out: {why}.")
                    continue
                found.append({
                    "name": f"{team['name']}: {rule.get('name')}"[:120], "match": "any" if said.any_of else "all", "conditions": said.conditions,
                    "hours": said.hours, "integrations": own, "then": {"suppress": True} if nobody else {"policy": policy},
                })  # fmt: skip
        if found:
            self.notes.append(
                "The routing rules of this file take the place of all that are here; take them out of it, or add yours to it."
            )
        return found


def _address(kind: str, to: str) -> str:
    return to.lower() if kind == "email" else f"+{''.join(letter for letter in to if letter.isdigit())}"


def convert(server: str, key: str) -> tuple[dict[str, Any], list[str]]:
    """The document, and what is not carried over. Raises MovingError."""
    return translated("Opsgenie", Move(read(server, key)))
