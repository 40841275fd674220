"""What does a script say that changed something? A line of text, a form or an object with a summary; it never pages.

Our own format, for `curl -d 'Deploy checkout 4.2' …/in/{key}/change`. What the body does not say may stand in the query: `?service=checkout`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_body import body_of
from tocsin.integrations.reading_item import JsonSource, event, first

SUMMARY = ("summary", "title", "message", "text", "description", "name")
LABELS = {
    "author": ("author.name", "author", "user.name", "user", "by"), "revision": ("revision", "commit", "sha", "version"),
    "environment": ("environment", "env"), "source": ("source",),
}  # fmt: skip
MISSING = 'nothing says what was changed: send a line of text, or JSON with a "summary"'


class Changes(JsonSource):
    """One change, or a list of them."""

    kind = "change"
    label = "Changes by one line of curl"
    category = "Changes"
    about = (
        "At the end of a pipeline, or wherever something is changed:\ncurl -d 'Deploy checkout 4.2' '{address}?service=checkout'\n"
        "JSON may say more: summary, service, link, author, revision, environment, kind, at."
    )
    sample = {
        "summary": "Deploy checkout 4.2",
        "service": "checkout",
        "author": "Ana",
        "revision": "9f2c1e7",
        "link": "https://ci.example/builds/71",
    }
    what = "a change"

    def items(self, body: Any) -> list[Any]:
        """The changes."""
        if body == [] or body == {}:
            raise UnreadableError(MISSING)
        return super().items(body)

    def parse(self, received: Received) -> list[Event]:
        """The changes. Raises UnreadableError where nothing says what was changed."""
        content = received.body.removeprefix(b"\xef\xbb\xbf").strip()
        if content and ("json" in received.content_type.lower() or not reading.may_be_text(content) or _is_form(received)):
            return super().parse(received)
        try:
            words = content.decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadableError("the text is not UTF-8") from None
        more = {"text": words} if "\n" in words else {}
        return [self.read({"summary": reading.first_line(words), **more} if words else {}, received)]

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change."""
        said = {**dict(parse_qsl(received.headers.get(":query", ""))), **item}
        summary = first(said, *SUMMARY)
        if not summary:
            raise UnreadableError(MISSING)
        return event(
            "change", "change", said, received, title=[summary], service=first(said, "service.name", "service", "app", "application"),
            started=[said.get(name) for name in ("at", "timestamp", "time", "finished_at", "started_at")],
            link=[said.get(name) for name in ("link", "url", "href")], labels={name: first(said, *paths) for name, paths in LABELS.items()},
        )  # fmt: skip


def _is_form(received: Received) -> bool:
    """A form with a field of ours; `curl -d` calls everything a form, a line of text as well."""
    try:
        form = body_of(received)
    except UnreadableError:
        return False
    return isinstance(form, (dict, list)) and (isinstance(form, list) or any(name in form for name in SUMMARY))


SOURCE = Changes()
