"""What do feed readers get? The history as Atom and RSS, an entry for each incident and maintenance, its updates newest first; a calendar of maintenance."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.utils import feedgenerator
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from icalendar import Calendar, Event

from tocsin.statuspage.content import Content

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)


class _Rss(feedgenerator.Rss201rev2Feed):
    """RSS whose item is identified by the incident's address."""


def files(content: Content) -> dict[str, bytes]:
    """history.atom, history.rss, and history.ics with the maintenance."""
    return {
        "history.atom": _feed(feedgenerator.Atom1Feed, content, "history.atom"),
        "history.rss": _feed(_Rss, content, "history.rss"),
        "history.ics": _calendar(content),
    }


def _feed(kind: type[feedgenerator.SyndicationFeed], content: Content, name: str) -> bytes:
    host = urlsplit(content.url).hostname
    title = clean(f"{content.page.name}: incident history")
    feed = kind(
        title=title, link=content.url, description=title, language="en-GB", feed_url=content.url + name,
        feed_guid=f"tag:{host},2005:{content.page.code}",
    )  # fmt: skip
    rows = [*content.incidents, *content.maintenances]
    for row in sorted(rows, key=lambda one: datetime.fromisoformat(one["created_at"]), reverse=True):
        atom = kind is feedgenerator.Atom1Feed
        feed.add_item(
            title=clean(row["name"]), link=row["shortlink"], description=clean(_body(row)),
            unique_id=f"tag:{host},2005:Incident/{row['id']}" if atom else row["shortlink"], unique_id_is_permalink=None if atom else True,
            pubdate=datetime.fromisoformat(row["created_at"]), updateddate=datetime.fromisoformat(row["updated_at"]),
        )  # fmt: skip
    return feed.writeString("utf-8").encode()


def _calendar(content: Content) -> bytes:
    """Each maintenance as an event; what was taken off the page is in it no more."""
    host = urlsplit(content.url).hostname
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//Status page//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"{content.page.name}: maintenance")
    for row in content.maintenances:
        event = Event()
        event.add("uid", f"{row['id']}@{host}")
        event.add("dtstamp", datetime.fromisoformat(row["updated_at"]).astimezone(UTC))
        event.add("dtstart", datetime.fromisoformat(row["scheduled_for"]).astimezone(UTC))
        event.add("dtend", datetime.fromisoformat(row["scheduled_until"]).astimezone(UTC))
        event.add("summary", clean(row["name"]))
        event.add("description", clean("\n\n".join(update["body"] for update in row["incident_updates"])))
        event.add("url", row["shortlink"])
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _body(row: dict) -> str:
    return format_html_join(
        "\n",
        "<p><small>{}</small><br><strong>{}</strong> - {}</p>",
        (
            (update["display_at"], update["status"].replace("_", " ").capitalize(), lines(update["body"]))
            for update in row["incident_updates"]
        ),
    )


def lines(text: str) -> str:
    """The text as HTML, its line breaks kept."""
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in text.splitlines()))
