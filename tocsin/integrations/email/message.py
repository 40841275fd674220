"""What is in a mail: subject, text, sender, a few headers, the names of the attachments? Any bytes; bounded in depth, parts, lines and time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.feedparser import BytesFeedParser
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import EmailPolicy
from email.utils import parsedate_to_datetime
from html import unescape
from html.parser import HTMLParser

from tocsin.integrations import reading

DEEPEST_PARTS = 32
MOST_PARTS = 1_000
MOST_LINES = 50_000  # of one mail; what follows is not read
LONGEST_HEADER = 4_000  # characters of one header
MOST_HEADERS = 500
MOST_ATTACHMENTS = 100  # of which the names are kept
LARGEST_HTML = 262_144  # characters of HTML that are made into text
KEPT = (
    "subject", "from", "reply-to", "date", "message-id", "in-reply-to", "references", "list-id", "x-priority", "importance", "priority",
    "x-msmail-priority", "auto-submitted", "precedence", "x-autoreply", "x-autorespond", "x-tocsin-page", "x-mailer", "x-alert-id", "x-severity",
)  # fmt: skip
_WORTHLESS = frozenset(("script", "style", "title", "template", "noscript"))
_BREAKS = frozenset(
    ("p", "div", "br", "tr", "table", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "blockquote", "pre", "section", "article",
     "header", "footer", "dt", "dd")
)  # fmt: skip
_HREF = re.compile(r"""<a\s[^<>]{0,500}?href=["']?(https?://[^\s<>"']{4,1900})""", re.I)
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,190}")


@dataclass(slots=True)
class Mail:
    """A mail as it is read: texts in Unicode, bounded; `headers` by lower-case name. `note` tells what could not be read.

    `report`: a mail server's, on what became of another mail. `link` is the first of its HTML.
    """

    subject: str = ""
    text: str = ""
    sender: str = ""  # the address alone
    headers: dict[str, str] = field(default_factory=dict)
    attachments: list[str] = field(default_factory=list)
    note: str = ""
    report: bool = False
    link: str = ""


class _BoundsError(Exception):
    pass


class _Policy(EmailPolicy):
    """The default policy with the headers cut before they are looked at: parsing a giant one takes minutes."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name[:200], value[:LONGEST_HEADER]


_POLICY = _Policy(raise_on_defect=False, message_factory=Message)


def read(content: bytes) -> Mail:
    """The mail in these bytes. Never raises: what is too deep or broken is read by its headers, with its bare text."""
    content = _cut(content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    try:
        return _read(_parsed(content))
    except Exception as error:  # whatever a hostile mail makes the standard library raise: its headers still tell something
        why = str(error) if isinstance(error, _BoundsError) else "its parts cannot be read"
        return _heads_alone(content, why)


def _cut(content: bytes) -> bytes:
    if content.count(b"\n") <= MOST_LINES:
        return content
    return b"\n".join(content.split(b"\n", MOST_LINES)[:MOST_LINES])


def _parsed(content: bytes) -> Message:
    # Each open level is asked about each line, so depth is bounded before anything is parsed.
    lower = content.lower()
    if lower.count(b"boundary") > 2 * DEEPEST_PARTS and _levels(lower) > DEEPEST_PARTS:
        raise _BoundsError(f"the mail has more than {DEEPEST_PARTS} levels or forms of parts")
    if lower.count(b"message/rfc822") + lower.count(b"message/delivery") + lower.count(b"message/global") > DEEPEST_PARTS:
        raise _BoundsError(f"the mail has more than {DEEPEST_PARTS} mails inside it")
    count = 0

    def part(policy: EmailPolicy) -> Message:
        nonlocal count
        count += 1
        if count > MOST_PARTS:
            raise _BoundsError(f"the mail has more than {MOST_PARTS:,} parts")
        return Message(policy)

    parser = BytesFeedParser(part, policy=_POLICY)  # type: ignore[arg-type]  # it calls it with its policy
    parser.feed(content)
    return parser.close()


def _levels(lower: bytes) -> int:
    """At most so many levels: each needs a boundary of its own to be announced."""
    return len(re.findall(rb"boundary(?:\*\d*\*?)?\s*=", lower))


def _read(message: Message) -> Mail:
    mail = _heads(message)
    mail.report = message.get_content_type() == "multipart/report"
    plain: list[str] = []
    html: list[str] = []
    for part in _leaves(message):
        kind, name = part.get_content_type(), _file_name(part)
        if name or part.get_content_disposition() == "attachment" or part.get_content_maintype() not in ("text", "multipart", "message"):
            if len(mail.attachments) < MOST_ATTACHMENTS:
                mail.attachments.append(name or kind[:100])
        elif kind == "text/html":
            html.append(_text_of(part, LARGEST_HTML) if not html else "")
        elif part.get_content_maintype() == "text" and sum(map(len, plain)) < reading.LONGEST_TEXT:
            plain.append(_text_of(part, reading.LONGEST_TEXT))
    text = "\n\n".join(one for one in plain if one.strip())
    mail.text = reading.text(text if text.strip() else as_text("".join(html)))
    mail.link = next((unescape(found[1]) for found in _HREF.finditer("".join(html))), "")
    return mail


def _leaves(message: Message) -> list[Message]:
    found: list[Message] = []
    waiting = [message]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop()
        inside = part.get_payload() if part.is_multipart() else None
        if isinstance(inside, list):
            waiting.extend(one for one in reversed(inside) if isinstance(one, Message))
        else:
            found.append(part)
    return found


def _heads(message: Message) -> Mail:
    headers: dict[str, str] = {}
    for name, value in list(message.raw_items())[:MOST_HEADERS]:  # type: ignore[attr-defined]
        name = name.lower()
        if name in KEPT and name not in headers:
            headers[name] = reading.text(decoded(str(value)), LONGEST_HEADER)
    return Mail(" ".join(headers.pop("subject", "").split()), sender=address_of(headers.get("from", "")), headers=headers)


def _heads_alone(content: bytes, why: str) -> Mail:
    try:
        mail = _heads(BytesHeaderParser(policy=_POLICY).parsebytes(content[:65_536]))
    except Exception:
        mail = Mail()
    body = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[-1]
    mail.text = reading.text(body[: reading.LONGEST_TEXT].decode("utf-8", "replace"))
    mail.note = f"only the headers of the mail were read: {why}"
    return mail


def _file_name(part: Message) -> str:
    try:
        return reading.text(decoded(part.get_filename() or ""), 200)
    except Exception:
        return "unnamed"


def _text_of(part: Message, limit: int) -> str:
    body = part.get_payload(decode=True)
    content = body[: 4 * limit] if isinstance(body, bytes) else b""
    for charset in (part.get_content_charset(), "utf-8", "cp1252"):
        try:
            return content.decode(charset or "utf-8")[:limit]
        except (LookupError, ValueError):
            continue
    return content.decode("utf-8", "replace")[:limit]


def decoded(value: str) -> str:
    """A header in Unicode: encoded words decoded, bytes that nobody named a character set for as UTF-8 or Western European."""
    flat = value.replace("\r", "").replace("\n", "")[:LONGEST_HEADER]
    try:
        parts = decode_header(_unescaped(flat)) if "=?" in flat else [(flat, None)]
    except Exception:
        return _unescaped(flat)
    said = []
    for text, charset in parts:
        if isinstance(text, str):
            said.append(_unescaped(text))
            continue
        try:
            said.append(text.decode(charset or "ascii"))
        except (LookupError, ValueError):
            said.append(_bytes_as_text(text))
    return "".join(said)


def _unescaped(value: str) -> str:
    if not any("\udc80" <= letter <= "\udcff" for letter in value):
        return value
    return _bytes_as_text(value.encode("utf-8", "surrogateescape"))


def _bytes_as_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def address_of(value: str) -> str:
    """The mail address in a From header, small letters; nothing where there is none."""
    found = _ADDRESS.findall(value[:LONGEST_HEADER])
    return found[-1].lower() if found else ""


def sent_at(mail: Mail) -> str:
    """The Date header in ISO form; nothing where it cannot be read."""
    try:
        return parsedate_to_datetime(mail.headers.get("date", "")[:100]).isoformat()
    except Exception:
        return ""


# -- HTML ---------------------------------------------------------------------------------------------------------------


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.hidden = ""
        self.size = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _WORTHLESS:
            self.hidden = self.hidden or tag
        elif tag == "body":
            self.hidden = ""
        elif tag in _BREAKS:
            self.said.append("\n")
        elif tag in ("td", "th"):
            self.said.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.hidden:
            self.hidden = ""
        elif tag in _BREAKS:
            self.said.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden and self.size < reading.LONGEST_TEXT:
            flat = re.sub(r"\s+", " ", data)
            self.size += len(flat)
            self.said.append(flat)


_MARK = re.compile(r"<(?:(/?[a-zA-Z][a-zA-Z0-9]{0,15})(?![a-zA-Z0-9])[^<>]*>|[!?][^<>]*>|)")


def _bare(html: str) -> str:
    """The same with nothing but whole tags without attributes: what is left open makes the parser look again and again for its end."""
    shown, at = [], 0
    while (begin := html.find("<!--", at)) >= 0:
        shown.append(html[at:begin])
        end = html.find("-->", begin + 4)
        at = end + 3 if end >= 0 else len(html)
    shown.append(html[at:])
    return _MARK.sub(lambda found: f"<{found[1]}>" if found[1] else "&lt;" if found[0] == "<" else "", "".join(shown))


def as_text(html: str) -> str:
    """The words of an HTML mail, a line for each block; scripts, styles and comments are left out."""
    words = _Words()
    try:
        words.feed(_bare(html[:LARGEST_HTML]))
        words.close()
    except Exception:
        return re.sub(r"<[^<>]{0,500}>", " ", html[: reading.LONGEST_TEXT])
    lines = [" ".join(line.split()) for line in "".join(words.said).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
