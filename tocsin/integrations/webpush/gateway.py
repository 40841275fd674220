"""How is a page pushed to a subscribed browser? Encrypted for it alone (RFC 8291), signed with the installation's keys (RFC 8292)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin import clock
from tocsin.domain.ports import Account, Answer, Callback, Field, Message, Outcome, Receipt, Reply, Report, Said, Sent
from tocsin.integrations import answers
from tocsin.integrations.webpush.subscription import read

KEPT_SECONDS = 1_800  # how long a push service keeps a page for a browser that it cannot reach
TOKEN_SECONDS = 3_600
LONGEST_TEXT = 2_000  # bytes; a push service takes 4,096 in all
LONGEST_TITLE = 300


class WebPushGateway:
    """The installation's key pair is the account; it is made when the first browser subscribes."""

    kind = "webpush"
    label = "Web Push"
    channel = "webpush"
    fields = (
        Field("public_key", "Public key", help="Browsers subscribe with it: another one ends every subscription."),
        Field("private_key", "Private key", secret=True),
        Field("contact", "Contact", required=False, help="mailto:you@example.com or an https address, for the push services' operators."),
    )

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """Whether the keys are a pair on P-256 and the contact one of the two forms."""
        wrong = {}
        try:
            if public_of(values["private_key"]) != values["public_key"]:
                wrong["public_key"] = "This is not the public key of that private key."
        except ValueError:
            wrong["private_key"] = "Give the 32 bytes of a P-256 private key in base64url."
        contact = values.get("contact", "")
        if contact and not contact.startswith(("mailto:", "https://")):
            wrong["contact"] = "Start with mailto: or https://."
        return wrong

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One push. 404 and 410 mean that the browser has ended its subscription; whether it was shown, the browser itself reports."""
        return _push(account, address, _payload(account, message, key), key, urgent=message.urgent)

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """A push with the page's tag and topic: it takes the page's place where that is shown, and while it still waits at the push service."""
        told = _payload(account, message, sent.key) | {
            "body": answers.cut(f"{note}\n{message.text}", LONGEST_TEXT),
            "acknowledge": "",
            "over": True,
        }
        return _push(account, sent.address, told, sent.key, urgent=True)  # a sleeping phone goes on showing the page otherwise

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply]:
        """The service worker says that it has shown the page. The signed address is the proof: only that browser could read it."""
        return [Report(Outcome.DELIVERED, "the browser has shown it")]

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """Nothing needs to be said."""
        return Answer(status=204)


def _push(account: Account, address: str, payload: dict[str, object], key: str, *, urgent: bool) -> Receipt:
    from pywebpush import WebPusher  # 0.6 s to import: where it is used

    subscription = read(address)
    body = WebPusher(subscription.plain).encode(json.dumps(payload).encode())["body"]
    headers = {
        "Authorization": authorization(account.values, subscription.endpoint, clock.real()), "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream", "TTL": str(KEPT_SECONDS), "Urgency": "high" if urgent else "normal", "Topic": key[:32],
    }  # fmt: skip
    answer = answers.ask("POST", subscription.endpoint, headers=headers, content=body)
    if isinstance(answer, Receipt):
        return answer
    if answer.status in (200, 201, 202, 204):
        return Receipt(Outcome.ACCEPTED, "the push service took it", provider_id=key, reports=True)
    if answer.status in (404, 410):
        return Receipt(Outcome.FAILED, "the browser has ended its subscription", gone=True)
    if answer.status in (401, 403):
        return Receipt(Outcome.FAILED, "the browser subscribed with other keys; subscribe it again", gone=True)
    return answers.refused(answer, answer.body[:200].decode("utf-8", "replace"))


def _payload(account: Account, message: Message, key: str) -> dict[str, object]:
    """What the service worker (web/static/tocsin/sw.js) reads."""
    return {
        "tag": key, "title": answers.cut(" ".join(message.title.split()), LONGEST_TITLE), "body": answers.cut(message.text, LONGEST_TEXT),
        "acknowledge": message.link, "open": message.facts.get("subject_url") or message.link or "/", "urgent": message.urgent,
        "shown": account.callback,
    }  # fmt: skip


def authorization(values: Mapping[str, str], endpoint: str, seconds: int) -> str:
    """The Authorization header for one push service: a token signed with the private key, good for an hour."""
    from py_vapid import Vapid02

    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": seconds + TOKEN_SECONDS,
        "sub": values.get("contact") or "mailto:tocsin@localhost",
    }
    return Vapid02.from_raw(values["private_key"].encode()).sign(claims)["Authorization"]


def new_keys() -> dict[str, str]:
    """A fresh key pair, base64url without padding."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    private = base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()
    return {"private_key": private, "public_key": public_of(private)}


def public_of(private: str) -> str:
    """The public key (uncompressed point, base64url) of a private one. Raises ValueError."""
    raw = base64.urlsafe_b64decode(private + "=" * (-len(private) % 4))
    if len(raw) != 32:
        raise ValueError("32 bytes are needed")
    point = ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1()).public_key()
    return base64.urlsafe_b64encode(
        point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    ).rstrip(b"=").decode()  # fmt: skip


GATEWAY = WebPushGateway()
