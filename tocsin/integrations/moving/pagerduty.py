"""What does an account at PagerDuty hold: people with their ways and rules, teams, schedules with layers and overrides, escalation policies, services
with their integrations, event orchestrations?

https://developer.pagerduty.com/api-reference - the REST API v2, read with a key of the account (read-only is enough).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from tocsin import clock
from tocsin.integrations.moving import calendar
from tocsin.integrations.moving import pagerduty_rules as rules
from tocsin.integrations.moving.reader import MovingError, ask, translated

SERVER = "https://api.pagerduty.com"
PAGE = 100  # the most that it gives at once
MOST_PAGES = 100  # it refuses offsets beyond 10,000
OVERRIDES_AT_ONCE, OVERRIDES_AHEAD = timedelta(days=90), 4  # it lists those of three months at most: so many times
ROLES = {
    "owner": "administrator", "admin": "administrator", "observer": "observer", "read_only_user": "observer", "read_only_limited_user": "observer",
}  # fmt: skip
WAYS = {"email_contact_method": "email", "sms_contact_method": "sms", "phone_contact_method": "voice"}
KINDS = {
    "events_api_v2_inbound_integration": "pagerduty_events_v2", "generic_events_api_inbound_integration": "pagerduty_events_v2",
    "generic_email_inbound_integration": "email", "aws_cloudwatch_inbound_integration": "aws_sns", "nagios_inbound_integration": "nagios",
    "pingdom_inbound_integration": "pingdom",
}  # fmt: skip


def read(server: str, key: str) -> dict[str, Any]:
    """Everything that is carried over, as PagerDuty answers it. Raises MovingError."""
    api = _Api(server.rstrip("/"), {"Authorization": f"Token token={key}", "Accept": "application/vnd.pagerduty+json;version=2"})
    now = clock.now()
    services = api.all("/services", "services", ("integrations",))
    schedules = [api.one(f"/schedules/{_id(one)}", "schedule") for one in api.all("/schedules", "schedules")]
    return {
        "now": now,
        "users": api.all("/users", "users", ("contact_methods", "notification_rules", "teams")),
        "teams": api.all("/teams", "teams"),
        "schedules": [{**one, "overrides": _overrides(api, one, now)} for one in schedules],
        "escalation_policies": api.all("/escalation_policies", "escalation_policies"),
        "services": services,
        **_orchestrations(api, services),
    }


def _overrides(api: _Api, schedule: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    """Those of the year ahead, each once."""
    found: dict[str, dict[str, Any]] = {}
    for turn in range(OVERRIDES_AHEAD):
        since = now + turn * OVERRIDES_AT_ONCE
        span = {"since": since.isoformat(timespec="seconds"), "until": (since + OVERRIDES_AT_ONCE).isoformat(timespec="seconds")}
        for one in api.some(f"/schedules/{_id(schedule)}/overrides", "overrides", span):
            found.setdefault(str(one.get("id") or f"{one.get('start')} {one.get('end')}"), one)
    return list(found.values())


def _orchestrations(api: _Api, services: list[dict[str, Any]]) -> dict[str, Any]:
    """Event orchestrations with their integrations and rules; why they could not be read, where an account or a key has none."""
    try:
        listed = [_id(one) for one in api.all("/event_orchestrations", "orchestrations")]
        found = [
            {
                **api.one(f"/event_orchestrations/{id}", "orchestration"),
                **{path: api.perhaps(f"/event_orchestrations/{id}/{path}", "orchestration_path") for path in ("router", "global")},
            }
            for id in listed
        ]
        own = {str(one.get("id")): api.perhaps(f"/event_orchestrations/services/{_id(one)}", "orchestration_path") for one in services}
    except MovingError as error:
        return {"orchestrations": [], "orchestrations_of_services": {}, "no_orchestrations": str(error)}
    return {"orchestrations": found, "orchestrations_of_services": own, "no_orchestrations": ""}


def _id(one: dict[str, Any]) -> str:
    return quote(str(one.get("id") or ""), safe="")


@dataclass
class _Api:
    server: str
    headers: dict[str, str]

    def one(self, path: str, name: str) -> dict[str, Any]:
        found = ask(self.server + path, self.headers).get(name)
        return found if isinstance(found, dict) else {}

    def perhaps(self, path: str, name: str) -> dict[str, Any]:
        """The same of what need not be there; empty where it cannot be read."""
        try:
            return self.one(path, name)
        except MovingError:
            return {}

    def some(self, path: str, name: str, query: dict[str, str]) -> list[dict[str, Any]]:
        found = ask(f"{self.server}{path}?{urlencode(query)}", self.headers).get(name)
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def all(self, path: str, name: str, include: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Every item of a list, page by page by offset."""
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            query = urlencode([("limit", PAGE), ("offset", len(found)), *(("include[]", one) for one in include)])
            said = ask(f"{self.server}{path}?{query}", self.headers)
            items = said.get(name)
            found += [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
            if not said.get("more") or not items:
                return found
        raise MovingError(f"{path} has more than {MOST_PAGES * PAGE:,} items")


# -- into our form --------------------------------------------------------------------------------------------------------


@dataclass
class Move:
    """One translation. `notes` says, a sentence each, what is not carried over or comes out differently."""

    raw: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    emails: dict[str, str] = field(default_factory=dict)  # of users, by id
    names: dict[str, str] = field(default_factory=dict)  # of schedules and policies that are carried over, by id

    def document(self) -> dict[str, Any]:
        """What `tocsin import` takes."""
        teams = [{"name": one["name"]} for one in self.raw["teams"]]
        users = [self.user(one) for one in self.raw["users"]]
        schedules = [made for one in self.raw["schedules"] if (made := self.schedule(one))]
        policies = [made for one in self.raw["escalation_policies"] if (made := self.policy(one))]
        services, integrations = [], list[dict[str, Any]]()
        for one in self.raw["services"]:
            services.append(self.service(one))
            integrations += self.integrations(one)
        routing = rules.routing(self.raw, integrations, self.notes)
        if integrations:
            self.notes.append("Each integration gets a new address and key here: give them to its sender (Integrations, then its name).")
        return {
            "version": 1, "teams": teams, "users": users, "schedules": schedules, "escalation_policies": policies, "services": services,
            "integrations": integrations, **({"routing_rules": routing} if routing else {}),
        }  # fmt: skip

    def user(self, user: dict[str, Any]) -> dict[str, Any]:
        """A person with their role, teams, ways, and their own order and delays."""
        email, role = str(user["email"]).lower(), str(user.get("role") or "user")
        self.emails[str(user.get("id"))] = email
        ways: dict[str, dict[str, Any]] = {}
        for one in user.get("contact_methods") or []:
            if way := self.way(email, one):
                ways[str(one.get("id"))] = way
        for rule in user.get("notification_rules") or []:
            own = ways.get(str((rule.get("contact_method") or {}).get("id")))
            if own is not None and rule.get("urgency") in ("high", "low"):
                after = int(rule.get("start_delay_in_minutes") or 0) * 60
                own.setdefault("rules", []).append({"urgency": rule["urgency"], "after_seconds": after})
        zone = self.zone(email, user.get("time_zone"))
        return {
            "email": email, "name": user.get("name") or email, "role": ROLES.get(role, "responder"), **({"time_zone": zone} if zone else {}),
            "teams": sorted(str(team.get("name") or team.get("summary")) for team in user.get("teams") or []), "contact_methods": list(ways.values()),
        }  # fmt: skip

    def zone(self, email: str, name: Any) -> str:
        """Their time zone; none where it has a name of its own."""
        if name and calendar.is_zone(str(name)):
            return str(name)
        if name:
            self.notes.append(f"{email}: the time zone {name} has another name here; choose it on their page.")
        return ""

    def way(self, email: str, contact: dict[str, Any]) -> dict[str, Any] | None:
        """One address of a person, proved there."""
        kind, to = WAYS.get(str(contact.get("type"))), str(contact.get("address") or "")
        if not kind:
            self.notes.append(f"{email}: the PagerDuty app cannot be carried over; push to a browser or ntfy takes its place.")
            return None
        if contact.get("blacklisted") or contact.get("enabled") is False:
            self.notes.append(f"{email}: {kind} to {to} is blocked in PagerDuty and is left out.")
            return None
        digits = f"{contact.get('country_code') or 1}{''.join(letter for letter in to if letter.isdigit())}"
        label = str(contact.get("label") or "")
        return {"kind": kind, "address": to.lower() if kind == "email" else f"+{digits}", "label": label, "verified": True}

    def schedule(self, schedule: dict[str, Any]) -> dict[str, Any] | None:
        """A schedule whose layers are its rotations: the one that counts before the others comes first, there as here."""
        zone, name = str(schedule.get("time_zone") or "UTC"), str(schedule["name"])
        layers = [one for one in schedule.get("schedule_layers") or [] if not one.get("end") or _at(one["end"]) > self.raw["now"]]
        rotations = [made for layer in layers if (made := self.rotation(name, zone, layer))]
        if not rotations:
            self.notes.append(f"Schedule {name} has no layer with people and is left out.")
            return None
        if not calendar.apart(rotations):
            self.notes.append(f"Schedule {name} has layers that overlap: look whether the one that counts comes first here.")
        self.names[str(schedule.get("id"))] = name
        overrides = []
        for one in schedule.get("overrides") or []:
            if email := self.emails.get(str((one.get("user") or {}).get("id"))):
                overrides.append({"person": email, "starts_at": one["start"], "ends_at": one["end"]})
        return {
            "name": name, "team": _team(schedule), "time_zone": zone, "description": schedule.get("description") or "", "rotations": rotations,
            "overrides": overrides,
        }  # fmt: skip

    def rotation(self, schedule: str, zone: str, layer: dict[str, Any]) -> dict[str, Any] | None:
        """One layer; None where nobody takes turns in it, or they are of a length that cannot be said."""
        name, seconds = str(layer.get("name") or "Layer"), int(layer.get("rotation_turn_length_seconds") or 0)
        people = [email for one in layer.get("users") or [] if (email := self.emails.get(str((one.get("user") or {}).get("id"))))]
        if not people:
            return None
        if seconds <= 0 or seconds % 3600:
            self.notes.append(f"Schedule {schedule}, {name}: turns of {seconds} seconds cannot be said here; the layer is left out.")
            return None
        shift = {"days": seconds // 86400} if seconds % 86400 == 0 else {"hours": seconds // 3600}
        lines = [line for one in layer.get("restrictions") or [] for line in _hours(one)]
        made = {
            "name": name, "starts_at": calendar.local(layer["rotation_virtual_start"], zone), "shift": shift, "participants": people,
            "restrictions": calendar.together(lines),
        }  # fmt: skip
        return {**made, "ends_at": layer["end"]} if layer.get("end") else made

    def policy(self, policy: dict[str, Any]) -> dict[str, Any] | None:
        """An escalation policy, rule by rule."""
        name, steps = str(policy["name"]), []
        for place, rule in enumerate(policy.get("escalation_rules") or [], 1):
            targets = [made for one in rule.get("targets") or [] if (made := self.target(name, one))]
            if targets:
                steps.append({"wait_seconds": int(rule.get("escalation_delay_in_minutes") or 30) * 60, "targets": targets})
            else:
                self.notes.append(f"Escalation policy {name}: rule {place} reaches nobody whom we know and is left out.")
        if not steps:
            self.notes.append(f"Escalation policy {name} is left out: it reaches nobody whom we know.")
            return None
        self.names[str(policy.get("id"))] = name
        return {
            "name": name,
            "team": _team(policy),
            "repeats": min(int(policy.get("num_loops") or 0), 9),
            "steps": steps,
        }

    def target(self, policy: str, target: dict[str, Any]) -> dict[str, Any] | None:
        """Whom a rule notifies."""
        kind, id = str(target.get("type") or "").removesuffix("_reference"), str(target.get("id"))
        if kind == "user" and id in self.emails:
            return {"kind": "user", "name": self.emails[id]}
        if kind == "schedule" and id in self.names:
            return {"kind": "schedule", "name": self.names[id]}
        self.notes.append(f"Escalation policy {policy}: {kind} {target.get('summary') or id} cannot be notified here and is left out.")
        return None

    def service(self, service: dict[str, Any]) -> dict[str, Any]:
        """A service with its escalation policy."""
        name, urgency = str(service["name"]), service.get("incident_urgency_rule") or {}
        if service.get("status") == "disabled":
            self.notes.append(f"Service {name} is switched off in PagerDuty; here it counts.")
        if urgency.get("type") == "use_support_hours" or urgency.get("urgency") == "low":
            self.notes.append(f"Service {name}: its urgency is not carried over; say in its escalation policy which severities can wait.")
        if service.get("auto_resolve_timeout") or service.get("acknowledgement_timeout"):
            self.notes.append(
                "Acknowledgement and auto-resolve timeouts are not carried over: the procedure and each integration say them here."
            )
        policy = self.names.get(str((service.get("escalation_policy") or {}).get("id")))
        if policy is None:
            self.notes.append(f"Service {name}: its escalation policy is not carried over; choose one for it here.")
        return {"name": name, "description": service.get("description") or "", "team": _team(service), "escalation_policy": policy}

    def integrations(self, service: dict[str, Any]) -> list[dict[str, Any]]:
        """The service's integrations whose messages can be read here."""
        found: dict[str, dict[str, Any]] = {}
        for one in service.get("integrations") or []:
            type = str(one.get("type") or "").removesuffix("_reference")
            label = str(one.get("name") or one.get("summary") or type)
            name, kind = f"{service['name']}: {label}"[:120], KINDS.get(type)
            if kind is None or name.lower() in found:
                why = (
                    "there is another one of that name"
                    if kind
                    else "choose the kind that reads its messages, and give its sender the new address"
                )
                self.notes.append(f"Integration {name} ({type}) is left out: {why}.")
                continue
            found[name.lower()] = {"name": name, "kind": kind, "service": service["name"]}
        return list(found.values())


def _team(one: dict[str, Any]) -> str | None:
    """The first team that something belongs to: here it has one."""
    return next((str(team.get("name") or team.get("summary")) for team in one.get("teams") or []), None)


def _at(instant: Any) -> datetime:
    return datetime.fromisoformat(str(instant))


def _hours(restriction: dict[str, Any]) -> list[dict[str, Any]]:
    """The hours of a layer, a line for each day and stretch. Days of the week count from 1, Monday."""
    hour, minute, *_ = (int(part) for part in str(restriction.get("start_time_of_day") or "00:00:00").split(":"))
    start, length = hour * 60 + minute, int(restriction.get("duration_seconds") or 0) // 60
    if restriction.get("type") == "weekly_restriction":
        return calendar.hours((int(restriction.get("start_day_of_week") or 1) - 1) * calendar.DAY + start, min(length, calendar.WEEK))
    return [line for day in range(7) for line in calendar.hours(day * calendar.DAY + start, min(length, calendar.DAY))]


def convert(server: str, key: str) -> tuple[dict[str, Any], list[str]]:
    """The document, and what is not carried over. Raises MovingError."""
    return translated("PagerDuty", Move(read(server, key)))
