"""An account at PagerDuty as its REST API v2 shows it: lists by limit, offset and `more`, what they include, a key."""

from __future__ import annotations

from typing import Any

from tests.stand_ins import Asked, StandIn, Told

KEY = "y_NbAkKc66ryYTWUXYEu"


def reference(kind: str, id: str, name: str) -> dict[str, Any]:
    return {"id": id, "type": f"{kind}_reference", "summary": name, "self": f"https://api.pagerduty.com/{kind}s/{id}", "html_url": None}


def contact(id: str, kind: str, address: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "type": f"{kind}_contact_method",
        "summary": "Work",
        "label": "Work",
        "address": address,
        "self": "",
        "html_url": None,
        **more,
    }


def rule(method: str, minutes: int, urgency: str) -> dict[str, Any]:
    return {
        "id": f"R{method}{minutes}{urgency}", "type": "assignment_notification_rule", "start_delay_in_minutes": minutes, "urgency": urgency,
        "contact_method": {"id": method, "type": "email_contact_method_reference"},
    }  # fmt: skip


def user(id: str, name: str, role: str = "limited_user", **more: Any) -> dict[str, Any]:
    return {
        "id": id, "type": "user", "name": f"{name} Example", "summary": f"{name} Example", "email": f"{name.lower()}@example.com", "time_zone": "Europe/Berlin",
        "color": "green", "role": role, "avatar_url": "", "description": None, "invitation_sent": False, "contact_methods": [], "notification_rules": [],
        "coordinated_incidents": [], "teams": [], **more,
    }  # fmt: skip


def layer(name: str, *people: str, turn: int = 604_800, **more: Any) -> dict[str, Any]:
    return {
        "id": f"L{name}", "name": name, "start": "2026-01-01T00:00:00+01:00", "end": None, "rotation_virtual_start": "2026-01-05T09:00:00+01:00",
        "rotation_turn_length_seconds": turn, "users": [{"user": reference("user", one, one)} for one in people], "restrictions": [], **more,
    }  # fmt: skip


class PagerDuty(StandIn):
    """`lists` by name; what is longer than `page` comes in pieces, and an offset beyond 10,000 is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.page = 2
        payments = reference("team", "T1", "Payments")
        business = [
            {"type": "weekly_restriction", "start_day_of_week": day, "start_time_of_day": "08:00:00", "duration_seconds": 43_200}
            for day in range(1, 6)
        ]
        self.lists: dict[str, list[dict[str, Any]]] = {
            "users": [
                user("U1", "Ana", "owner", teams=[payments], contact_methods=[
                    contact("C1", "email", "Ana@example.com"), contact("C2", "sms", "15112345601", country_code=49, enabled=True, blacklisted=False),
                    contact("C3", "phone", "15112345601", country_code=49, blacklisted=False), contact("C4", "push_notification", "token", device_type="ios"),
                    contact("C5", "sms", "2025550143", country_code=1, blacklisted=True),
                ], notification_rules=[rule("C2", 0, "high"), rule("C3", 5, "high"), rule("C4", 0, "high"), rule("C1", 0, "low")]),
                user("U2", "Ben", teams=[payments]), user("U3", "Cy", "read_only_user", time_zone="Berlin"),
            ],
            "teams": [{"id": "T1", "type": "team", "name": "Payments", "description": None}],
            "schedules": [
                {"id": "S1", "name": "Payments", "time_zone": "Europe/Berlin", "description": "Day and night", "teams": [payments], "schedule_layers": [
                    layer("Day", "U1", "U2", restrictions=business), layer("Always", "U2", turn=43_200), layer("Past", "U1", end="2020-01-01T00:00:00Z"),
                    layer("Odd", "U1", turn=5_400)]},
                {"id": "S2", "name": "Nights", "time_zone": "America/New_York", "description": "", "teams": [], "schedule_layers": [
                    layer("Night", "U1", turn=86_400, restrictions=[{"type": "daily_restriction", "start_time_of_day": "20:00:00", "duration_seconds": 43_200}])]},
                {"id": "S3", "name": "Empty", "time_zone": "UTC", "description": "", "teams": [], "schedule_layers": []},
            ],
            "escalation_policies": [
                {"id": "E1", "type": "escalation_policy", "name": "Payments", "num_loops": 2, "teams": [payments], "services": [], "escalation_rules": [
                    {"id": "X1", "escalation_delay_in_minutes": 5, "targets": [reference("schedule", "S1", "Payments")]},
                    {"id": "X2", "escalation_delay_in_minutes": 10, "targets": [{"id": "U2", "type": "user", "summary": "Ben"}, reference("schedule", "S2", "Nights")]},
                    {"id": "X3", "escalation_delay_in_minutes": 30, "targets": [reference("user", "GONE", "Somebody")]}]},
                {"id": "E2", "type": "escalation_policy", "name": "Nobody", "num_loops": 0, "teams": [], "escalation_rules": [
                    {"id": "X4", "escalation_delay_in_minutes": 5, "targets": [reference("schedule", "S3", "Empty")]}]},
            ],
            "services": [
                {"id": "V1", "name": "checkout", "description": "Takes money", "status": "active", "acknowledgement_timeout": 1800, "auto_resolve_timeout": None,
                 "teams": [payments], "escalation_policy": reference("escalation_policy", "E1", "Payments"), "incident_urgency_rule": {"type": "constant", "urgency": "high"},
                 "integrations": [
                     {"id": "I1", "type": "events_api_v2_inbound_integration", "name": "Prometheus", "integration_key": "secret"},
                     {"id": "I2", "type": "datadog_inbound_integration", "name": "Datadog"}, {"id": "I3", "type": "generic_email_inbound_integration", "name": "Mail"}]},
                {"id": "V2", "name": "search", "description": None, "status": "disabled", "acknowledgement_timeout": None, "auto_resolve_timeout": None, "teams": [],
                 "escalation_policy": reference("escalation_policy", "E2", "Nobody"), "incident_urgency_rule": {"type": "constant", "urgency": "low"}, "integrations": []},
            ],
        }  # fmt: skip
        self.orchestrations: dict[str, dict[str, Any]] = {
            "O1": {
                "orchestration": {"id": "O1", "name": "Everything", "team": None, "routes": 4, "integrations": [
                    {"id": "N1", "label": "Default", "parameters": {"routing_key": "secret", "type": "global"}}]},
                "router": {"type": "router", "sets": [{"id": "start", "rules": [
                    {"id": "A1", "label": "Payments", "disabled": False, "actions": {"route_to": "V1"}, "conditions": [
                        {"expression": "event.summary matches part 'checkout' and event.severity matches 'critical'"}]},
                    {"id": "A2", "label": "", "actions": {"route_to": "V2"}, "conditions": [
                        {"expression": "event.source matches regex 'web[0-9]+'"}, {"expression": "event.custom_details.region exists"}]},
                    {"id": "A3", "label": "Mixed", "actions": {"route_to": "V1"}, "conditions": [
                        {"expression": "event.class matches 'a' and event.group matches 'b' or event.group matches 'it\\'s and'"}]},
                    {"id": "A4", "label": "Gone", "actions": {"route_to": "V9"}, "conditions": []},
                    {"id": "A5", "label": "Clever", "actions": {"route_to": "V1"}, "conditions": [{"expression": "now in Mon,Tue 09:00:00 to 17:00:00 Europe/Berlin"}]},
                ]}], "catch_all": {"actions": {"route_to": "V2"}}},
                "global": {"type": "global", "sets": [{"id": "start", "rules": [{"id": "G1", "actions": {"suppress": True}, "conditions": []}]}]},
            }
        }  # fmt: skip
        self.overrides = {
            "S1": [
                {
                    "id": "O1",
                    "start": "2099-03-01T08:00:00+01:00",
                    "end": "2099-03-02T08:00:00+01:00",
                    "user": reference("user", "U2", "Ben"),
                }
            ]
        }

    def answer(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"Token token={KEY}":
            return Told(401, {"error": {"message": "Unauthorized", "code": 2006}})
        name, _, rest = asked.path.strip("/").partition("/")
        if name == "event_orchestrations":
            return self._orchestration(rest)
        if rest.endswith("/overrides"):
            if not (asked.query.get("since") and asked.query.get("until")):
                return Told(
                    400, {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": ["Since and until are required."]}}
                )
            return Told(200, {"overrides": self.overrides.get(rest.partition("/")[0], [])})
        if rest:
            return Told(200, {"schedule": next(one for one in self.lists[name] if one["id"] == rest)})
        whole, offset = self.lists[name], int(asked.query.get("offset", 0))
        limit = min(self.page, int(asked.query.get("limit", 25)))
        items = whole[offset : offset + limit]
        if name == "schedules":
            items = [{key: value for key, value in one.items() if key != "schedule_layers"} for one in items]
        if name == "users" and "include" not in asked.raw_path + str(asked.query):
            items = [{**one, "contact_methods": [], "notification_rules": []} for one in items]
        return Told(200, {name: items, "limit": limit, "offset": offset, "more": offset + limit < len(whole), "total": None})

    def _orchestration(self, rest: str) -> Told:
        if not rest:
            listed = [{"id": id, "name": one["orchestration"]["name"]} for id, one in self.orchestrations.items()]
            return Told(200, {"orchestrations": listed, "limit": 25, "offset": 0, "more": False, "total": None})
        id, _, path = rest.partition("/")
        if id == "services" or id not in self.orchestrations:
            return Told(404, {"error": {"message": "Not Found", "code": 2100}})
        return Told(200, {"orchestration_path" if path else "orchestration": self.orchestrations[id][path or "orchestration"]})
