"""A push service and a browser, as RFC 8030, 8188, 8291 and 8292 have them: checks who pushes, and reads what only the browser can."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from typing import Any

import http_ece
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.integrations.standing_in import Asked, StandIn


def plain64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Browser:
    """One subscription: the endpoint at the service, and the keys that the service never sees."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def subscription(self) -> str:
        point = self.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return json.dumps(
            {"endpoint": self.endpoint, "expirationTime": None, "keys": {"p256dh": plain64(point), "auth": plain64(self.secret)}}
        )

    def read(self, body: bytes) -> dict[str, Any]:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm"))


@dataclass
class PushService(StandIn):
    """Takes messages for the endpoints that exist and whose key signed them; 410 for those that were ended."""

    keys: dict[str, str] = field(default_factory=dict)  # path → the application server key it was subscribed with
    ended: set[str] = field(default_factory=set)

    def browser(self, key: str) -> Browser:
        path = f"/wpush/v2/{os.urandom(12).hex()}"
        self.keys[path] = key
        return Browser(self.url + path)

    def answer(self, asked: Asked) -> tuple[int, Any, dict[str, str]]:
        if asked.path in self.ended or asked.path not in self.keys:
            return 410, {"errno": 106, "message": "Request did not validate: no such subscription"}, {}
        if not self.signed(asked):
            return 403, {"errno": 109, "message": "the VAPID credentials do not match"}, {}
        needed = {"ttl", "content-encoding", "urgency", "topic"}
        if not needed <= set(asked.headers) or asked.headers["content-encoding"] != "aes128gcm" or len(asked.headers["topic"]) > 32:
            return 400, {"errno": 110, "message": "headers are missing"}, {}
        if len(asked.body) > 4096:
            return 413, {"errno": 104, "message": "the body is larger than 4096"}, {}
        return 201, b"", {"Location": f"{self.url}/m/1", "TTL": asked.headers["ttl"]}

    def signed(self, asked: Asked) -> bool:
        scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or parts.get("k") != self.keys[asked.path]:
            return False
        signed, _, proof = parts["t"].rpartition(".")
        head, claims = (json.loads(raw64(part)) for part in signed.split("."))
        raw = raw64(proof)
        signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw64(parts["k"]))
        key.verify(signature, signed.encode(), ec.ECDSA(hashes.SHA256()))
        return head["alg"] == "ES256" and claims["aud"] == self.url and claims["sub"].startswith(("mailto:", "https://"))
