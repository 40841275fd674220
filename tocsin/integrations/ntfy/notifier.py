"""How is a page sent by ntfy? A message of the highest priority with a button that acknowledges by our signed link.

https://docs.ntfy.sh/publish/ - the address is the topic's, with an access token before the host where the server demands one.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import unquote, urlsplit

from tocsin.domain.ports import Abilities, Account, Message, Outcome, Receipt, Sent
from tocsin.integrations import answers
from tocsin.lib import http

PUBLIC_SERVER = "https://ntfy.sh"
TOPIC = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
SHORTEST_PUBLIC_TOPIC = 12  # on a server where everybody may read every topic, its name is the only secret
LONGEST_TEXT = 3_500  # bytes; from 4,096 on a server would turn it into a file
LONGEST_TITLE = 250
URGENT, CALM, QUIET = 5, 3, 2  # the last makes no sound
WRONG = "Give the topic's address, such as https://ntfy.sh/my-long-secret-topic; where the server demands a token: https://TOKEN@ntfy.example.com/topic."


class Ntfy:
    """Messages to one topic. A server of one's own on a private address has to be on TOCSIN_EGRESS_ALLOW."""

    kind = "ntfy"
    label = "ntfy"
    abilities = Abilities(
        wakes=True, two_way=True, note="Pierces do-not-disturb on Android where its owner allows it for the app; on an iPhone it does not.",
    )  # fmt: skip

    def check_address(self, address: str) -> str:
        """The topic's URL; a bare topic is one of ntfy.sh. Raises ValueError."""
        address = address.strip().rstrip("/")
        if TOPIC.match(address):
            address = f"{PUBLIC_SERVER}/{address}"
        server, topic, _ = _parts(address)
        try:
            http.check_url(f"{server}/{topic}")
        except ValueError as error:
            raise ValueError(WRONG) from error
        if not TOPIC.match(topic):
            raise ValueError(WRONG)
        if server == PUBLIC_SERVER and len(topic) < SHORTEST_PUBLIC_TOPIC:
            raise ValueError(
                f"Everybody can read a topic of ntfy.sh who knows its name: choose one of {SHORTEST_PUBLIC_TOPIC} characters or more."
            )
        return address

    def visible(self, address: str) -> str:
        """The topic's URL without the token."""
        server, topic, _ = _parts(address)
        return f"{server}/{topic}"

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """One message. A second attempt carries the same sequence id, so that a phone shows it in place of the first (ntfy 2.16)."""
        return _publish(address, _body(message, key))

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """The same sequence id again: on the phone who has it takes the place of the page, without a sound (before ntfy 2.16: beside it)."""
        body = _body(message, sent.key)
        told = {"message": answers.cut(f"{note}\n{message.text}", LONGEST_TEXT), "priority": QUIET, "tags": ["white_check_mark"]}
        return _publish(sent.address, {name: body[name] for name in body if name not in ("actions", "click")} | told | _open(message))


def _publish(address: str, body: dict[str, object]) -> Receipt:
    server, topic, login = _parts(address)
    headers = {"Content-Type": "application/json"} | ({"Authorization": login} if login else {})
    answer = answers.ask("POST", f"{server}/", headers=headers, content=json.dumps({"topic": topic, **body}).encode())
    if isinstance(answer, Receipt):
        return answer
    said = answers.plain(answer)
    if answer.status == 200 and said.get("id"):
        return Receipt(Outcome.ACCEPTED, "the ntfy server took it", provider_id=str(said["id"]))
    if answer.status == 200:
        return Receipt(Outcome.FAILED, "what answered is no ntfy server")
    return answers.refused(answer, str(said.get("error", "")))


def _parts(address: str) -> tuple[str, str, str]:
    """The server, the topic and the Authorization header ("": none) of an address."""
    parts = urlsplit(address)
    place, _, topic = parts.path.rpartition("/")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    login = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if password else f"Bearer {user}" if user else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{place}", topic, login


def _body(message: Message, key: str) -> dict[str, object]:
    body: dict[str, object] = {
        "title": answers.cut(" ".join(message.title.split()), LONGEST_TITLE), "message": answers.cut(message.text, LONGEST_TEXT),
        "priority": URGENT if message.urgent else CALM, "tags": ["rotating_light" if message.urgent else "bell"], "sequence_id": key,
    } | _open(message)  # fmt: skip
    if message.link:
        press = {"action": "http", "label": "Acknowledge", "url": message.link, "method": "POST", "clear": True}
        body |= {"click": message.link, "actions": [press, *_list(body.get("actions"))]}
    return body


def _open(message: Message) -> dict[str, object]:
    """The button and the tap that open the alert or incident, where there is one."""
    where = message.facts.get("subject_url")
    return {"click": where, "actions": [{"action": "view", "label": "Open", "url": where}]} if where else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


NOTIFIER = Ntfy()
