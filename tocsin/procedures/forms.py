"""How does a procedure look as a file, and how is a file read without trusting it? YAML, JSON and Markdown, told apart by what they are."""

from __future__ import annotations

from typing import Any, Literal

import yaml

from tocsin.domain.procedure import FormError, from_markdown, from_plain, to_markdown, to_plain
from tocsin.domain.procedure.model import Procedure

LONGEST = 200_000
DEEPEST = 16
MOST_NODES = 20_000

Form = Literal["yaml", "markdown"]


class _Loader(yaml.SafeLoader):
    """Safe YAML with limits on depth and size, without aliases (they let a short text become a huge document)."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise FormError(f"line {self.peek_event().start_mark.line + 1}", "aliases (*name) are not read here; write the value out")
        self.depth += 1
        self.nodes += 1
        if self.depth > DEEPEST or self.nodes > MOST_NODES:
            raise FormError(f"line {self.peek_event().start_mark.line + 1}", f"at most {DEEPEST} levels and {MOST_NODES:,} values are read")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, lists indented as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def to_yaml(procedure: Procedure) -> str:
    """The procedure as YAML text; fields that have their default are left out."""
    return yaml.dump(to_plain(procedure), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def from_yaml(text: str) -> Procedure:
    """The procedure of that YAML (or JSON) text. Raises FormError naming the line or the place."""
    return from_plain(plain_of(text))


def plain_of(text: str) -> Any:
    """The plain values of a YAML or JSON text, within limits. Raises FormError naming the line."""
    if len(text) > LONGEST:
        raise FormError("document", f"at most {LONGEST:,} characters are read")
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FormError(f"line {mark.line + 1}" if mark else "document", f"this is not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, FormError):
            raise
        raise FormError("document", "this is not valid YAML") from None


def read(text: str, form: Form | None = None) -> Procedure:
    """The procedure of a text in either form; without `form`, a text whose first line is a heading is Markdown."""
    markdown = form == "markdown" or (form is None and text.lstrip("\ufeff \n").startswith("# "))
    return from_markdown(text) if markdown else from_yaml(text)


def write(procedure: Procedure, form: Form) -> str:
    """The text of a procedure in that form."""
    return to_markdown(procedure) if form == "markdown" else to_yaml(procedure)
