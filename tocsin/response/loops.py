"""Which loops carry the paging path? The worker process runs each in a thread of its own."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from tocsin.lib.due import Loop
from tocsin.response import deliver, escalate

LOOPS: list[Loop] = [escalate.LOOP, deliver.LOOP]
for _verb in ("receive_events", "keep_promises"):
    if find_spec(f"tocsin.response.{_verb}"):
        LOOPS.append(import_module(f"tocsin.response.{_verb}").LOOP)
