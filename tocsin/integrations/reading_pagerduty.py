"""How are the parts read that PagerDuty's events and change events share?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.integrations import reading


def link_of(body: dict[str, Any]) -> str:
    """The first usable address among `links`, then the client's own."""
    links = body.get("links") if isinstance(body.get("links"), list) else []
    for item in links or []:
        if isinstance(item, dict) and (found := reading.link(item.get("href"))):
            return found
    return reading.link(body.get("client_url"))


def change_of(body: dict[str, Any], received_at: datetime) -> Event:
    """The change that a body of this form tells about."""
    payload = body.get("payload") if isinstance(body.get("payload"), dict) else {}
    assert isinstance(payload, dict)
    details = reading.plain(payload.get("custom_details"))
    hint = details.get("service") if isinstance(details, dict) else ""
    return Event(
        "change", reading.first_line(payload.get("summary")) or "Change without a summary", "change",
        started_at=reading.time(payload.get("timestamp"), received_at), link=link_of(body),
        service=reading.text(hint, 200), labels=reading.labels({"source": payload.get("source")}),
        details=details if isinstance(details, dict) else {"details": details} if details else {},
    )  # fmt: skip
