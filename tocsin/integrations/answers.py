"""How does a provider's answer over HTTP become a receipt? The part that is the same for all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tocsin.domain.ports import Outcome, Receipt
from tocsin.lib import http


def ask(method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes = b"") -> http.Answer | Receipt:
    """One request through the guarded client. A receipt where there is no answer: what was sent and not answered is unknown."""
    try:
        return http.request(method, url, headers=headers, content=content)
    except http.BlockedError as error:
        return Receipt(Outcome.FAILED, str(error))
    except http.UnreachableError as error:
        return Receipt(Outcome.UNKNOWN if error.sent else Outcome.RETRY, f"no answer: {error}")


def wrong_address(field: str, url: str) -> dict[str, str]:
    """What is wrong with the address in that field of an account, by the field; empty where it can be one."""
    try:
        http.check_url(url)
    except ValueError as error:
        return {field: str(error)}
    return {}


def refused(answer: http.Answer, reason: str = "", *, retry_after: float | None = None) -> Receipt:
    """The receipt of an answer that is no success: 408, 425, 429 and 5xx are temporary, with the provider's Retry-After; the rest is permanent."""
    words = f"answered {answer.status}" + (f": {reason[:300]}" if reason else "")
    if answer.status in (408, 425, 429) or answer.status >= 500:
        header = answer.headers.get("retry-after", "")
        return Receipt(Outcome.RETRY, words, retry_after=retry_after or (float(header) if header.isdigit() else None))
    return Receipt(Outcome.FAILED, words)


def plain(answer: http.Answer) -> dict[str, Any]:
    """The JSON object of an answer; empty where there is none."""
    return object_of(answer.body)


def object_of(body: str | bytes) -> dict[str, Any]:
    """The JSON object of a body; empty where there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def cut(text: str, most: int) -> str:
    """A text of at most `most` bytes of UTF-8; what is left out is marked with an ellipsis."""
    raw = text.encode()
    return text if len(raw) <= most else raw[: most - 3].decode("utf-8", "ignore") + "…"
