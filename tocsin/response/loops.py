"""Which loops carry the paging path? The worker process runs each in a thread of its own."""

from __future__ import annotations

from tocsin.lib.due import Loop
from tocsin.response import (
    answer_ask,
    ask_reports,
    audit,
    bulk_alerts,
    deliver,
    escalate,
    keep_promises,
    listen_in_chats,
    look_after,
    receive_events,
    show_outcome,
    stream_chats,
    verify_sns,
    watch_heartbeats,
    watch_schedules,
)

LOOPS: list[Loop] = [
    receive_events.LOOP,
    escalate.LOOP,
    deliver.LOOP,
    ask_reports.LOOP,
    look_after.LOOP,
    keep_promises.LOOP,
    answer_ask.LOOP,
    bulk_alerts.LOOP,
    watch_heartbeats.LOOP,
    verify_sns.LOOP,
    show_outcome.LOOP,
    listen_in_chats.LOOP,
    stream_chats.LOOP,
    watch_schedules.LOOP,
]
AUDITOR: Loop = audit.LOOP  # beside them: it looks whether they do their work
