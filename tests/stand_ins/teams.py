"""Microsoft's side of a Teams bot: the sign-in of Entra, the Bot Connector with its published keys, and people who write to the bot and press buttons."""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.stand_ins import Asked, StandIn, Told

APP, TENANT = "11111111-aaaa-3333-4444-555555555555", "99999999-bbbb-7777-6666-555555555555"
SECRET = "a~secret.of.larkfield"
ROOM = "19:c0ffee1234@thread.tacv2"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def id_of(name: str) -> str:
    """What Teams calls a person to this bot."""
    return f"29:1{name}-{'x' * 60}"


def chat_of(name: str) -> str:
    """The chat of a person and the bot."""
    return f"a:1{name}-{'y' * 100}"


class Teams(StandIn):
    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, bool] = {}  # those that were given out, and whether they are still good
        self.secret = SECRET
        self.activities: dict[tuple[str, str], dict[str, Any]] = {}  # by chat and id, in order
        self.rooms = {ROOM}
        self.joined: set[str] = set()  # who has begun a chat with the bot
        self.blocked: set[str] = set()
        self.kid, self.key = "key-1", KEY
        self.endorsements = ["msteams", "webchat"]
        self.numbers = itertools.count(1_700_000_000_000)

    @property
    def service(self) -> str:
        return f"{self.url}/emea/"

    @property
    def values(self) -> dict[str, str]:
        return {
            "app_id": APP, "secret": SECRET, "tenant": TENANT, "service": self.service, "login": self.url,
            "keys": f"{self.url}/v1/.well-known/openidconfiguration",
        }  # fmt: skip

    def asked_for(self, ending: str) -> int:
        return sum(one.path.endswith(ending) for one in self.asked)

    def no(self, status: int, code: str, message: str) -> Told:
        return Told(status, {"error": {"code": code, "message": message}})

    def answer(self, asked: Asked) -> Told:
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["v1", ".well-known", "openidconfiguration"]:
                keys = f"{self.url}/v1/.well-known/keys"
                return Told(
                    200, {"issuer": "https://api.botframework.com", "jwks_uri": keys, "id_token_signing_alg_values_supported": ["RS256"]}
                )
            case "GET", ["v1", ".well-known", "keys"]:
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
                plain = {name: public[name] for name in ("kty", "n", "e")}
                return Told(200, {"keys": [{**plain, "use": "sig", "kid": self.kid, "x5t": self.kid, "endorsements": self.endorsements}]})
            case "POST", [tenant, "oauth2", "v2.0", "token"]:
                return self._token(tenant, asked.said)
            case _, ["emea", "v3", "conversations", chat, "activities", *rest]:
                return self._activity(asked, chat, rest)
        return Told(404, b"")

    def _token(self, tenant: str, form: dict[str, str]) -> Told:
        if tenant.lower() != TENANT or form["client_id"].lower() != APP:
            why = f"AADSTS700016: Application with identifier '{form['client_id']}' was not found in the directory.\r\nTrace ID: 1"
            return Told(400, {"error": "unauthorized_client", "error_description": why})
        if form["client_secret"] != self.secret:
            why = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nTimestamp: now"
            return Told(401, {"error": "invalid_client", "error_description": why})
        assert form["grant_type"] == "client_credentials" and form["scope"] == "https://api.botframework.com/.default"
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = True
        return Told(200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    def _activity(self, asked: Asked, chat: str, rest: list[str]) -> Told:
        if not self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer ")):
            return Told(401, {"message": "Authorization has been denied for this request."})
        if chat in self.blocked:
            return self.no(403, "MessageWritesBlocked", "User blocked the conversation with the bot.")
        if chat.partition(";")[0] not in self.rooms | self.joined:
            return self.no(404, "ConversationNotFound", "Conversation not found.")
        said = asked.said
        assert said["type"] == "message" and len(asked.body) < 28_000
        for one in said.get("attachments", ()):
            card = one["content"]
            assert one["contentType"] == "application/vnd.microsoft.card.adaptive" and card["type"] == "AdaptiveCard" and card["body"]
            for action in card["actions"]:
                assert ("data" in action) is (action["type"] == "Action.Submit") and ("url" in action) is (
                    action["type"] == "Action.OpenUrl"
                )
        match asked.method, rest:
            case "POST", []:
                id = str(next(self.numbers))
                self.activities[chat, id] = {**said, "id": id}
                return Told(201, {"id": id})
            case "PUT", [id] if (chat, id) in self.activities:
                self.activities[chat, id] = said
                return Told(200, {"id": id})
        return self.no(404, "ActivityNotFoundInConversation", "Activity not found.")

    # -- what is seen there -----------------------------------------------------------------------------------------------------

    def shown(self, chat: str) -> dict[str, Any]:
        """The newest activity of a chat, or of the chat with the person of that name."""
        place = chat if chat in self.rooms else chat_of(chat)
        return [said for (there, _), said in self.activities.items() if there == place][-1]

    def card(self, chat: str) -> dict[str, Any]:
        """The newest card there."""
        place = chat if chat in self.rooms else chat_of(chat)
        return [
            said["attachments"][0]["content"] for (there, _), said in self.activities.items() if there == place and "attachments" in said
        ][-1]

    def buttons(self, chat: str) -> list[str]:
        return [one["title"] for one in self.card(chat)["actions"]]

    def words(self, chat: str) -> str:
        """All texts of the newest card."""
        return "\n".join(run["text"] for line in self.card(chat)["body"] for run in line["inlines"])

    # -- what it does by itself -------------------------------------------------------------------------------------------------

    def activity(self, name: str, chat: str = "", **more: Any) -> dict[str, Any]:
        """What somebody does, as the Bot Connector brings it."""
        if not chat:
            self.joined.add(chat_of(name))
        where = {"id": chat or chat_of(name), "tenantId": TENANT, "conversationType": "channel" if chat else "personal"}
        return {
            "type": "message", "id": str(next(self.numbers)), "channelId": "msteams", "serviceUrl": self.service, "conversation": where,
            "from": {"id": id_of(name), "name": name.capitalize(), "aadObjectId": TENANT}, "recipient": {"id": f"28:{APP}", "name": "Tocsin"},
            "channelData": {"tenant": {"id": TENANT}}, **more,
        }  # fmt: skip

    def written(self, name: str, text: str, chat: str = "", **more: Any) -> dict[str, Any]:
        return self.activity(name, chat, text=text, textFormat="plain", **more)

    def pressed(self, label: str, chat: str, name: str) -> dict[str, Any]:
        """A button of the newest card of a chat (a room's ID, or the name of whose it is), pressed by a person. In a channel the card's thread
        is the conversation."""
        action = next(one for one in self.card(chat)["actions"] if one["title"] == label)
        return self.activity(name, f"{chat};messageid=1" if chat in self.rooms else "", value=action["data"])

    def signed(self, activity: dict[str, Any], now: datetime, **claims: Any) -> tuple[bytes, dict[str, str]]:
        """The body, and the headers that prove it."""
        at = int(now.timestamp())
        told = {
            "serviceurl": activity["serviceUrl"],
            "iss": "https://api.botframework.com",
            "aud": APP,
            "nbf": at,
            "exp": at + 3600,
            **claims,
        }
        token = jwt.encode(told, self.key, algorithm="RS256", headers={"kid": self.kid, "x5t": self.kid})
        return json.dumps(activity).encode(), {"authorization": f"Bearer {token}"}
