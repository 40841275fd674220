"""What does a Zabbix media type say: the one that Tocsin publishes, and those that others set up before?

Zabbix has no body of its own; a script sends what it is told to. Unfilled macros count as absent; times have no zone and are left out.
"""

from __future__ import annotations

import re
from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations.reading_body import as_json
from tocsin.integrations.reading_item import JsonSource, event, first, state, tags, unknown_state, words

STATES = words(firing="problem alerting firing trouble 1", resolved="ok resolved recovery 0", acknowledged="acknowledged", none="update")
NUMBERED: dict[str, SourceSeverity] = {"0": "info", "1": "info", "2": "warning", "3": "warning", "4": "error", "5": "critical"}
_TRIGGER = re.compile(r"triggerid=(\d{1,20})")


class Zabbix(JsonSource):
    """A webhook media type."""

    kind = "zabbix"
    label = "Zabbix"
    about = (
        "In Zabbix, Alerts, Media types: add a Webhook whose script posts these parameters as JSON, and send recovery and update operations too.\n"
        "{address}\n"
        "event_id {{EVENT.ID}} · event_value {{EVENT.VALUE}} · event_update_status {{EVENT.UPDATE.STATUS}} · event_ack {{EVENT.ACK.STATUS}}\n"
        "event_name {{EVENT.NAME}} · nseverity {{EVENT.NSEVERITY}} · severity {{EVENT.SEVERITY}} · host {{HOST.NAME}} · trigger_id {{TRIGGER.ID}}\n"
        "tags {{EVENT.TAGSJSON}} · url {{$ZABBIX.URL}}/tr_events.php?triggerid={{TRIGGER.ID}}&eventid={{EVENT.ID}}"
    )
    docs = "https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook"
    sample = {
        "event_id": "10528",
        "event_value": "1",
        "event_name": "Disk is full on db1",
        "severity": "High",
        "nseverity": "4",
        "host": "db1",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One problem, recovery or acknowledgement."""
        word = first(item, "event_value", "status", "state", "event_status")
        status = state(word, STATES) if word else "firing"
        if status == "firing" and first(item, "event_update_status") == "1":
            status = "none" if first(item, "event_ack", "event_ack_status").lower() in ("no", "0") else "acknowledged"
        host, named = (
            first(item, "host", "hostname", "host_name"),
            first(item, "event_name", "trigger", "trigger_name", "title", "name", "subject"),
        )
        link = first(item, "url", "link", "link_to_upstream_details", "trigger_url")
        found = _TRIGGER.search(link)
        key = first(item, "event_id", "eventid", "alert_uid", "id") or (found.group(1) if found else "") or first(item, "trigger_id")
        number = first(item, "nseverity", "event_nseverity")
        labels = tags(as_json(item.get("tags"))) | {"host": host, "item": first(item, "item")}
        return event(
            status, key or f"{host}|{named}", item, received, title=[named, item.get("message"), host and f"Problem on {host}"],
            word=first(item, "severity", "event_severity", "trigger_severity"), severity=NUMBERED.get(number), service=host, link=[link],
            runbook=item.get("runbook_url"), labels=labels, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = Zabbix()
