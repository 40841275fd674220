"""A Mattermost server: users, channels, posts; it calls a post's buttons as Mattermost does, and hides where they lead from people."""

from __future__ import annotations

import json
from typing import Any

from tests.stand_ins import Asked, StandIn, Told

TOKEN = "bot-token-of-larkfield"


def id_of(name: str) -> str:
    """An id of Mattermost's form."""
    return (name + "x" * 26)[:26]


BOT = id_of("bot")


class Mattermost(StandIn):
    def __init__(self) -> None:
        super().__init__()
        self.users = {"ana": "ana@example.com", "ben": "ben@example.com"}
        self.rooms = {"payments/ops": id_of("ops")}
        self.posts: dict[str, dict[str, Any]] = {}
        self.token = TOKEN

    def no(self, status: int, id: str, message: str) -> Told:
        return Told(status, {"id": id, "message": message, "detailed_error": "", "request_id": "r", "status_code": status})

    def answer(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return self.no(401, "api.context.session_expired.app_error", "Invalid or expired session, please login again.")
        match asked.method, asked.path.removeprefix("/api/v4/").split("/"):
            case "GET", ["users", "me"]:
                return Told(200, {"id": BOT, "username": "tocsin", "is_bot": True})
            case "GET", ["users", "username", name] if name in self.users:
                return Told(200, {"id": id_of(name), "username": name})
            case "GET", ["users", "email", email] if email in self.users.values():
                return Told(200, {"id": id_of(next(name for name, own in self.users.items() if own == email))})
            case "GET", ["users", *_]:
                return self.no(404, "app.user.missing_account.const", "Unable to find the user.")
            case "GET", ["teams", "name", team, "channels", "name", name] if f"{team}/{name}" in self.rooms:
                return Told(200, {"id": self.rooms[f"{team}/{name}"], "type": "O"})
            case "GET", ["teams", *_]:
                return self.no(404, "app.channel.get_by_name.missing.app_error", "Channel does not exist.")
            case "POST", ["channels", "direct"]:
                bot, user = json.loads(asked.body)
                assert bot == BOT
                return Told(201, {"id": id_of("dm" + user[:10]), "type": "D"})
            case "POST", ["posts"]:
                return self._post(asked.said)
            case "PUT", ["posts", id, "patch"] if id in self.posts:
                self.posts[id] |= asked.said
                return Told(200, self.posts[id])
        return self.no(404, "api.context.404.app_error", "Sorry, we could not find the page.")

    def _post(self, said: dict[str, Any]) -> Told:
        again = next((id for id, post in self.posts.items() if post["pending_post_id"] == said["pending_post_id"]), None)
        id = again or id_of(f"post{len(self.posts)}")
        assert len(said["message"]) <= 16383 and len(said["channel_id"]) == 26
        for one in said["props"]["attachments"]:
            for button in one.get("actions", ()):  # as the server demands it
                assert button["id"].isalnum() and button["integration"]["url"].startswith("http")
        self.posts[id] = {"id": id, **said}
        return Told(201, self.posts[id])

    # -- what it does by itself -----------------------------------------------------------------------------------------------

    def shown(self, room: str) -> dict[str, Any]:
        """The newest post of a channel or, by a person's name, of their direct messages."""
        place = self.rooms.get(room) or id_of("dm" + id_of(room)[:10])
        return [post for post in self.posts.values() if post["channel_id"] == place][-1]

    def pressed(self, label: str, room: str, name: str) -> tuple[str, bytes]:
        """The address that the server calls when somebody presses a button, and the body; nothing is signed."""
        post = self.shown(room)
        button = next(one for one in post["props"]["attachments"][0]["actions"] if one["name"] == label)
        said = {
            "user_id": id_of(name), "user_name": name, "channel_id": post["channel_id"], "post_id": post["id"], "trigger_id": "t", "type": "button",
            "data_source": "", "team_id": "", "context": button["integration"]["context"],
        }  # fmt: skip
        return button["integration"]["url"], json.dumps(said).encode()
