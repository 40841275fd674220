"""How is a source of a kind set up: at which address, by which words, with which sample to try it?"""

from __future__ import annotations

import json
from typing import Any

from tocsin.integrations.registry import SOURCES

TEST = "x-tocsin-test"  # the header that marks a sample sent from the page; no sender can bring it, for it is not among the kept ones
# How the key comes where neither address nor body carries it.
SCHEMES = {"alertmanager_api_v2": "Bearer", "opsgenie_alert_api": "GenieKey"}
# Kinds whose senders bring a path of their own: the protocol that it is kept as, and the path.
OWN: dict[str, tuple[str, str]] = {
    "alertmanager_api_v2": ("alertmanager_api", "/api/v2/alerts"),
    "pagerduty_events_v2": ("pagerduty", "/v2/enqueue"),
    "opsgenie_alert_api": ("opsgenie", "/v2/alerts"),
    "victorops": ("victorops", "/integrations/generic/20131114/alert/{key}"),
    "grafana_oncall": ("in", "/integrations/v1/formatted_webhook/{key}/"),
    "change": ("change", "/in/{key}/change"),
    "pagerduty_change_events": ("pagerduty_change", "/v2/change/enqueue"),
}


def protocol_of(kind: str) -> str:
    """The protocol that a message of this kind is kept as."""
    return OWN[kind][0] if kind in OWN else "in"


def address_of(kind: str, url: str, key: str) -> str:
    """Where its messages are sent to; `url` is the address of the server, `key` the integration's, or {key} where it is not to be shown."""
    return url + (OWN[kind][1] if kind in OWN else "/in/{key}").replace("{key}", key)


def shown(kind: str, url: str, key: str = "{key}") -> dict[str, Any]:
    """Everything a person needs to set the kind up, the addresses filled in."""
    source = SOURCES[kind]
    scheme, _, host = url.partition("://")
    address = address_of(kind, url, key)
    return {
        "kind": kind, "label": source.label, "category": source.category, "address": address, "docs": source.docs or None,
        "set_up": source.about.format(address=address, url=url, host=host, scheme=scheme, key=key), "sample": sample_of(kind, key),
        "curl": curl_of(kind, url, key),
    }  # fmt: skip


def sample_of(kind: str, key: str) -> Any:
    """A body as the product sends it, with the key where the body carries one."""
    return json.loads(json.dumps(SOURCES[kind].sample).replace('"{key}"', json.dumps(key)))


def curl_of(kind: str, url: str, key: str) -> str:
    """The command that sends the sample."""
    proof = f"-H 'Authorization: {SCHEMES[kind]} {key}' " if kind in SCHEMES else ""
    body = json.dumps(sample_of(kind, key)).replace("'", "'\\''")
    return f"curl -H 'Content-Type: application/json' {proof}\\\n  -d '{body}' \\\n  {address_of(kind, url, key)}"
