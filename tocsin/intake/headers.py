"""What of a request is kept beside its body? The few headers that say what a body means or prove who sent it, and the query; never a key."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

import msgspec

# The content type is a column of its own. Not here: Authorization, Cookie, and headers whose value is a secret (X-Api-Key, X-Gitlab-Token).
KEPT = frozenset(
    name.encode() for name in (
        "user-agent", "x-event-key",
        "x-github-event", "x-github-delivery", "x-hub-signature-256", "x-gitlab-event", "x-gitlab-event-uuid",
        "x-pagerduty-signature", "x-grafana-alerting-signature", "x-tfe-notification-signature",
        "sentry-hook-resource", "sentry-hook-signature", "sentry-hook-timestamp", "linear-signature", "x-signature",
        "x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn", "x-amz-sns-rawdelivery",
        "webhook-id", "webhook-timestamp", "webhook-signature", "x-twilio-email-event-webhook-signature",
        "x-twilio-email-event-webhook-timestamp",
    )
)  # fmt: skip
CLOUD_EVENTS = b"ce-"
QUERY = ":query"  # kept among the headers, as HTTP/2 names what is not a header
MOST = 24
LONGEST, LONGEST_NAME, LONGEST_QUERY = 500, 60, 1_000  # characters
SECRET_ENDINGS = ("token", "secret", "password", "signature", "auth", "authorization", "apikey", "api_key", "api-key")
SECRET = ("key", "integration_key", "routing_key", "service_key", "sig")
NONE = "{}"


def kept(headers: list[tuple[bytes, bytes]], query: bytes) -> str:
    """The kept headers as a JSON object of texts by lower-case name; `:query` is the query without its secrets. `{}` where there are none."""
    found = [pair for pair in headers if pair[0] in KEPT or pair[0].startswith(CLOUD_EVENTS)]
    if not found and not query:
        return NONE
    return _encoded(tuple(found[:MOST]), query[: 4 * LONGEST_QUERY])


@lru_cache(maxsize=512)  # a sender's requests mostly bear the same ones
def _encoded(found: tuple[tuple[bytes, bytes], ...], query: bytes) -> str:
    read = {_text(name, LONGEST_NAME): _text(value, LONGEST) for name, value in found}
    if query and (shown := _shown(query)):
        read[QUERY] = shown
    return msgspec.json.encode(read).decode()


def _shown(query: bytes) -> str:
    try:
        fields = parse_qsl(_text(query, 4 * LONGEST_QUERY), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return ""
    return urlencode([(name, value) for name, value in fields if not _secret(name.lower())])[:LONGEST_QUERY]


def _secret(name: str) -> bool:
    return name in SECRET or name.endswith(SECRET_ENDINGS)


def _text(value: bytes, longest: int) -> str:
    return value[:longest].decode("latin-1").replace("\0", "")
