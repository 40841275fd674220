"""What does a notification in the form of Nagios say: about a host or a service, under whatever names a script gives the macros?"""

from __future__ import annotations

import re
from typing import Any

from tocsin.domain.alerts import Event, EventStatus, SourceSeverity
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_item import event, first, joined, unknown_state

TYPES: dict[str, EventStatus] = {"problem": "firing", "recovery": "resolved", "acknowledgement": "acknowledged"}
QUIET = ("flapping", "downtime", "custom", "alerthandler", "test")
GOOD = ("ok", "up", "0")
SEVERITIES: dict[str, SourceSeverity] = {
    "critical": "critical", "crit": "critical", "down": "critical", "2": "critical", "unreachable": "error", "unreach": "error",
    "warning": "warning", "warn": "warning", "1": "warning", "unknown": "warning", "unkn": "warning", "3": "warning",
}  # fmt: skip
_PREFIX = re.compile(r"^(nagios|icinga|notify|omd|naemon|arg)_+", re.I)


def _plain(item: dict[str, Any], before: str = "") -> dict[str, Any]:
    """The macros by their bare names: NAGIOS_HOSTNAME, host.name, {"host": {"name"}} and host_name are all `hostname`."""
    read: dict[str, Any] = {}
    for name, value in item.items():
        bare = before + re.sub(r"[^a-z0-9]", "", _PREFIX.sub("", str(name)[:100]).lower())
        if isinstance(value, dict) and not before:
            read |= {inner: v for inner, v in _plain(value, bare).items() if inner not in read}
        else:
            read[bare] = value
    return read


def notification_of(item: dict[str, Any], received: Received) -> Event:
    """The event of one notification. The host, and the service where it is about one, are the identity."""
    said = _plain(item)
    host = first(said, "hostname", "host", "hostalias", "hostdisplayname")
    service = first(said, "servicedesc", "servicename", "service", "servicedescription", "servicedisplayname")
    what = first(said, "what", "objecttype").upper() or ("SERVICE" if service else "HOST")
    service = "" if what == "HOST" else service
    word = first(said, "servicestate" if service else "hoststate", "status", "state", "shortstate", "checkresultstate", "lastservicestate")
    kind = re.sub(r"[^a-z]", "", first(said, "notificationtype", "type").lower())
    if not host:
        raise UnreadableError("no host is named: host, hostname or host.name was expected")
    status: EventStatus
    if kind:
        status = TYPES.get(kind, "none" if kind.startswith(QUIET) else "unknown")
    else:
        status = "resolved" if word.lower() in GOOD else "firing"
    text = first(said, "serviceoutput" if service else "hostoutput", "output", "checkresultoutput", "longoutput", "message")
    place = f"{service} on {host}" if service else host
    return event(
        status, f"{host}|{service or 'HOST'}", item, received, title=[said.get("summary"), said.get("subject"), joined(f"{place} is {word}".strip(), text)],
        severity=SEVERITIES.get(word.lower()) if status == "firing" else None, word=word, service=host,
        started=[said.get(name) for name in ("timet", "shortdatetime", "datetime", "timestamp", "longdatetime", "microtime")],
        link=[said.get(name) for name in ("url", "serviceactionurl", "hostactionurl", "link")],
        runbook=first(said, "servicenotesurl", "hostnotesurl", "notesurl"), error=unknown_state(status, kind),
        labels={"host": host, "service": service, "what": what, "address": first(said, "address", "hostaddress"), "site": first(said, "site", "omdsite")},
    )  # fmt: skip
