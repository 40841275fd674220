"""What does a page say in a text message, and in a call? Short, with how to answer."""

from __future__ import annotations

import re

from tocsin.domain.ports import Message

LONGEST_SMS = 459  # characters: three parts of 153
LONGEST_TITLE = 140
LONGEST_SPOKEN = 400  # characters of what a page says in a call
MENU = "Press 4 to acknowledge, 6 to resolve, 8 to pass it on, star to hear this again."
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
# One such sign would make every letter of a message take twice the room; nothing is lost by the plain one.
_PLAIN = str.maketrans({
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "−": "-", "→": ">", "…": "...", "•": "*",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "`": "'",
})  # fmt: skip


def plain(text: str) -> str:
    """The text with typographic signs made plain; letters of every script stay."""
    return text.translate(_PLAIN)


def parts(text: str) -> int:
    """How many messages this takes on its way: 160 characters of the alphabet of telephones in one, 70 of any other; less where it is cut."""
    if all(letter in GSM for letter in text):
        length, one, more = sum(2 if letter in "^{}\\[~]|€" else 1 for letter in text), 160, 153
    else:
        length, one, more = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= one else -(-length // more)


def sms(message: Message, *, replies: bool) -> str:
    """The text of a page. With `replies` it says how to answer by text, else it carries the link that acknowledges."""
    facts, code = message.facts, message.facts.get("reply_code")
    if facts.get("kind") in (None, "test", "notice", "code"):
        how = f" Reply {code} to acknowledge." if replies and code else f" Acknowledge: {message.link}" if message.link else ""
        return plain(f"{message.title}. {message.text}")[: LONGEST_SMS - len(how)] + how
    title = plain(message.title)
    words = [title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 3]}..."]
    if facts.get("service") and str(facts["service"]) not in title:
        words.append(f"({plain(str(facts['service']))[:40]})")
    if facts.get("possible_duplicate"):
        words.append("(sent again)")
    if replies and code:
        words += [str(facts.get("subject_url") or ""), f"Reply {code} to acknowledge, {code}r resolve, {code}e escalate."]
    else:
        words.append(f"Acknowledge: {message.link}" if message.link else str(facts.get("subject_url") or ""))
    return " ".join(word for word in words if word)


def spoken(message: Message) -> str:
    """What a voice says of a page: no signs, no addresses; a code digit by digit, twice."""
    facts = message.facts
    if facts.get("kind") is None:  # a code
        digits = ", ".join(re.sub(r"\D", "", message.text.partition(".")[0]))
        return f"This is Tocsin. Your verification code is {digits}. Again: {digits}. Good bye."
    if facts.get("kind") in ("test", "notice"):
        return f"This is Tocsin. {_said(message.title)}. {_said(message.text)}"[:LONGEST_SPOKEN]
    words = ["This is Tocsin, with a page for you.", _said(message.title)[:250] + "."]
    if facts.get("service"):
        words.append(f"Service {_said(str(facts['service']))[:60]}.")
    if facts.get("possible_duplicate"):
        words.append("You may have had this page before.")
    return " ".join(words)[:LONGEST_SPOKEN]


_SAID = (
    (re.compile(r"https?://\S+"), ""),
    (re.compile(r"\bSEV-?(\d)"), r"severity \1,"),
    (re.compile(r"\bINC-(\d+)"), r"incident \1,"),
    (re.compile(r"%"), " percent"),
    (re.compile(r"[_/\\|<>{}\[\]#*~^`]+"), " "),
    (re.compile(r"\s+"), " "),
)


def _said(text: str) -> str:
    for pattern, words in _SAID:
        text = pattern.sub(words, text)
    return text.strip(" ,")
