"""Which address is spoken to, in which protocol, and what takes the request? One table; the longest literal match is looked at first."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from tocsin.intake import alertmanager, any_source, changes, opsgenie, pagerduty, pings, victorops
from tocsin.intake.request import Protocol, Take


class Address(NamedTuple):
    """A path, where `{name}` stands for one piece of it, and what takes a request by its method."""

    path: str
    protocol: Protocol
    takes: dict[str, Take]


def _either(take: Take) -> dict[str, Take]:
    """Whatever a cron line or a script can send."""
    return {"GET": take, "POST": take}


# The first parts of all paths below: whatever begins so is the intake's.
PREFIXES = (
    "/in/", "/v2/", "/v1/json/", "/api/v2/", "/generic/2010-04-15/", "/integrations/v1/", "/integrations/generic/", "/alert/", "/-/", "/ping/",
    "/betterstack/", "/integration/",
)  # fmt: skip
# What is older than our own API at the same address; only POST is the intake's there.
SHARED = "/api/v1/alerts"
WHOLE = (
    b"/in/",
    b"/in?",
    b"/v2/enqueue",
    b"/v2/alerts",
    b"/api/v2/alerts",
)  # where most events go: those paths hold nothing but the intake's
TABLE = (
    Address("/in", any_source.PROTOCOL, {"OPTIONS": any_source.may_send, "POST": any_source.take}),
    Address("/in/{key}", any_source.PROTOCOL, {"GET": any_source.take_query, "OPTIONS": any_source.may_send, "POST": any_source.take}),
    Address("/in/{key}/change", any_source.PROTOCOL, {"POST": changes.take}),
    Address("/in/{key}/api/v2/alerts", alertmanager.PROTOCOL, {"POST": alertmanager.take_alerts}),
    Address("/in/{key}/heartbeat", pings.PROTOCOL, _either(pings.take_in)),
    Address("/in/{key}/heartbeat/{name}", pings.PROTOCOL, _either(pings.take_in)),
    Address("/in/{key}/heartbeat/{name}/{signal}", pings.PROTOCOL, _either(pings.take_in)),
    Address("/ping/{token}", pings.PROTOCOL, _either(pings.take_ping)),
    Address("/ping/{token}/{name}", pings.PROTOCOL, _either(pings.take_ping)),
    Address("/ping/{token}/{name}/{signal}", pings.PROTOCOL, _either(pings.take_ping)),
    Address("/betterstack/api/v1/heartbeat/{token}", pings.PROTOCOL, _either(pings.take_ping)),
    Address("/betterstack/api/v1/heartbeat/{token}/{name}", pings.PROTOCOL, _either(pings.take_ping)),
    Address(
        "/v2/heartbeats/{name}/ping",
        pings.OPSGENIE,
        {**_either(pings.take_opsgenie), "PATCH": pings.take_opsgenie, "PUT": pings.take_opsgenie},
    ),
    Address("/v2/enqueue", pagerduty.PROTOCOL, {"POST": pagerduty.take_event}),
    Address("/integration/{key}/enqueue", any_source.PROTOCOL, {"POST": any_source.take}),
    Address("/v2/change/enqueue", pagerduty.PROTOCOL, {"POST": pagerduty.take_change}),
    Address("/generic/2010-04-15/create_event.json", pagerduty.PROTOCOL_V1, {"POST": pagerduty.take_v1}),
    Address("/v2/alerts", opsgenie.PROTOCOL, {"POST": opsgenie.create, "GET": opsgenie.alerts}),
    Address("/v2/alerts/count", opsgenie.PROTOCOL, {"GET": opsgenie.count}),
    Address("/v2/alerts/requests/{request}", opsgenie.PROTOCOL, {"GET": opsgenie.outcome}),
    Address("/v2/alerts/{identifier}", opsgenie.PROTOCOL, {"GET": opsgenie.get, "DELETE": opsgenie.act}),
    Address("/v2/alerts/{identifier}/actions/{name}", opsgenie.PROTOCOL, {"POST": opsgenie.custom}),
    Address("/v2/alerts/{identifier}/{action}", opsgenie.PROTOCOL, dict.fromkeys(opsgenie.ACTIONS, opsgenie.act)),
    Address("/v1/json/alert", opsgenie.PROTOCOL, {"POST": opsgenie.gone, "GET": opsgenie.gone}),
    Address("/v1/json/alert/{action}", opsgenie.PROTOCOL, {"POST": opsgenie.gone, "GET": opsgenie.gone}),
    Address("/v1/json/{type}", any_source.PROTOCOL, {"POST": any_source.take}),
    Address("/integrations/v1/{type}/{key}", any_source.PROTOCOL, {"POST": any_source.take}),
    Address("/integrations/v1/{type}/{key}/heartbeat", pings.PROTOCOL, _either(pings.take_in)),
    Address("/integrations/generic/20131114/alert/{key}", victorops.PROTOCOL, {"POST": victorops.take}),
    Address("/integrations/generic/20131114/alert/{key}/{routing_key}", victorops.PROTOCOL, {"POST": victorops.take}),
    Address("/alert/{key}", victorops.PROTOCOL, {"POST": victorops.take}),
    Address("/alert/{key}/{routing_key}", victorops.PROTOCOL, {"POST": victorops.take}),
    Address("/api/v2/alerts", alertmanager.PROTOCOL, {"POST": alertmanager.take_alerts, "GET": alertmanager.alerts}),
    Address(SHARED, alertmanager.PROTOCOL, {"POST": alertmanager.take_alerts_v1}),
    Address("/api/v2/alerts/groups", alertmanager.PROTOCOL, {"GET": alertmanager.groups}),
    Address("/api/v2/receivers", alertmanager.PROTOCOL, {"GET": alertmanager.receivers}),
    Address("/api/v2/silences", alertmanager.PROTOCOL, {"GET": alertmanager.silences, "POST": alertmanager.save_silence}),
    Address("/api/v2/silence/{id}", alertmanager.PROTOCOL, {"GET": alertmanager.silence, "DELETE": alertmanager.end_silence}),
    Address("/api/v2/status", alertmanager.PROTOCOL, {"GET": alertmanager.status}),
    Address("/-/healthy", alertmanager.PROTOCOL, {"GET": alertmanager.healthy}),
    Address("/-/ready", alertmanager.PROTOCOL, {"GET": alertmanager.ready}),
)

_EXACT = {address.path: address for address in TABLE if "{" not in address.path}
_PATTERNS: dict[str, list[tuple[re.Pattern[str], Address]]] = {}
for _address in TABLE:
    if "{" in _address.path:
        _shape = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", _address.path))
        _PATTERNS.setdefault(_address.path.split("/")[1], []).append((_shape, _address))


def is_ours(method: str, path: str) -> bool:
    """Is such a request the intake's? A few of Opsgenie's addresses below `/v2/` are not, see asgi."""
    if path.startswith(PREFIXES):
        return True
    path = path.rstrip("/")
    return path == "/in" or (method == "POST" and path == SHARED)


def find(path: str) -> tuple[Address, dict[str, str]] | None:
    """The address of a path as it was sent (percent-encoded: a piece may hold an encoded slash), and the pieces that it names, decoded once."""
    if (exact := _EXACT.get(path)) is not None:
        return exact, {}
    path = path.rstrip("/")
    if (exact := _EXACT.get(path)) is not None:
        return exact, {}
    for shape, address in _PATTERNS.get(path[1:].partition("/")[0], ()):
        if found := shape.fullmatch(path):
            return address, {name: unquote(piece) for name, piece in found.groupdict().items()}
    return None
