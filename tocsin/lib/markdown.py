"""How does Markdown that people wrote become HTML that is safe to show?"""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

TAGS = {
    "a", "b", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre",
    "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
LIMIT = 100_000
_parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True}).enable(["table", "strikethrough"])


def html(text: str) -> str:
    """HTML of that Markdown (CommonMark with tables), cleaned: no scripts, styles, images or raw HTML; links open without a referrer."""
    return nh3.clean(
        _parser.render(text[:LIMIT]),
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}, "td": {"align"}, "th": {"align"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
    )
