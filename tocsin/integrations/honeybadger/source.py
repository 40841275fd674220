"""What does Honeybadger say about a fault, a site, a check-in or a deployment?

Wire format: docs.honeybadger.io/guides/integrations/webhook. "up" without an outage is only the set-up's notice.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, words

EVENTS = words(
    firing="occurred unresolved rate_exceeded down check_in_missing cert_will_expire error_rate_exceeded",
    resolved="resolved up check_in_reporting ignored",
    change="deployed",
)  # fmt: skip


class Honeybadger(JsonSource):
    """A webhook integration."""

    kind = "honeybadger"
    label = "Honeybadger"
    category = "Errors"
    about = "In Honeybadger, project settings, Integrations: add a WebHook with this URL:\n{address}"
    docs = "https://docs.honeybadger.io/guides/integrations/webhook/"
    sample = {
        "event": "occurred",
        "message": "[checkout/production] TypeError: no cart",
        "fault": {"id": 123},
        "project": {"name": "checkout"},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        what = first(item, "event").lower()
        fault, site, check_in, outage = (obj(item, name) for name in ("fault", "site", "check_in", "outage"))
        status: EventStatus = EVENTS.get(what, "none")
        if what == "up" and not (outage and first(outage, "down_at", "up_at", "status")):
            status = "none"
        key = next(
            (f"{name}:{first(item, name + '.id')}" for name in ("fault", "site", "check_in", "deploy") if first(item, name + ".id")), what
        )
        return event(
            status, f"certificate:{key}" if what == "cert_will_expire" else key, item, received, title=[item.get("message"), fault.get("klass"), what],
            severity="error" if fault else "warning" if what == "cert_will_expire" else None, service=first(item, "project.name"),
            started=[outage.get("down_at"), fault.get("created_at"), at(item, "notice.created_at"), at(item, "deploy.created_at")],
            link=[fault.get("url"), site.get("url"), check_in.get("url"), at(item, "deploy.url")],
            labels={"environment": first(fault, "environment") or first(item, "notice.environment.environment_name"), "component": first(fault, "component")},
        )  # fmt: skip


SOURCE = Honeybadger()
