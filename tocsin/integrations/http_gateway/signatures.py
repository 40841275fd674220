"""Did the provider make this call? Each has its own way to sign; what they sign with is a secret of the account.

Vonage: developer.vonage.com, signed webhooks (JWT) and message signatures (`sig`). Plivo: plivo.com/docs, X-Plivo-Signature-V3 and V2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tocsin.domain.ports import Callback, ForgedError

FORGED = "The signature of the call does not hold."
OLDEST_CALL = 300  # seconds
MOST_PARAMETERS = 200
METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")  # of Vonage's account settings; the first one is no HMAC


def of_body(values: Mapping[str, str], call: Callback) -> None:
    """HMAC-SHA256 of the body in a header, as hex or Base64, where the account has a signing secret. Raises ForgedError."""
    secret = values.get("signing_secret", "")
    if not secret:
        return
    given = call.headers.get((values.get("signature_header") or "x-signature").lower(), "").removeprefix("sha256=").strip()
    proof = hmac.new(secret.encode(), call.body, hashlib.sha256)
    _right(given, proof.hexdigest(), base64.b64encode(proof.digest()).decode())


def of_vonage(values: Mapping[str, str], call: Callback) -> None:
    """A JWT over the hash of the body, or `sig` among the parameters, where the account has a signature secret. Raises ForgedError."""
    secret = values.get("signing_secret", "")
    if not secret:
        return
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        _prove_token(token.strip(), secret, values.get("user", ""), call)
        return
    fields = _fields(call)
    given, method = str(fields.pop("sig", "")).lower(), (values.get("signing_method") or "sha256").lower()
    text = "".join(f"&{name}={_plain(fields[name])}" for name in sorted(fields))
    if method == "md5hash":
        _right(given, hashlib.md5((text + secret).encode(), usedforsecurity=False).hexdigest())
    else:
        _right(given, hmac.new(secret.encode(), text.encode(), method).hexdigest())
    _fresh(fields.get("timestamp"), call)


def of_plivo(values: Mapping[str, str], call: Callback) -> None:
    """X-Plivo-Signature-V3 over address, fields and a nonce, else V2 over address and nonce, with the auth token. Raises ForgedError."""
    if values.get("signatures") != "required":
        return
    parts, secret = urlsplit(call.url), values.get("password", "").encode()
    place = parts._replace(query="", fragment="").geturl()
    if given := call.headers.get("x-plivo-signature-v3", ""):
        query = "&".join(
            f"{name}={value}" for name, found in sorted(parse_qs(parts.query, keep_blank_values=True).items()) for value in sorted(found)
        )
        fields = _form(call.body)
        text = place + ("?" if query or fields else "") + query + ("." if query and fields else "")
        text += "".join(f"{name}{value}" for name in sorted(fields) for value in sorted(fields[name]))
        text += f".{call.headers.get('x-plivo-signature-v3-nonce', '')}"
    else:
        given, text = call.headers.get("x-plivo-signature-v2", ""), place + call.headers.get("x-plivo-signature-v2-nonce", "")
    proof = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()
    if not secret or not any(hmac.compare_digest(one.strip().encode(), proof.encode()) for one in given.split(",")[:10]):
        raise ForgedError(FORGED)


def _right(given: str, *proofs: str) -> None:
    if not any(hmac.compare_digest(given.encode(), proof.encode()) for proof in proofs):
        raise ForgedError(FORGED)


def _fresh(stamp: Any, call: Callback) -> None:
    text = str(stamp or "")
    if not (text.isascii() and text.isdigit() and len(text) < 12) or abs(call.at.timestamp() - int(text)) > OLDEST_CALL:
        raise ForgedError("The call is more than five minutes old, or does not say when it was made.")


def _prove_token(token: str, secret: str, key: str, call: Callback) -> None:
    signed, _, given = token.rpartition(".")
    proof = base64.urlsafe_b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    _right(given, proof)
    head, claims = (_part(piece) for piece in [*signed.split("."), "", ""][:2])
    if head.get("alg") != "HS256" or claims.get("api_key", key) != key:
        raise ForgedError(FORGED)
    if call.body:
        _right(str(claims.get("payload_hash") or ""), hashlib.sha256(call.body).hexdigest())
    _fresh(claims.get("iat"), call)


def _part(piece: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _fields(call: Callback) -> dict[str, Any]:
    """The parameters of a call: of its address, and of its form or JSON."""
    query = dict(parse_qsl(urlsplit(call.url).query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    if call.headers.get("content-type", "").startswith("application/json"):
        try:
            said = json.loads(call.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ForgedError(FORGED) from error
        return {**query, **said} if isinstance(said, dict) else query
    return {**query, **{name: found[-1] for name, found in _form(call.body).items()}}


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise ForgedError(FORGED) from error


def _plain(value: Any) -> str:
    return str(value).replace("&", "_").replace("=", "_")
