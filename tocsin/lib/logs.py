"""How are log lines written, and what never stands in one?"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(r"password|passwd|secret|token|authorization|cookie|routing_key|api_key|private_key|smtp_url|database_url", re.I)
_SECRET_TEXT = re.compile(
    r"(?P<keep>://[^\s:/@]+:)[^\s@/]+(?=@)"  # passwords in addresses
    r"|\btcs_[0-9a-f]{8}_[\w-]+"  # tokens of ours
    r"|(?P<scheme>\b(?:Bearer|GenieKey|Basic) )[\w.~+/=-]+"
    r"|(?P<path>/(?:in|oncall|ack|invitation)/|[?&](?:token|integration_key|routing_key|key)=)[^\s/?&\"']{8,}"  # keys in addresses
)


def hide(text: str) -> str:
    """The text with passwords, tokens and keys blotted out."""
    return _SECRET_TEXT.sub(lambda found: (found["keep"] or found["scheme"] or found["path"] or "") + HIDDEN, text)


def _blot(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = hide(value)
    return event


def configure(process: str) -> None:
    """Send this process's log lines to standard error: JSON, or TOCSIN_LOG=console for people; TOCSIN_LOG_LEVEL says how many."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    for_people = os.environ.get("TOCSIN_LOG", "json") == "console"
    last: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if for_people else structlog.processors.JSONRenderer()

    def name_process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow={"status_code", "action"})],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, name_process, _blot, last],
    )
    output = logging.StreamHandler()
    output.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(os.environ.get("TOCSIN_LOG_LEVEL", "INFO").upper())
    logging.getLogger("django.request").setLevel(logging.ERROR)  # a 404 is no news
    for noisy in ("procrastinate", "httpcore2", "httpx2", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
