"""A workspace: members, channels, messages; signed calls as Slack makes them when somebody presses a button."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier

from tests.stand_ins import Asked, StandIn, Told
from tests.stand_ins.slack_socket import APP_TOKEN, SlackSocket

TOKEN = "xoxb-1-of-larkfield"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5".replace("y", "a").replace("z", "b")
TEAM = "T0LARKFLD"


class Slack(StandIn):
    """Speaks the Web API; what it is sent must be what the SDK's own models accept."""

    def __init__(self) -> None:
        super().__init__()
        self.members = {"U0ANA1111": "ana@example.com", "U0BEN2222": "ben@example.com"}
        self.channels = {"C0OPS3333": "ops"}
        self.messages: dict[tuple[str, str], dict[str, Any]] = {}
        self.whispers: list[tuple[str, str, str]] = []  # channel, member, text
        self.token = TOKEN
        self.socket: SlackSocket | None = None

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def answer(self, asked: Asked) -> Told:
        method = asked.path.removeprefix("/api/")
        if method == "apps.connections.open":
            return self.apps_connections_open(asked.headers.get("authorization", ""))
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return self.no("invalid_auth")
        return getattr(self, method.replace(".", "_"), lambda said: self.no("unknown_method"))(asked.said)

    def no(self, word: str, **more: Any) -> Told:
        return Told(200, {"ok": False, "error": word, **more})

    def apps_connections_open(self, authorization: str) -> Told:
        if self.socket is None or authorization != f"Bearer {APP_TOKEN}":
            return self.no("invalid_auth" if self.socket else "not_allowed_token_type")
        return Told(200, {"ok": True, "url": self.socket.ticket()})

    def auth_test(self, said: dict[str, Any]) -> Told:
        return Told(
            200,
            {
                "ok": True,
                "url": "https://larkfield.slack.com/",
                "team": "Larkfield",
                "team_id": TEAM,
                "user_id": "U0BOT0000",
                "bot_id": "B1",
            },
        )

    def users_lookupByEmail(self, said: dict[str, Any]) -> Told:
        found = next((id for id, email in self.members.items() if email == said.get("email")), None)
        return Told(200, {"ok": True, "user": {"id": found, "team_id": TEAM}}) if found else self.no("users_not_found")

    def _place(self, channel: str) -> str | None:
        if channel in self.members:
            return "D" + channel[1:]
        known = {**{id: id for id in self.channels}, **{f"#{name}": id for id, name in self.channels.items()}}
        return known.get(channel) or (channel if channel.startswith("D") and "U" + channel[1:] in self.members else None)

    def _checked(self, said: dict[str, Any]) -> list[Any]:
        assert "blocks" in said or said["text"]
        said = {"blocks": [], **said}
        blocks = Block.parse_all(said["blocks"])
        for block in blocks:
            block.validate_json()
        assert len(blocks) == len(said["blocks"]) <= 50 and len(said["text"]) < 4000
        return blocks

    def chat_postMessage(self, said: dict[str, Any]) -> Told:
        place = self._place(said["channel"])
        if place is None:
            return self.no("channel_not_found")
        self._checked(said)
        stamp = f"17000000{len(self.messages):02d}.000100"
        self.messages[place, stamp] = said
        return Told(
            200, {"ok": True, "channel": place, "ts": stamp, "message": {"type": "message", "bot_id": "B1", "team": TEAM, "ts": stamp}}
        )

    def chat_update(self, said: dict[str, Any]) -> Told:
        if (said["channel"], said["ts"]) not in self.messages:
            return self.no("message_not_found")
        self._checked(said)
        self.messages[said["channel"], said["ts"]] = said
        return Told(200, {"ok": True, "channel": said["channel"], "ts": said["ts"], "text": said["text"]})

    def chat_postEphemeral(self, said: dict[str, Any]) -> Told:
        self.whispers.append((said["channel"], said["user"], said["text"]))
        return Told(200, {"ok": True, "message_ts": "1700000000.000999"})

    # -- what it does by itself -----------------------------------------------------------------------------------------------

    def shown(self, place: str) -> dict[str, Any]:
        """The newest message in a channel or direct message."""
        return [said for (where, _), said in self.messages.items() if where == place][-1]

    def buttons(self, said: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The buttons of a message by their label."""
        return {one["text"]["text"]: one for block in said["blocks"] if block["type"] == "actions" for one in block["elements"]}

    def pressed(self, label: str, place: str, member: str, *, team: str = TEAM, of_team: str = TEAM) -> bytes:
        """The body of the call that follows when a member presses a button of the newest message in a place."""
        (_, stamp), said = [(key, said) for key, said in self.messages.items() if key[0] == place][-1]
        button = self.buttons(said)[label]
        action = {
            "type": "button",
            "block_id": "b",
            "action_ts": stamp,
            **{name: button[name] for name in ("action_id", "text", "value") if name in button},
        }
        payload = {
            "type": "block_actions", "team": {"id": team, "domain": "larkfield"}, "user": {"id": member, "username": "somebody", "team_id": of_team},
            "api_app_id": "A1", "token": "old", "container": {"type": "message", "message_ts": stamp, "channel_id": place}, "trigger_id": "1.2.3",
            "channel": {"id": place, "name": "directmessage"}, "message": {"ts": stamp}, "response_url": f"{self.url}/actions/1", "actions": [action],
        }  # fmt: skip
        return urlencode({"payload": json.dumps(payload)}).encode()

    def written(self, member: str, text: str, *, event: str = "Ev1", team: str = TEAM, **more: Any) -> dict[str, Any]:
        """The event that follows when a member writes that in the app's direct messages."""
        place = "D" + member[1:]
        said = {
            "type": "message",
            "channel": place,
            "channel_type": "im",
            "user": member,
            "text": text,
            "ts": "1700000100.000100",
            "team": team,
            **more,
        }
        return {
            "token": "old", "team_id": team, "api_app_id": "A1", "event": said, "type": "event_callback", "event_id": event, "event_time": 1700000100,
            "authorizations": [{"team_id": team, "user_id": "U0BOT0000", "is_bot": True}], "is_ext_shared_channel": False,
        }  # fmt: skip


def signed(body: bytes, at: float, secret: str = SECRET) -> dict[str, str]:
    """The headers of a call, signed by the SDK."""
    stamp = str(int(at))
    proof = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": proof or "", "Content-Type": "application/x-www-form-urlencoded"}
