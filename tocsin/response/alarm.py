"""How is the alarm raised when Tocsin itself is ill? Straight from this process by mail and webhook: nothing is written to the database.

To whom: TOCSIN_ALARM, else the administrators' addresses as they were when the database last answered.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from tocsin.accounts.models import Role, User
from tocsin.domain.ports import Message, Outcome
from tocsin.domain.self_watch import Problem
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib import http

log = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(4, thread_name_prefix="alarm")
_known: list[str] = []


def remember() -> None:
    """Read whom to tell, while the database answers."""
    rows = User.objects.filter(role=Role.ADMINISTRATOR, is_active=True, removed_at=None).exclude(email="").order_by("id")
    _known[:] = [f"mailto:{email}" for email in rows.values_list("email", flat=True)[:20]]


def targets() -> list[str]:
    """Whom the alarm goes to: `mailto:` addresses and web addresses."""
    return settings.ALARM or (_known if (settings.EMAIL_HOST or settings.MAIL_SERVICE) else [])


def raise_alarm(problems: Sequence[Problem], process: str) -> None:
    """Tell all targets at once, each in a thread of its own, so that one that hangs holds up nothing. No problems: all is well again."""
    said = "; ".join(one.words for one in problems) or "All is well again"
    log.critical("Tocsin itself is ill: %s", said) if problems else log.warning("Tocsin itself is well again")
    place = f"{process} on {os.uname().nodename}"
    for target in targets():
        _threads.submit(_tell, target, said, [one.kind for one in problems], place)


def _tell(target: str, said: str, kinds: list[str], place: str) -> None:
    title = f"Tocsin itself is ill: {said}"[:300] if kinds else "Tocsin itself is well again"
    try:
        if target.startswith("mailto:"):
            text = f"{title}.\nSeen by the {place}. `tocsin doctor` says more."
            receipt = NOTIFIERS["email"].send(target.removeprefix("mailto:"), Message(title, text), key=f"alarm-{secrets.token_hex(8)}")
            if receipt.outcome not in (Outcome.ACCEPTED, Outcome.DELIVERED):
                log.error("the alarm could not be mailed: %s", receipt.reason)
            return
        body = {
            "type": "tocsin.alarm",
            "ill": bool(kinds),
            "kinds": kinds,
            "title": title,
            "text": said,
            "seen_by": place,
            "url": settings.TOCSIN_URL,
        }
        answer = http.request("POST", target, headers={"Content-Type": "application/json"}, content=json.dumps(body).encode())
        if answer.status >= 300:
            log.error("the alarm's web address answered %d", answer.status)
    except Exception:
        log.exception("the alarm could not be told to one of its targets")
