"""Did Twilio make this call? HMAC-SHA1 with the account's auth token over the address and the sorted fields of the form.

https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from tocsin.domain.ports import Callback, ForgedError

MOST_FIELDS = 200


def proven(call: Callback, token: str) -> dict[str, str]:
    """The fields of a call that Twilio signed with that token. Raises ForgedError."""
    signature = call.headers.get("x-twilio-signature", "")
    if not token or not signature:
        raise ForgedError("The call carries no signature of Twilio.")
    try:
        form = parse_qs(call.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (ValueError, UnicodeDecodeError) as error:
        raise ForgedError("The body is not a form.") from error
    # Twilio signs the address with or without its port, depending on the kind of call
    right = [hmac.compare_digest(signed(url, form, token), signature.encode()) for url in dict.fromkeys(_with_and_without_port(call.url))]
    if not any(right):
        raise ForgedError("The signature of Twilio does not hold: the auth token of the account or TOCSIN_URL may be another.")
    return {name: values[-1] for name, values in form.items()}


def signed(url: str, form: Mapping[str, Sequence[str]], token: str) -> bytes:
    """The signature of a call of that address with these fields."""
    text = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest())


def _with_and_without_port(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [url, parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()]
