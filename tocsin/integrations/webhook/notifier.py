"""How is a page sent to a person's own web address? A JSON POST, signed as Standard Webhooks demand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from django.conf import settings

from tocsin import clock
from tocsin.domain.ports import Abilities, Message, Outcome, Receipt
from tocsin.integrations import answers
from tocsin.lib import http


class Webhook:
    """A POST through the guarded client. A 2xx answer is delivery: there is no better proof."""

    kind = "webhook"
    label = "Webhook"
    abilities = Abilities(receipts=True)

    def check_address(self, address: str) -> str:
        """The normalised URL. Raises ValueError."""
        return http.check_url(address)

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """One POST. 408, 425, 429 and 5xx are temporary (with the receiver's Retry-After); every other refusal, 3xx too, is permanent.

        No answer to a request that was sent is unknown: it may have arrived.
        """
        body = payload(message, key)
        stamp = clock.real()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(address, key, stamp, body),
        }
        answer = answers.ask("POST", address, headers=headers, content=body)
        if isinstance(answer, Receipt):
            return answer
        if 200 <= answer.status < 300:
            return Receipt(Outcome.DELIVERED, f"answered {answer.status}", provider_id=key)
        return answers.refused(answer)


def payload(message: Message, key: str) -> bytes:
    """The body: title, text, link, ack_url and facts; under 20 kB."""
    facts = message.facts
    plain = {
        "id": key, "type": f"page.{facts.get('kind', 'page')}", "title": message.title, "text": message.text,
        "link": facts.get("subject_url") or message.link, "ack_url": message.link or None, "urgent": message.urgent, "facts": facts,
    }  # fmt: skip
    return json.dumps(plain, default=str).encode()


def secret(address: str) -> str:
    """The signing secret of an address ("whsec_…"), derived from the installation's key, shown to the method's owner."""
    return "whsec_" + base64.b64encode(_secret_bytes(address)).decode()


def _secret_bytes(address: str) -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), f"webhook:{address}".encode(), hashlib.sha256).digest()


def sign(address: str, id: str, stamp: int, body: bytes) -> str:
    """The webhook-signature header: v1 and HMAC-SHA256 of "id.timestamp.body"."""
    proof = hmac.new(_secret_bytes(address), f"{id}.{stamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(proof.digest()).decode()


NOTIFIER = Webhook()
