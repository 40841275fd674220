"""What does Uptime Kuma's webhook say, as JSON or as a form with the field `data`?

Wire format: louislam/uptime-kuma server/notification-providers/webhook.js. `time` is UTC without saying so.
"""

from __future__ import annotations

import re
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_body import as_json
from tocsin.integrations.reading_item import JsonSource, event, first, joined, obj, state, tags, unknown_state, words

BEATS = words(firing="0 down", resolved="1 up", none="2 3 pending maintenance")
_CERTIFICATE = re.compile(r"certificate\b.{0,200}\bexpire", re.I | re.S)
_NAMED = re.compile(r"\[([^\[\]]{1,200})\]")


class UptimeKuma(JsonSource):
    """The webhook notification."""

    kind = "uptime_kuma"
    label = "Uptime Kuma"
    category = "Uptime"
    about = "In Uptime Kuma, Settings, Notifications: add a Webhook with this URL and the preset application/json:\n{address}"
    docs = "https://github.com/louislam/uptime-kuma/wiki"
    sample = {
        "msg": "[checkout] [down] timeout", "monitor": {"id": 1, "name": "checkout", "url": "https://shop.example.com"},
        "heartbeat": {"status": 0, "msg": "timeout"},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One heartbeat; a message without one is a test, or tells of a certificate."""
        beat, monitor, msg = obj(as_json(item.get("heartbeat"))), obj(as_json(item.get("monitor"))), first(item, "msg")
        if not beat:
            expiry = bool(_CERTIFICATE.search(msg))
            named = _NAMED.search(msg)
            return event(
                "firing" if expiry else "none", f"certificate:{first(monitor, 'id') or (named.group(1) if named else msg)}", item, received,
                title=[msg, "Message of Uptime Kuma"], severity="warning" if expiry else None,
                service=first(monitor, "name") or (named.group(1) if named else ""),
            )  # fmt: skip
        word, name = first(beat, "status"), first(monitor, "name", "pathName")
        status, number = state(word, BEATS), first(monitor, "id") or first(beat, "monitorID")
        local = first(beat, "localDateTime")
        return event(
            status, f"monitor:{number}" if number else name, item, received,
            title=[joined(name, first(beat, "msg") or msg) if status == "firing" else name, msg], service=name,
            started=[beat.get("time"), local and local + first(beat, "timezoneOffset")], link=[monitor.get("url")],
            labels=tags(monitor.get("tags")) | {"type": first(monitor, "type"), "host": first(monitor, "hostname")},
            error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = UptimeKuma()
