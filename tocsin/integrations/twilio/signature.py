"""Did Twilio make this call? An HMAC over the address and the sorted fields of the form: SHA-1 with the account's auth token, or SHA-256 with
a shared key of webhooks where the account has one. A JSON body is proved by its hash in the address.

https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tocsin.domain.ports import Callback, ForgedError

MOST_FIELDS = 200


def proven(call: Callback, token: str, shared_key: str = "") -> dict[str, str]:
    """The fields of a call that Twilio signed with that auth token, or with that shared key where it says so. Raises ForgedError."""
    signature, by_key = call.headers.get("x-twilio-signature", ""), _is_by_key(call)
    secret = shared_key if by_key else token
    if not secret or not signature:
        raise ForgedError(
            "The call carries no signature of Twilio." if not signature else "Twilio signed with a key that the account does not have."
        )
    hashed = parse_qs(urlsplit(call.url).query).get("bodySHA256", [""])[0]
    form = {} if hashed else _form(call.body)
    # Twilio signs the address with or without its port, depending on the kind of call
    right = [
        hmac.compare_digest(signed(url, form, secret, hashlib.sha256 if by_key else hashlib.sha1), signature.encode())
        for url in dict.fromkeys(_with_and_without_port(call.url))
    ]
    whole = not hashed or hmac.compare_digest(hashlib.sha256(call.body).hexdigest().encode(), hashed.lower().encode())
    if not any(right) or not whole:
        raise ForgedError("The signature of Twilio does not hold: the auth token of the account or TOCSIN_URL may be another.")
    return _of_json(call.body) if hashed else {name: values[-1] for name, values in form.items()}


def _is_by_key(call: Callback) -> bool:
    said = call.headers.get("x-twilio-webhooks-signature-settings", "")
    return any(part.strip().upper() == "ALGORITHM=HMAC_SHA256" for part in said.split(","))


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (ValueError, UnicodeDecodeError) as error:
        raise ForgedError("The body is not a form.") from error


def _of_json(body: bytes) -> dict[str, str]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ForgedError("The body is not JSON.") from error
    return {str(name): str(value) for name, value in said.items() if isinstance(value, str | int)} if isinstance(said, dict) else {}


def signed(url: str, form: Mapping[str, Sequence[str]], secret: str, algorithm: Callable[..., Any] = hashlib.sha1) -> bytes:
    """The signature of a call of that address with these fields."""
    text = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), algorithm).digest())


def _with_and_without_port(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [url, parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()]
