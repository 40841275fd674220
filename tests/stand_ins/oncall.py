"""A Grafana OnCall as its API shows it: lists page by page with links that name another host, a key without any word before it."""

from __future__ import annotations

from typing import Any

from tests.stand_ins import Asked, StandIn, Told

KEY = "d3adb33fd3adb33fd3adb33f"


def user(id: str, name: str, role: str = "editor", **more: Any) -> dict[str, Any]:
    return {
        "id": id, "email": f"{name.lower()}@example.com", "slack": None, "username": name.lower(), "role": role, "is_phone_number_verified": True,
        "timezone": "Europe/Berlin", "teams": ["T1"], **more,
    }  # fmt: skip


def shift(id: str, name: str, type: str, start: str, hours: float, **more: Any) -> dict[str, Any]:
    return {
        "id": id, "team_id": "T1", "name": name, "type": type, "time_zone": None, "level": 0, "start": start, "rotation_start": start,
        "duration": int(hours * 3600), **more,
    }  # fmt: skip


def rolling(id: str, name: str, start: str, hours: float, frequency: str, *groups: list[str], **more: Any) -> dict[str, Any]:
    lines = {"by_day": None, "by_month": None, "by_monthday": None, "until": None, "interval": 1, "start_rotation_from_user_index": 0}
    return shift(id, name, "rolling_users", start, hours, frequency=frequency, rolling_users=list(groups), **{**lines, **more})


def line(id: str, chain: str, position: int, type: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "escalation_chain_id": chain, "position": position, "type": type, **more}


def own(user: str, position: int, type: str, important: bool = False, **more: Any) -> dict[str, Any]:
    return {"id": f"N{user}{position}{important}", "user_id": user, "position": position, "important": important, "type": type, **more}


def integration(id: str, name: str, type: str, chain: str | None) -> dict[str, Any]:
    return {
        "id": id, "name": name, "description_short": None, "team_id": "T1", "type": type, "inbound_email": None, "templates": {},
        "link": f"https://oncall.example/integrations/v1/{type}/secret/", "default_route": {"id": f"R{id}", "escalation_chain_id": chain, "slack": {}},
    }  # fmt: skip


class OnCall(StandIn):
    """`lists` by name, two items on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, list[dict[str, Any]]] = {
            "users": [user("U1", "Ana", "admin"), user("U2", "Ben"), user("U3", "Cy", "viewer", teams=[], timezone=""), user("U4", "Robot", email="")],
            "teams": [{"id": "T1", "grafana_id": 1, "name": "Payments", "email": "", "avatar_url": ""}],
            "on_call_shifts": [
                rolling("H1", "Nights", "2026-01-05T20:00:00", 12, "weekly", ["U1"], ["U2"], week_start="MO", by_day=["MO", "TU", "WE", "TH", "FR"], level=1),
                rolling("H2", "Always", "2026-01-05T09:00:00", 24, "daily", ["U2"], ["U1", "U3"], start_rotation_from_user_index=1),
                rolling("H3", "Past", "2020-01-05T09:00:00", 24, "daily", ["U1"], until="2020-06-01T00:00:00"),
                shift("H4", "Every other Monday", "recurrent_event", "2026-01-05T09:00:00", 8, frequency="weekly", interval=2, by_day=["MO"], week_start="SU", users=["U1"]),
                shift("H5", "Stand-in", "override", "2099-03-01T08:00:00", 24, users=["U1"]),
                shift("H6", "Over", "single_event", "2020-03-01T08:00:00", 24, users=["U1"]),
                *(rolling(id, "Weeks", "2026-01-05T09:00:00", 168, "weekly", ["U1"], ["U2"], week_start="MO", rotation_start="2026-03-04T13:17:42",
                    until="2099-06-01T00:00:00") for id in ("H8", "H9")),
                shift("H7", "Firsts", "recurrent_event", "2026-01-01T09:00:00", 8, frequency="monthly", by_monthday=[1], users=["U1"]),
            ],
            "schedules": [
                {"id": "S1", "team_id": "T1", "name": "Payments", "type": "web", "time_zone": "Europe/Berlin", "on_call_now": [], "slack": {},
                 "shifts": ["H1", "H2", "H3", "H4", "H5", "H6", "H7"]},
                {"id": "S3", "team_id": None, "name": "By Terraform", "type": "calendar", "time_zone": "Europe/Berlin", "on_call_now": [], "slack": {}, "shifts": ["H8"]},
                {"id": "S4", "team_id": None, "name": "By hand", "type": "web", "time_zone": "Europe/Berlin", "on_call_now": [], "slack": {}, "shifts": ["H9"]},
                {"id": "S2", "team_id": None, "name": "Elsewhere", "type": "ical", "ical_url_primary": "https://calendar.example/a.ics", "ical_url_overrides": None,
                 "on_call_now": [], "slack": {}},
            ],
            "escalation_chains": [{"id": "F1", "name": "Payments", "team_id": "T1"}, {"id": "F2", "name": "Nobody", "team_id": None}],
            "escalation_policies": [
                line("E3", "F1", 2, "notify_persons", persons_to_notify=["U2"], important=True), line("E1", "F1", 0, "notify_on_call_from_schedule",
                    notify_on_call_from_schedule="S1", important=False), line("E2", "F1", 1, "wait", duration=300),
                line("E4", "F1", 3, "notify_team_members", team_to_notify="T1"), line("E5", "F1", 4, "wait", duration=900), line("E6", "F1", 5, "wait", duration=60),
                line("E7", "F1", 6, "notify_person_next_each_time", persons_to_notify_next_each_time=["U1", "U2"]),
                line("E8", "F1", 7, "trigger_webhook", action_to_trigger="W1"), line("E9", "F1", 8, "repeat_escalation"),
                line("E10", "F2", 0, "wait", duration=60), line("E11", "F2", 1, "notify_on_call_from_schedule", notify_on_call_from_schedule="S2"),
            ],
            "integrations": [
                integration("C1", "Alertmanager :fire:", "alertmanager", "F1"), integration("C2", "Hooks", "formatted_webhook", "F2"),
                integration("C3", "Odd", "fabric", "F1"),
            ],
            "routes": [
                {"id": "R1", "integration_id": "C1", "escalation_chain_id": "F1", "routing_type": "regex", "routing_regex": "us-(east|west)", "position": 0,
                 "is_the_last_route": False, "slack": {}},
                {"id": "RC1", "integration_id": "C1", "escalation_chain_id": "F1", "routing_regex": ".*", "position": 1, "is_the_last_route": True, "slack": {}},
            ],
            "personal_notification_rules": [
                own("U1", 0, "notify_by_slack"), own("U1", 1, "wait", duration=300), own("U1", 2, "notify_by_email"),
                own("U1", 0, "notify_by_email", True), own("U2", 0, "notify_by_email"), own("U2", 1, "wait", duration=900), own("U2", 2, "notify_by_email"),
            ],
        }  # fmt: skip

    def answer(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != KEY:
            return Told(403, {"detail": "Invalid token."})
        whole, page = self.lists[asked.path.removeprefix("/oncall/api/v1/").strip("/")], int(asked.query.get("page", 1))
        more = page * 2 < len(whole)
        return Told(200, {
            "count": len(whole), "next": f"http://inside:8080{asked.path}?page={page + 1}" if more else None, "previous": None,
            "results": whole[2 * page - 2 : 2 * page], "current_page_number": page, "page_size": 2, "total_pages": -(-len(whole) // 2),
        })  # fmt: skip
