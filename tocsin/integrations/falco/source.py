"""What does a security event of Falco say? It happened once; nothing says that it is over.

Wire format: falco.org/docs "Output channels: HTTP"; falcosecurity/falcosidekick.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, obj, rows

SEVERITIES: dict[str, SourceSeverity] = {"alert": "critical"}


class Falco(JsonSource):
    """Falco's http_output, or Falcosidekick's webhook."""

    kind = "falco"
    label = "Falco"
    category = "Security"
    about = "In falco.yaml:\njson_output: true\nhttp_output:\n  enabled: true\n  url: {address}"
    docs = "https://falco.org/docs/outputs/channels/#http-https-output"
    sample = {
        "rule": "Write below binary dir",
        "priority": "Error",
        "output": "File below a known binary directory opened",
        "hostname": "web1",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        word, rule, host = first(item, "priority"), first(item, "rule"), first(item, "hostname")
        labels = {name: v for name, v in obj(item, "output_fields").items() if isinstance(v, str)}
        return event(
            "firing", "|".join((host, rule)) if rule else "", item, received, title=[rule, item.get("output")], severity=SEVERITIES.get(word.lower()),
            word=word, service=host, started=[item.get("time")],
            labels={**labels, "rule": rule, "host": host, "source": first(item, "source"), "tags": ",".join(t for t in rows(item, "tags") if isinstance(t, str))},
        )  # fmt: skip


SOURCE = Falco()
