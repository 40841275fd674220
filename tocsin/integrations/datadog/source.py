"""What does a message of Datadog's webhook say? The body is a template of its owner: any mix of the usual names is read.

Wire format: docs.datadoghq.com/integrations/webhooks. `id` differs in each message; the alert cycle or the aggregate is the identity.
"""

from __future__ import annotations

import re
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, tags, unknown_state, words

TRANSITIONS = words(
    firing="triggered re-triggered no_data re-no_data warn re-warn renotify alert error warning",
    resolved="recovered resolved ok success",
)  # fmt: skip
# "[P1] [Triggered on {host:db1}] Disk full": the parts that Datadog puts before a monitor's own title.
_BEFORE = re.compile(r"\s*\[(P[1-5]|(?:Re-)?(?:Triggered|Recovered|No data|Warn|Renotify)(?:\s+on\s+(\{[^{}]*\}))?)\]\s*", re.I)
_MONITOR = re.compile(r"https?://[^\s()\[\]\"<>]{1,200}/monitors[/#][^\s()\[\]\"<>]{1,1500}")


class Datadog(JsonSource):
    """The webhooks integration."""

    kind = "datadog"
    label = "Datadog"
    about = (
        "In Datadog, Integrations, Webhooks: add one with this URL and the payload below, then name it (@webhook-tocsin) in the monitors.\n"
        "{address}\n"
        '{{"id": "$ID", "title": "$EVENT_TITLE", "body": "$EVENT_MSG", "transition": "$ALERT_TRANSITION", "alert_id": "$ALERT_ID",\n'
        ' "alert_cycle_key": "$ALERT_CYCLE_KEY", "aggregate": "$AGGREG_KEY", "alert_priority": "$ALERT_PRIORITY", "date": "$DATE",\n'
        ' "last_updated": "$LAST_UPDATED", "scope": "$ALERT_SCOPE", "tags": "$TAGS", "hostname": "$HOSTNAME", "link": "$LINK"}}'
    )
    docs = "https://docs.datadoghq.com/integrations/webhooks/"
    sample = {
        "title": "[Triggered] checkout: 5xx", "transition": "Triggered", "aggregate": "06ade3da0286048d242ea8e46f521c93",
        "alert_priority": "P2", "tags": "service:checkout,env:prod",
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One transition of a monitor."""
        title, said, priority, scope = _parted(first(item, "title", "event_title", "alert_title", "EVENT_TITLE"))
        word = first(item, "transition", "alert_transition", "ALERT_TRANSITION") or said or first(item, "alert_type", "alert_status")
        status = TRANSITIONS.get(word.lower(), "unknown" if first(item, "transition", "alert_transition") else "firing")
        labels = tags(item.get("tags")) | {"scope": first(item, "scope", "alert_scope") or scope, "host": first(item, "hostname", "host")}
        priority = first(item, "alert_priority", "priority", "severity") or priority
        warning = "warn" in word.lower()
        body = first(item, "body", "event_msg", "message", "text_only_msg")
        found = _MONITOR.search(body)
        return event(
            status, _key(item, title, labels.get("scope", "")), item, received, title=[title, body, "Datadog event"],
            word="warning" if warning else priority if priority.lower() not in ("normal", "low") else "",
            service=labels.get("service", "") or labels.get("host", ""), started=[item.get("date"), item.get("last_updated")],
            occurred=[item.get("last_updated"), item.get("date")],
            link=[item.get("link"), item.get("alert_link"), item.get("url"), found.group() if found else ""], labels=labels,
            error=unknown_state(status, word),
        )  # fmt: skip


def _parted(title: str) -> tuple[str, str, str, str]:
    """The monitor's own title, the transition, the priority and the scope that stand before it."""
    said = priority = scope = ""
    rest = title
    while match := _BEFORE.match(rest):
        word, where = match.groups()
        if word.upper() in ("P1", "P2", "P3", "P4", "P5"):
            priority = word.upper()
        else:
            said, scope = word.split(" on ")[0], where or ""
        rest = rest[match.end() :]
    return rest or title, said, priority, scope.strip("{}")


def _key(item: dict[str, Any], title: str, scope: str) -> str:
    if key := first(item, "alert_cycle_key", "dedup_key", "aggregate", "aggreg_key"):
        return key
    number = first(item, "alert_id", "monitor_id")
    return f"{number or title}|{scope}" if scope else number or title


SOURCE = Datadog()
