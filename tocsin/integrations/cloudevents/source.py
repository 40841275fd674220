"""What does a CloudEvent say: structured, in a batch, or with its attributes in the headers? Data with a state or a severity is an alert.

Wire format: cloudevents.io spec 1.0, HTTP binding. The subject is the identity, then the data's own key, then the id.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.generic.guess import UNTITLED
from tocsin.integrations.generic.source import SOURCE as GENERIC
from tocsin.integrations.reading_body import as_json, body_of
from tocsin.integrations.reading_item import JsonSource, event, first, obj

FIRING = (".alert", ".firing", ".triggered", ".problem")
OVER = (".resolved", ".recovered", ".closed", ".cleared")


class CloudEvents(JsonSource):
    """The HTTP binding."""

    kind = "cloudevents"
    label = "CloudEvents"
    category = "Drop-in"
    about = "Send CloudEvents 1.0 over HTTP, structured, batched or binary, to this address:\n{address}"
    docs = "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md"
    sample = {
        "specversion": "1.0", "id": "A234-1234-1234", "source": "/shop/monitor", "type": "com.example.checkout.alert", "subject": "checkout-5xx",
        "data": {"title": "checkout: 5xx", "severity": "critical"},
    }  # fmt: skip
    what = "an event"

    def parse(self, received: Received) -> list[Event]:
        """One event per CloudEvent."""
        heads = {name[3:]: unquote(value) for name, value in received.headers.items() if name.startswith("ce-")}
        if "type" not in heads:
            return super().parse(received)
        try:
            data = body_of(received) if "json" in received.content_type.lower() or received.body[:1] in (b"{", b"[") else None
        except UnreadableError:
            data = None
        data = received.body.decode("utf-8", "replace") if data is None else data
        return [self.read({**heads, "data": data}, received)]

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One CloudEvent."""
        kind, source = first(item, "type"), first(item, "source")
        if not kind:
            raise UnreadableError('"type" is missing: this is no CloudEvent')
        data = self._data(item)
        inner = obj(data)
        alert = kind.endswith(FIRING + OVER) or any(first(inner, name) for name in ("severity", "status", "state", "priority"))
        said = GENERIC.of(inner, received) if inner else None
        status = "resolved" if kind.endswith(OVER) else said.status if said else "firing"
        key = first(item, "subject") or first(inner, "dedup_key") or first(item, "id")
        named = said.title if said and said.title != UNTITLED else reading.first_line(data)
        delivery = f"{source} {first(item, 'id')}" if first(item, "id") else ""
        found = event(
            status if alert else "change", key, item, received, title=[named, f"{kind} {first(item, 'subject')}".strip()],
            severity=said.severity if said else None, word=said.severity_word if said else "", service=said.service if said else "",
            started=[item.get("time")], link=[said.link if said else "", source], details=inner or {"data": data},
            error=said.error if said and alert and status == "unknown" else "",
            labels={**(said.labels if said else {}), "type": kind, "source": source, "subject": first(item, "subject")},
        )  # fmt: skip
        return replace(found, delivery=delivery)

    def _data(self, item: dict[str, Any]) -> Any:
        packed = item.get("data_base64")
        if not isinstance(packed, str):
            return as_json(item.get("data"))
        try:
            return as_json(b64decode(packed).decode("utf-8", "replace"))
        except ValueError:
            raise UnreadableError("data_base64 is not base64") from None


SOURCE = CloudEvents()
