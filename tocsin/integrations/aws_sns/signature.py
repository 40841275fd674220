"""Did Amazon SNS send this message? Its signature, its age, and the hosts that certificates and confirmations may come from.

Wire format: docs.aws.amazon.com/sns "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from tocsin.integrations import reading

OLDEST = timedelta(hours=1)  # Amazon gives up delivering after as long
_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_VERSIONS = {"1": SHA1, "2": SHA256}
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_HANDSHAKE = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def is_endpoint(url: Any, stand_ins: Collection[str] = ()) -> bool:
    """Does an address lead to Amazon SNS by https, or to one of the `host:port` that stand in for it?"""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.username or parts.password:
        return False
    if parts.netloc.lower() in stand_ins and parts.scheme in ("http", "https"):
        return True
    return parts.scheme == "https" and port in (None, 443) and bool(_HOST.fullmatch(parts.hostname or ""))


def certificate_url(envelope: dict[str, Any]) -> str:
    """Where its certificate lies; Lambda spells it in its own way."""
    found = envelope.get("SigningCertURL") or envelope.get("SigningCertUrl")
    return found if isinstance(found, str) else ""


def problem(envelope: dict[str, Any], at: datetime, stand_ins: Collection[str] = ()) -> str:
    """Why a message that came at `at` cannot be Amazon's, before its certificate is looked at; empty where nothing speaks against it."""
    if not isinstance(envelope.get("Signature"), str):
        return "it bears no signature (raw message delivery bears none)"
    if envelope.get("SignatureVersion") not in _VERSIONS:
        return "its signature version is neither 1 nor 2"
    url = certificate_url(envelope)
    if not is_endpoint(url, stand_ins) or not urlsplit(url).path.endswith(".pem") or len(url) > 500:
        return "its certificate does not lie at Amazon SNS"
    sent = reading.time(envelope.get("Timestamp"), at)
    if sent is None:
        return "it does not say when it was sent"
    return "it is older than an hour" if at - sent > OLDEST else ""


def signed(envelope: dict[str, Any]) -> bytes:
    """The text that is signed: the names and values that count, line by line."""
    names = _NOTIFICATION if envelope.get("Type") == "Notification" else _HANDSHAKE
    return "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None).encode("utf-8", "replace")


def is_genuine(envelope: dict[str, Any], pem: str, at: datetime) -> bool:
    """Is its signature that of the certificate, and was that in force at `at`?"""
    try:
        key, begins, ends = _key(pem)
        key.verify(
            base64.b64decode(envelope["Signature"], validate=True), signed(envelope), PKCS1v15(), _VERSIONS[envelope["SignatureVersion"]]()
        )
    except (InvalidSignature, binascii.Error, ValueError, UnsupportedAlgorithm):
        return False
    return begins - timedelta(minutes=5) <= at <= ends  # clocks differ


def is_certificate(pem: str) -> bool:
    """Can it be read, as that of an RSA key?"""
    try:
        _key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


@lru_cache(maxsize=32)
def _key(pem: str) -> tuple[RSAPublicKey, datetime, datetime]:
    certificate = load_pem_x509_certificate(pem.encode())
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not the certificate of an RSA key")
    return key, certificate.not_valid_before_utc, certificate.not_valid_after_utc
