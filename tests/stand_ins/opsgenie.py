"""An account at Opsgenie as its REST API shows it: lists in pages, a key, requests that come too often."""

from __future__ import annotations

from typing import Any

from tests.stand_ins import Asked, StandIn, Told

KEY = "0f8fad5b-d9cb-469f-a165-70867728950e"


def user(id: str, name: str, role: str = "User", **more: Any) -> dict[str, Any]:
    return {
        "blocked": False, "verified": True, "id": id, "username": f"{name.lower()}@example.com", "fullName": f"{name} Example",
        "role": {"id": role, "name": role}, "timeZone": "Europe/Berlin", "locale": "en_US", "createdAt": "2020-05-12T08:56:14.041Z", **more,
    }  # fmt: skip


def contact(method: str, to: str, *, enabled: bool = True) -> dict[str, Any]:
    return {"id": f"c-{to}", "method": method, "to": to, "status": {"enabled": enabled}, "applyOrder": 0}


def turn(id: str, name: str) -> dict[str, Any]:
    return {"type": "user", "id": id, "username": f"{name.lower()}@example.com"}


def rotation(name: str, *people: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": f"r-{name}", "name": name, "startDate": "2026-01-05T08:00:00Z", "type": "weekly", "length": 1, "participants": list(people), **more,
    }  # fmt: skip


def rule(recipient: dict[str, Any], minutes: int, how: str = "default", condition: str = "if-not-acked") -> dict[str, Any]:
    return {"condition": condition, "notifyType": how, "delay": {"timeAmount": minutes, "timeUnit": "minutes"}, "recipient": recipient}


class Opsgenie(StandIn):
    """`lists` by path; what is longer than `page` comes in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.page = 2
        ana, ben, cy = turn("u1", "Ana"), turn("u2", "Ben"), turn("u3", "Cy")
        payments = {"id": "t1", "name": "Payments"}
        night = {"type": "time-of-day", "restriction": {"startHour": 20, "startMin": 0, "endHour": 8, "endMin": 0}}
        day = {"type": "time-of-day", "restriction": {"startHour": 8, "startMin": 0, "endHour": 20, "endMin": 0}}
        weekend = {
            "type": "weekday-and-time-of-day",
            "restrictions": [{"startDay": "friday", "startHour": 18, "startMin": 0, "endDay": "monday", "endHour": 8, "endMin": 30}],
        }
        self.lists: dict[str, list[dict[str, Any]]] = {
            "/v2/users": [
                user("u1", "Ana", "Owner"), user("u2", "Ben"), user("u3", "Cy", "Stakeholder"), user("u4", "Dee", "Night shift"),
                user("u5", "Eve", blocked=True),
            ],
            "/v2/users/u1/contacts": [
                contact("email", "Ana@example.com"), contact("sms", "49-15112345601"), contact("voice", "49-15112345601"),
                contact("mobile", "Ana's iPhone"), contact("sms", "1-9005551234"), contact("voice", "1-2025550143", enabled=False),
            ],
            "/v2/users/u1/notification-rules": [
                {"id": "n1", "name": "Acknowledged", "actionType": "acknowledged-alert", "order": 0, "enabled": True},
                {"id": "n2", "name": "Only P1", "actionType": "create-alert", "order": 1, "enabled": True},
                {"id": "n3", "name": "New alerts", "actionType": "create-alert", "order": 2, "enabled": True},
                {"id": "n4", "name": "Old", "actionType": "create-alert", "order": 0, "enabled": False},
            ],
            "/v2/teams": [{"id": "t1", "name": "Payments", "description": ""}, {"id": "t2", "name": "Search", "description": ""}],
            "/v2/teams/t1/routing-rules": [
                {"id": "rr1", "name": "Default", "isDefault": True, "order": 0, "notify": {"type": "escalation", "id": "e1", "name": "Payments escalation"}},
                {"id": "rr2", "name": "Nights", "isDefault": False, "order": 1, "timezone": "Europe/Berlin", "timeRestriction": night,
                 "criteria": {"type": "match-all-conditions", "conditions": [
                     {"field": "priority", "operation": "less-than", "expectedValue": "P2", "not": False, "order": 0},
                     {"field": "message", "operation": "ends-with", "expectedValue": "(test)", "not": True, "order": 1}]}, "notify": {"type": "none"}},
                {"id": "rr4", "name": "Cards", "isDefault": False, "order": 2, "timezone": "Europe/Berlin", "criteria": {
                    "type": "match-any-condition", "conditions": [
                        {"field": "tags", "operation": "equals", "expectedValue": "cards", "not": False, "order": 0},
                        {"field": "extra-properties", "key": "psp", "operation": "starts-with", "expectedValue": "ada", "not": False, "order": 1}]},
                 "notify": {"type": "schedule", "id": "s1", "name": "Payments"}},
                {"id": "rr5", "name": "By action", "isDefault": False, "order": 3, "notify": {"type": "none"}, "criteria": {
                    "type": "match-all-conditions", "conditions": [{"field": "actions", "operation": "contains", "expectedValue": "x", "not": False, "order": 0}]}},
            ],
            "/v2/teams/t2/routing-rules": [
                {"id": "rr3", "name": "Default", "isDefault": True, "order": 0, "notify": {"type": "schedule", "id": "s2", "name": "Search"}}
            ],
            "/v2/schedules": [
                {"id": "s1", "name": "Payments", "description": "Day and night", "timezone": "Europe/Berlin", "enabled": True, "ownerTeam": payments,
                 "rotations": [rotation("Day", ana, ben, timeRestriction=day), rotation("Night", ben, {"type": "none"}, timeRestriction=night)]},
                {"id": "s2", "name": "Search", "description": "", "timezone": "America/New_York", "enabled": False,
                 "rotations": [
                     rotation("First", ana, type="daily", length=2), rotation("Second", cy, type="hourly", length=12, endDate="2027-01-01T00:00:00Z"),
                     rotation("Weekend", ben, timeRestriction=weekend)]},
                {"id": "s3", "name": "Empty", "timezone": "UTC", "enabled": True, "rotations": []},
            ],
            "/v2/schedules/s1/overrides": [
                {"alias": "o1", "user": ben, "startDate": "2099-03-01T08:00:00Z", "endDate": "2099-03-02T08:00:00Z", "rotations": [{"id": "r-Day", "name": "Day"}]},
                {"alias": "o2", "user": ana, "startDate": "2020-03-01T08:00:00Z", "endDate": "2020-03-02T08:00:00Z"},
            ],
            "/v2/schedules/s2/overrides": [
                {"alias": "o3", "user": ben, "startDate": "2099-03-01T08:00:00Z", "endDate": "2099-03-02T08:00:00Z", "rotations": [{"id": "r-Second", "name": "Second"}]},
            ],
            "/v2/escalations": [
                {"id": "e1", "name": "Payments escalation", "ownerTeam": payments, "repeat": {"waitInterval": 10, "count": 2}, "rules": [
                    rule({"type": "schedule", "id": "s1", "name": "Payments"}, 0), rule({"type": "user", **turn("u2", "Ben")}, 5),
                    rule({"type": "schedule", "id": "s2", "name": "Search"}, 5, "next"), rule({"type": "team", "id": "t1", "name": "Payments"}, 15, "all", "if-not-closed"),
                ]},
                {"id": "e2", "name": "Nobody", "rules": [rule({"type": "escalation", "id": "e1", "name": "Payments escalation"}, 5)]},
            ],
            "/v1/services": [
                {"id": "sv1", "teamId": "t1", "name": "checkout", "description": "Takes money"}, {"id": "sv2", "teamId": "t2", "name": "search"},
            ],
            "/v2/integrations": [
                {"id": "i1", "name": "Prometheus", "type": "Prometheus", "enabled": True, "teamId": "t1"},
                {"id": "i3", "name": "Grafana", "type": "GrafanaV2", "enabled": True}, {"id": "i4", "name": "To Slack", "type": "Slack", "enabled": True, "teamId": "t1"},
                {"id": "i2", "name": "Old", "type": "API", "enabled": False},
            ],
        }  # fmt: skip
        steps = [
            {"contact": {"method": "sms", "to": "49-15112345601"}, "sendAfter": {"timeAmount": 0, "timeUnit": "minutes"}, "enabled": True},
            {"contact": {"method": "voice", "to": "49-15112345601"}, "sendAfter": {"timeAmount": 5, "timeUnit": "minutes"}, "enabled": True},
            {"contact": {"method": "mobile", "to": "Ana's iPhone"}, "sendAfter": {"timeAmount": 0}, "enabled": True},
            {"contact": {"method": "email", "to": "ana@example.com"}, "sendAfter": {"timeAmount": 1, "timeUnit": "minutes"}, "enabled": False},
        ]  # fmt: skip
        one_of = {"type": "match-all-conditions", "conditions": [{"field": "priority", "operation": "equals", "expectedValue": "P1"}]}
        self.details = {  # of notification rules: their lists leave these out
            "n2": {"criteria": one_of, "steps": steps}, "n3": {"criteria": {"type": "match-all"}, "steps": steps, "repeat": {"loopAfter": 10, "enabled": True}},
        }  # fmt: skip
        self.teams = {
            "t1": [{"user": {"id": "u1"}, "role": "admin"}, {"user": {"id": "u2"}, "role": "user"}],
            "t2": [{"user": {"id": "u3"}, "role": "user"}],
        }

    def answer(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"GenieKey {KEY}":
            return Told(401, {"message": "Could not authenticate", "took": 0.0, "requestId": "r"})
        if team := self.teams.get(asked.path.removeprefix("/v2/teams/")):
            name = next(one["name"] for one in self.lists["/v2/teams"] if one["id"] == asked.path[-2:])
            return Told(200, {"data": {"id": asked.path[-2:], "name": name, "members": team}, "took": 0.0, "requestId": "r"})
        if detail := self.details.get(asked.path.rpartition("/notification-rules/")[2]):
            return Told(200, {"data": detail, "took": 0.0, "requestId": "r"})
        if asked.path not in self.lists and not asked.path.endswith(("/contacts", "/overrides", "/notification-rules")):
            return Told(404, {"message": "not found", "requestId": "r"})
        whole, offset = self.lists.get(asked.path, []), int(asked.query.get("offset", 0))
        said: dict[str, Any] = {"totalCount": len(whole), "data": whole[offset : offset + self.page], "took": 0.0, "requestId": "r"}
        if offset + self.page < len(whole):
            said["paging"] = {"next": f"https://api.opsgenie.com{asked.path}?limit={self.page}&offset={offset + self.page}"}
        return Told(200, said)
