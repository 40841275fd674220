"""What does a browser hand over when it subscribes, and is it a subscription that can be sent to?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from tocsin.domain.ports import Abilities
from tocsin.integrations.channel import Channel
from tocsin.lib import http

LONGEST_ENDPOINT = 2_000
WRONG = "A push subscription is what the browser gives as JSON: endpoint and keys (p256dh, auth)."


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where to send, and the browser's keys (base64url) by which only it can read."""

    endpoint: str
    p256dh: str
    auth: str

    @property
    def plain(self) -> dict[str, object]:
        """As the browser gave it."""
        return {"endpoint": self.endpoint, "keys": {"p256dh": self.p256dh, "auth": self.auth}}


def read(text: str) -> Subscription:
    """A subscription from its JSON. Raises ValueError with a sentence."""
    try:
        plain = json.loads(text)
        found = Subscription(plain["endpoint"], plain["keys"]["p256dh"], plain["keys"]["auth"])
        key, secret = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (found.p256dh, found.auth))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        http.check_url(found.endpoint, longest=LONGEST_ENDPOINT)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ValueError(WRONG) from error
    if len(secret) != 16:
        raise ValueError(WRONG)
    return found


class WebPush(Channel):
    """The kind of contact method; sending is the gateway's, with the installation's keys."""

    def visible(self, address: str) -> str:
        """The push service's host and a mark of the endpoint."""
        endpoint = read(address).endpoint
        return f"{urlsplit(endpoint).hostname} {mark(endpoint)}"


def mark(endpoint: str) -> str:
    """What tells one endpoint from another without showing it."""
    return hashlib.sha256(endpoint.encode()).hexdigest()[:12]


ABILITIES = Abilities(
    wakes=True, two_way=True, receipts=True,
    note="Wakes the phone and shows a button, but obeys do-not-disturb. On an iPhone only from Tocsin on the home screen.",
)  # fmt: skip
NOTIFIER = WebPush("webpush", "Web Push", ABILITIES, lambda address: json.dumps(read(address).plain, sort_keys=True))
