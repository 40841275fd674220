"""What does an alert of Wazuh say, in its own form or in the one of an integration script?

Wire format: documentation.wazuh.com "Integration with external APIs". Levels go from 0 to 15.
"""

from __future__ import annotations

import re
from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first

_AGENT = re.compile(r"^Agent Name (.{1,200})$", re.M)
_RULE = re.compile(r"^Rule ID (\d{1,10})$", re.M)
_BROKEN = re.compile(r"([+-]\d\d)\.(\d\d)$")


class Wazuh(JsonSource):
    """A custom integration of the manager."""

    kind = "wazuh"
    label = "Wazuh"
    category = "Security"
    about = "In ossec.conf of the manager, add an integration whose script posts the alert file as it is to this address:\n{address}"
    docs = "https://documentation.wazuh.com/current/user-manual/manager/integration-with-external-apis.html"
    sample = {"rule": {"id": "5712", "level": 10, "description": "sshd: brute force"}, "agent": {"name": "web1"}}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alert."""
        text, level = first(item, "description", "full_log"), first(item, "rule.level")
        found_agent, found_rule = _AGENT.search(text), _RULE.search(text)
        agent = first(item, "agent.name") or (found_agent.group(1) if found_agent else "")
        rule = first(item, "rule.id") or (found_rule.group(1) if found_rule else "")
        at_text = first(item, "created_at", "timestamp")
        return event(
            "firing", "|".join((agent, rule)) if rule else "", item, received,
            title=[item.get("message"), at(item, "rule.description"), item.get("title"), text],
            severity=_severity(level), word=first(item, "severity") or level, service=agent, started=[_BROKEN.sub(r"\1:\2", at_text)],
            labels={"agent": agent, "rule": rule, "location": first(item, "location"), "manager": first(item, "manager.name")},
        )  # fmt: skip


def _severity(level: str) -> SourceSeverity | None:
    if not level.isdecimal():
        return None
    number = int(level[:4])
    return "critical" if number >= 15 else "error" if number >= 12 else "warning" if number >= 7 else "info"


SOURCE = Wazuh()
