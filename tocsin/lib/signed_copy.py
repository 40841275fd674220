"""How does another machine know that a copy is ours and whole? Signed by Ed25519: it holds the public key, and needs no secret."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


class NotOursError(ValueError):
    """The signature is not that of this key, or the key is none."""


def _key(purpose: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(
        hmac.new(settings.SECRET_KEY.encode(), f"signed copy:{purpose}".encode(), hashlib.sha256).digest()
    )


def sign(text: str, *, purpose: str) -> str:
    """The signature of a text by this installation's key for that purpose, in base64."""
    return base64.b64encode(_key(purpose).sign(text.encode())).decode()


def public_key(purpose: str) -> str:
    """The key that proves such signatures, in base64; it may be known to everybody."""
    return base64.b64encode(_key(purpose).public_key().public_bytes_raw()).decode()


def verify(text: str, signature: str, key: str) -> None:
    """Raises NotOursError unless the text was signed by the owner of that public key."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True)).verify(
            base64.b64decode(signature, validate=True), text.encode()
        )
    except (InvalidSignature, ValueError) as error:
        raise NotOursError("the copy is not signed by the key that is known here") from error
