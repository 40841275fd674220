"""A homeserver with the part of the client-server API v3 that is used: rooms, direct rooms, messages, reactions, sync with filters."""

from __future__ import annotations

from typing import Any

from tests.stand_ins import Asked, StandIn, Told

TOKEN = "syt_of_larkfield"
US = "@tocsin:larkfield.example"


class Matrix(StandIn):
    def __init__(self) -> None:
        super().__init__()
        self.people = {"@ana:larkfield.example", "@ben:larkfield.example"}
        self.members: dict[str, dict[str, str]] = {"!ops:larkfield.example": {}}
        self.aliases = {"#ops:larkfield.example": "!ops:larkfield.example"}
        self.events: list[dict[str, Any]] = []  # with their room_id, in order
        self.account_data: dict[str, Any] = {}
        self.filters: list[dict[str, Any]] = []
        self.transactions: dict[str, str] = {}
        self.token = TOKEN
        self.encrypted: set[str] = set()

    def no(self, status: int, code: str, error: str, **more: Any) -> Told:
        return Told(status, {"errcode": code, "error": error, **more})

    def answer(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return self.no(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.")
        assert "!" not in asked.raw_path and ":" not in asked.raw_path and "#" not in asked.raw_path, "parts of a path are percent-encoded"
        match asked.method, asked.path.removeprefix("/_matrix/client/v3/").split("/"):
            case "GET", ["account", "whoami"]:
                return Told(200, {"user_id": US, "device_id": "D"})
            case "GET", ["user", _, "account_data", "m.direct"]:
                direct = self.account_data.get("m.direct")
                return Told(200, direct) if direct is not None else self.no(404, "M_NOT_FOUND", "Account data not found")
            case "PUT", ["user", _, "account_data", "m.direct"]:
                self.account_data["m.direct"] = asked.said
                return Told(200, {})
            case "GET", ["rooms", room, "state", "m.room.member", person]:
                there = self.members.get(room, {}).get(person)
                return Told(200, {"membership": there}) if there else self.no(404, "M_NOT_FOUND", "Event not found.")
            case "GET", ["rooms", room, "state", "m.room.encryption"]:
                told = Told(200, {"algorithm": "m.megolm.v1.aes-sha2"})
                return told if room in self.encrypted else self.no(404, "M_NOT_FOUND", "Event not found.")
            case "POST", ["createRoom"]:
                return self._create(asked.said)
            case "POST", ["join", room]:
                found = self.aliases.get(room, room)
                if found not in self.members:
                    return self.no(404, "M_NOT_FOUND", "No known servers")
                self.members[found][US] = "join"
                return Told(200, {"room_id": found})
            case "PUT", ["rooms", room, "send", "m.room.message", key]:
                return self._send(room, key, asked.said)
            case "POST", ["user", _, "filter"]:
                self.filters.append(asked.said)
                return Told(200, {"filter_id": str(len(self.filters) - 1)})
            case "GET", ["sync"]:
                return self._sync(asked.query)
        return self.no(404, "M_UNRECOGNIZED", "Unrecognized request")

    def _create(self, said: dict[str, Any]) -> Told:
        if not set(said["invite"]) <= self.people:
            return self.no(403, "M_FORBIDDEN", "Cannot invite so many users at once" if len(said["invite"]) > 1 else "User not found")
        room = f"!direct{len(self.members)}:larkfield.example"
        self.members[room] = {US: "join", **dict.fromkeys(said["invite"], "invite")}
        return Told(200, {"room_id": room})

    def _send(self, room: str, key: str, said: dict[str, Any]) -> Told:
        if self.members.get(room, {}).get(US) != "join":
            return self.no(403, "M_FORBIDDEN", f"User {US} not in room {room}")
        if key not in self.transactions:
            self.transactions[key] = self.happens(room, US, "m.room.message", said)
        return Told(200, {"event_id": self.transactions[key]})

    def _sync(self, query: dict[str, str]) -> Told:
        wanted = self.filters[int(query["filter"])]["room"]
        since = int(query["since"].removeprefix("s")) if query.get("since") else 0
        rooms: dict[str, Any] = {}
        for event in self.events[since:]:
            fits = event["room_id"] in wanted["rooms"] and event["type"] in wanted["timeline"]["types"]
            if fits and event["sender"] not in wanted["timeline"]["not_senders"]:
                place = rooms.setdefault(event["room_id"], {"timeline": {"events": [], "limited": False, "prev_batch": "p"}})
                place["timeline"]["events"] = [*place["timeline"]["events"], event][-wanted["timeline"]["limit"] :]
        return Told(200, {"next_batch": f"s{len(self.events)}", "rooms": {"join": rooms}})

    # -- what people do there -------------------------------------------------------------------------------------------------

    def happens(self, room: str, sender: str, kind: str, content: dict[str, Any]) -> str:
        """An event of that kind; its id."""
        id = f"$event{len(self.events)}"
        self.events.append({"event_id": id, "room_id": room, "sender": sender, "type": kind, "content": content, "origin_server_ts": 1})
        return id

    def direct(self, person: str) -> str:
        """The newest direct room with that person."""
        return self.account_data["m.direct"][person][-1]

    def shown(self, room: str) -> dict[str, Any]:
        """Our newest message in a room."""
        return [event for event in self.events if event["room_id"] == room and event["sender"] == US][-1]

    def react(self, room: str, sender: str, sign: str) -> None:
        """Somebody puts a sign to our newest message."""
        relation = {"rel_type": "m.annotation", "event_id": self.shown(room)["event_id"], "key": sign}
        self.happens(room, sender, "m.reaction", {"m.relates_to": relation})

    def reply(self, room: str, sender: str, text: str) -> None:
        """Somebody answers our newest message, as older clients do it."""
        ours = self.shown(room)
        body = f"> <{US}> {ours['content']['body'].splitlines()[0]}\n\n{text}"
        self.happens(
            room,
            sender,
            "m.room.message",
            {"msgtype": "m.text", "body": body, "m.relates_to": {"m.in_reply_to": {"event_id": ours["event_id"]}}},
        )

    def write(self, room: str, sender: str, text: str) -> None:
        """Somebody writes something."""
        self.happens(room, sender, "m.room.message", {"msgtype": "m.text", "body": text})
