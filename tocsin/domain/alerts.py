"""What do events say about alerts? Event, and the pure fold of events into alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

EventStatus = Literal["firing", "acknowledged", "resolved", "change", "none", "handshake", "unknown"]
SourceSeverity = Literal["critical", "error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Event:
    """One message from a source, normalised.

    `dedup_key` is unique per integration (never empty); `severity` is the source's word mapped to four levels, None where it said nothing;
    times are aware UTC; `ends_at` is when the source itself lets it expire; `error` marks an item that could not be read (status "unknown").
    """

    status: EventStatus
    title: str
    dedup_key: str
    severity: SourceSeverity | None = None
    severity_word: str = ""
    service: str = ""
    started_at: datetime | None = None
    ends_at: datetime | None = None
    link: str = ""
    runbook: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    error: str = ""
