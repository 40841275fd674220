"""How is one alert changed by hand or by its source's client, outside of the fold? With the other operations the only files that write the room's tables."""

from __future__ import annotations

from typing import Any

from tocsin.alerts.models import Alert

EDITABLE = frozenset(("title", "labels", "details"))


def edit(alert: Alert, **fields: Any) -> None:
    """Set title, labels or details of an alert."""
    assert fields.keys() <= EDITABLE
    for name, value in fields.items():
        setattr(alert, name, value)
    alert.save(update_fields=list(fields))
