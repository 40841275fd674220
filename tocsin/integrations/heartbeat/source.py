"""What does the missing of a heartbeat say, and its next ping? Tocsin's own messages (heartbeats/operations.py), read like any other's."""

from __future__ import annotations

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading

ENDS = ("recovered", "paused", "removed")


class Heartbeats:
    """News of one heartbeat."""

    kind = "heartbeat"
    label = "Heartbeats"
    category = "Monitoring"
    about = "Make a heartbeat of this integration, or let the first ping make it:\n{address}/heartbeat"
    docs = "https://healthchecks.io/docs/http_api/"
    sample = {"heartbeat": "Nightly backup", "news": "late", "severity": "warning"}

    def parse(self, received: Received) -> list[Event]:
        """The one event. Raises UnreadableError where no heartbeat is named."""
        body = reading.checked(reading.json_body(received), "the heartbeat's news")
        name, news = reading.text(body.get("heartbeat"), 100), reading.text(body.get("news"), 20)
        if not name or news not in (*ENDS, "late", "failed"):
            raise UnreadableError(
                "heartbeat and news (late, failed, recovered, paused, removed) are needed; pings go to /in/{key}/heartbeat"
            )
        code = body.get("exit_code")
        fallback = (
            f"Heartbeat [{name}] reports a failure" + (f" (exit code {code})" if code else "")
            if news == "failed"
            else f"Heartbeat [{name}] is expired"
        )
        tags = body.get("tags") if isinstance(body.get("tags"), list) else []
        return [
            Event(
                "resolved" if news in ENDS else "firing",
                reading.first_line(body.get("message")) or fallback,
                reading.key(f"heartbeat_{name.lower()}"),
                severity=reading.severity(body.get("severity")),
                severity_word=reading.text(body.get("severity"), 100),
                link=reading.link(body.get("link")),
                labels={"heartbeat": name, **({"tags": ", ".join(reading.text(tag, 100) for tag in tags)} if tags else {})},
                details=reading.plain({k: v for k, v in body.items() if v not in (None, "", [])}),
            )
        ]


SOURCE = Heartbeats()
