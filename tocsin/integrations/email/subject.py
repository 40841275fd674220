"""What does the subject of a mail say: the title, how it stands, how bad it is, and which mails speak of the same problem?"""

from __future__ import annotations

import re

from tocsin.domain.alerts import EventStatus, SourceSeverity
from tocsin.integrations.generic import words


def _set(said: str) -> frozenset[str]:
    return frozenset(said.split())


LONGEST_SUBJECT = 1024  # characters that are looked at
_REPLY = re.compile(r"\s*(?:re|fwd?|aw|wg|antw|sv|vs|tr|rv|r|i|enc|doorst|odp|ynt)(?:\[\d{1,3}\])?\s*:\s*", re.I)
_STAMP = re.compile(
    r"\s*(?:\[\s*(?:external|extern|ext|spam|bulk|suspicious)[^\]]{0,20}\]|\*{2,5}\s*(?:spam|external)\s*\*{2,5})\s*:?\s*", re.I
)
_LIST = re.compile(r"\s*\[([^\]\n]{1,60})\]\s*")
_WORD = re.compile(r"\w+")
_SYMBOLS = {"✅": "resolved", "🟢": "resolved", "🔴": "firing", "❌": "firing", "🚨": "firing"}

# -- how it stands: a word counts only where subjects tell the state, for "connection closed" is a problem ------------------
_ENDED = _set("resolved resolve recovered recovery ok okay cleared closed up normal restored solved healthy success succeeded fixed")
_ACKED = _set("acknowledged acknowledgement acknowledgment acked ack")
_TROUBLE = _set(
    "problem down critical crit error failed failure failing fail firing fired triggered alarm alerting warning warn unreachable unavailable"
    " offline outage degraded timeout unknown emergency fatal panic broken unresolved reopened refused"
)
_NOT = _set("not no never non cannot isn wasn couldn nicht kein un without")
_LEAD = re.compile(
    r"[^\w\[(]{0,8}\s*(?:[\[(]\s*(?P<tag>[\w ]{1,30}?)\s*(?::\s*\d{1,6}\s*)?[\])]|(?P<word>[A-Za-z]{2,20})\b(?P<after>\s*(?::|\*\*|\||!|\s[-–—]+\s|→|=>)|\s+\w+\s+alert\b|\s+alert\b|"
    r"\s+notification\b|\s+in\s+\d|\s+Sev\d|:Sev\d))",
    re.I,
)
_SAID = re.compile(
    r"(?:\b(?:is|are|was|were|been|now|back|status|state|changed to|to|again)\b|->|=>|→|:|=)\s*(?:now\s+|back\s+|again\s+|to\s+|in\s+|an?\s+){0,3}"
    r"[\"'*\[(]{0,2}(ok|okay|up|normal|resolved|recovered|cleared|restored|solved|healthy|fixed|online)\b(?![\s-]+\d|/)",
    re.I,
)
_BACK = re.compile(r"\b(?:back\s+(?:up|online|to\s+normal)|(?:up|ok|online|reachable|available|normal)\s+again|no\s+longer\s+(?:\w+\s+){0,1}"
                   r"(?:down|failing|critical|firing|unreachable|unavailable|degraded|offline|alerting|in\s+alarm))\b", re.I)  # fmt: skip
_LAST = re.compile(r"\b(succeeded|resolved|recovered|recovery|cleared|restored|solved|ok|okay)[\s\]).!*\"']{0,8}$", re.I)
_CLOSED = re.compile(
    r"\b(?:alert|incident|problem|issue|case|ticket|alarm|event|outage)s?\b[^.:]{0,60}?\b(?:closed|cleared|resolved)\b(?=\W*$|\s+(?:by|after|at|on)\b|\s*:)",
    re.I,
)
_CAPITALS = re.compile(r"\b(?:RESOLVED|RECOVERY|RECOVERED|CLEARED|CLOSED|OK)\b|(?<!^)\bUP\b")
_BODY_STATE = re.compile(
    r"^[\s*>]{0,10}(?:notification type|new state|new state value|alert status|alert state|current status|status|state|event status)\s*[:=]\s*([\w ]{1,30}?)\s*$",
    re.I,
)
MOST_BODY_LINES = 60  # of the text that are looked at for a state

# -- how bad it is ------------------------------------------------------------------------------------------------------
_LEVELS: dict[SourceSeverity, str] = {
    "critical": "critical crit fatal emergency disaster panic p0 p1 sev0 catastrophic kritisch",
    "error": "error major p2 sev1 severe",
    "warning": "warning warn minor p3 sev2 degraded warnung",
    "info": "info informational p4 p5 sev3 sev4",
}
_SEVERITIES = {word: level for level, said in _LEVELS.items() for word in said.split()}
_HEADER_LEVELS: dict[str, SourceSeverity] = {
    "1": "critical", "2": "error", "4": "info", "5": "info", "highest": "critical", "high": "error", "urgent": "critical", "low": "info",
    "lowest": "info", "non-urgent": "info",
}  # fmt: skip

# -- which mails belong together ----------------------------------------------------------------------------------------
_VOLATILE = re.compile(
    r"\[?\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?(?:\s?(?:Z|UTC|[+-]\d\d:?\d\d))?\b\]?"  # a date, with a time
    r"|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]m)?\b"
    r"|(?<![\w.-])[-+]?\d+(?:[.,]\d+)?\s?%"
    r"|(?<![\w.-])\d+(?:[.,]\d+)?\s?(?:ms|µs|us|ns|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|[kmgt]i?b(?:/s|ps)?|bytes|°?c)\b"
    r"|(?<![\w.-])\d+[.,]\d+(?![\w.-]*\d*\.)(?![\w.])"  # a measured value; neither an address nor a version
    r"|(?<=[=<>])\s*\d+(?:[.,]\d+)?",
    re.I,
)
_NAMED_FIRST = re.compile(r"\s*\[([^\]]{1,200})\]\s*\[\W{0,4}\s*(?:up|down)\]", re.I)  # [name] [Down] and what was the matter
_GLUED = re.compile(r"\b(fired|resolved|problem|recovery|alert):(?=\w)", re.I)
_STATE_TAG = re.compile(r"[\[(]\s*([A-Za-z]{2,20})\s*(?::\s*\d{1,6})?\s*[\])]")
_STATE_WORDS = _set(
    "problem problems recovery recovered recover resolved resolve ok okay up down critical crit warning warn unknown firing fired triggered"
    " trigger alerting alarm alert alerts closed close opened open cleared clear normal healthy unhealthy failed failing failure succeeded"
    " success error fatal emergency again back online offline unreachable reachable unavailable available restored fixed solved degraded"
    " acknowledged acknowledgement ack acked reopened is are was has have been now in on to no longer new started ended notification"
)


def title_of(subject: str, mailing_list: str = "") -> str:
    """The subject without Re: and Fwd:, the stamps of gateways and the tag of the mailing list; other tags tell something and stay."""
    said = " ".join(subject[:LONGEST_SUBJECT].split())
    for _ in range(10):
        shorter = _STAMP.sub("", said, count=1) if _STAMP.match(said) else said
        shorter = shorter[found.end() :] if (found := _REPLY.match(shorter)) else shorter
        tag = _LIST.match(shorter)
        if tag and mailing_list and tag[1].lower().strip() in mailing_list.lower() and shorter[tag.end() :]:
            shorter = shorter[tag.end() :]
        if shorter == said or not shorter.strip():
            break
        said = shorter
    return said.strip()


def status_of(title: str, text: str = "") -> EventStatus:
    """How it stands: by the state that the subject begins with, then by what it says to be so, then by a line of the text such as
    `Status: OK`. What is not said to be over is a problem."""
    begins = _leading(title)
    if begins:
        return begins
    trouble = _trouble(title)
    if _BACK.search(title) or _affirmed(_SAID, title) or _affirmed(_CLOSED, title):
        return "resolved"
    if not trouble and (_affirmed(_LAST, title) or (not title.isupper() and _affirmed(_CAPITALS, title))):
        return "resolved"
    if trouble:
        return "firing"
    for line in text.splitlines()[:MOST_BODY_LINES]:
        if (found := _BODY_STATE.match(line[:200])) and (state := words.status_of(found[1])):
            return state
    return "firing"


def severity_of(title: str, headers: dict[str, str]) -> tuple[SourceSeverity | None, str]:
    """The level, and the word that it was taken from: a word of the subject, else what the headers for the priority say."""
    for word in _WORD.findall(title.lower()):
        if level := _SEVERITIES.get(word):
            return level, word
    for name in ("x-priority", "importance", "priority", "x-msmail-priority"):
        word = headers.get(name, "").strip().lower().partition(" ")[0]
        if level := _HEADER_LEVELS.get(word):
            return level, f"{name}: {word}"
    return None, ""


def identity_of(title: str) -> str:
    """What the mails of one problem share: the subject without words for its state and without numbers that change from mail to mail."""
    if found := _NAMED_FIRST.match(title):
        return found[1].lower().strip()
    said = _VOLATILE.sub(" ", _GLUED.sub(r"\1 ", title))
    said = _STATE_TAG.sub(lambda found: " " if found[1].lower() in _STATE_WORDS else found[0], said)
    kept = [word for word in re.findall(r"[\w./:@#$%-]*\w|[^\w\s]", said.lower()) if word.strip(".:-/") not in _STATE_WORDS]
    name = " ".join(word for word in kept if any(letter.isalnum() for letter in word))
    # web1/HTTP is CRITICAL: the state may hang on a slash or a colon
    return re.sub(r"\s+", " ", name).strip(" .:-") or " ".join(title.lower().split())


def _leading(title: str) -> EventStatus | None:
    for symbol, state in _SYMBOLS.items():
        if symbol in title[:60]:
            return state  # type: ignore[return-value]
    rest = title
    for _ in range(4):  # a tag that tells no state may stand before one that does
        found = _LEAD.match(rest)
        if found is None:
            return None
        said = [word.lower() for word in _WORD.findall(found["tag"] or found["word"] or "")]
        if not said:
            return None
        if _NOT & set(said):
            return "firing"
        for state, known in (("resolved", _ENDED), ("acknowledged", _ACKED), ("firing", _TROUBLE)):
            if known & set(said):
                return state  # type: ignore[return-value]
        if not found["tag"]:
            return None
        rest = rest[found.end() :]
    return None


def _trouble(title: str) -> bool:
    return any(word in _TROUBLE for word in _WORD.findall(_BACK.sub(" ", title).lower()))


def _affirmed(pattern: re.Pattern[str], title: str) -> bool:
    """Whether it is said, and not denied by a word close before it: "could not be resolved"."""
    for found in pattern.finditer(title):
        before = _WORD.findall(title[: found.end()].lower())[-5:-1]
        if not _NOT & set(before):
            return True
    return False
