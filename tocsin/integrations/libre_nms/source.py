"""What does LibreNMS's API transport say? Everything is text; the state is a number.

Wire format: docs.librenms.org/Alerting/Transports, librenms/librenms AlertData.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, state, unknown_state, words

STATES = words(firing="1 3 4 5 alert worse better changed", resolved="0 ok recovered", acknowledged="2 ack acknowledged")


class LibreNms(JsonSource):
    """The API transport, or the PagerDuty-like ones, with all its fields."""

    kind = "libre_nms"
    label = "LibreNMS"
    about = "In LibreNMS, Alerts, Alert transports: add one of type API, method POST, body as JSON, with this URL:\n{address}"
    docs = "https://docs.librenms.org/Alerting/Transports/#api"
    sample = {"alert_id": "26", "title": "Alert for device db1 - Devices up/down", "hostname": "db1", "severity": "critical", "state": "1"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alert's state."""
        word, host, rule = first(item, "state"), first(item, "hostname", "display", "sysName"), first(item, "name", "rule_name")
        status = state(word, STATES) if word else "firing"
        level = first(item, "severity")
        return event(
            status, first(item, "alert_id") or f"{host}|{first(item, 'rule_id') or rule}", item, received,
            title=[item.get("title"), rule, item.get("msg")], word="" if level == "ok" else level, service=host, started=[item.get("timestamp")],
            runbook=item.get("proc"), error=unknown_state(status, word),
            labels={"host": host, "rule": rule, **{name: item.get(name) for name in ("os", "type", "location", "ip")}},
        )  # fmt: skip


SOURCE = LibreNms()
