"""Which procedure does Tocsin ship with? The text of default.md, read as anybody's document is read."""

from __future__ import annotations

from functools import cache
from importlib import resources

from tocsin.domain.procedure.markdown import from_markdown
from tocsin.domain.procedure.model import Procedure


@cache
def default_text() -> str:
    """The Markdown of the default procedure, byte for byte."""
    return resources.files("tocsin.domain.procedure").joinpath("default.md").read_text(encoding="utf-8")


@cache
def default() -> Procedure:
    """The default procedure."""
    return from_markdown(default_text())
