"""From which numbers and addresses do pages come? A contact card, so that a phone can let them through while it is quiet."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parseaddr

from django.conf import settings

from tocsin.paging.models import Provider

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
MOST_NUMBERS = 50


def numbers() -> list[str]:
    """The numbers that accounts at providers call and write from, each once."""
    found: dict[str, None] = {}
    for account in Provider.objects.filter(enabled=True, removed_at=None).order_by("channel", "position", "id"):
        for value in account.settings.values():
            for number in NUMBER.findall(str(value)) if re.fullmatch(r"[+0-9,;\s]+", str(value)) else ():
                found[number] = None
    return list(found)[:MOST_NUMBERS]


def card(organisation: str, now: datetime) -> str:
    """The card as vCard 3.0, which every phone reads: all numbers, the address that mails come from, and where Tocsin is."""
    lines = [
        "BEGIN:VCARD", "VERSION:3.0", "PRODID:-//Tocsin//Contact card//EN", f"UID:tocsin-{_plain(settings.TOCSIN_URL)}", "N:Tocsin;;;;",
        f"FN:Tocsin {_plain(organisation)}", f"ORG:{_plain(organisation)}", "CATEGORIES:Tocsin",
        *(f"TEL;TYPE=WORK,VOICE:{number}" for number in numbers()),
        f"EMAIL;TYPE=INTERNET:{_plain(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])}", f"URL:{_plain(settings.TOCSIN_URL)}",
        "NOTE:Pages come from these numbers and addresses. Let this contact through while the phone is quiet.",
        f"REV:{now:%Y%m%dT%H%M%SZ}", "END:VCARD",
    ]  # fmt: skip
    return "\r\n".join(_folded(line) for line in lines) + "\r\n"


def _plain(text: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", " ".join(text.split()))[:200]


def _folded(line: str) -> str:
    parts = [line[start : start + 70] for start in range(0, len(line), 70)]
    return "\r\n ".join(parts)
