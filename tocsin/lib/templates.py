"""How is a text of somebody's making filled in? minijinja with a fuel limit, plain values only, nothing to call or to reach (D15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import minijinja

FUEL = 20_000  # steps: about a millisecond
LONGEST_MADE = 64 * 1024  # characters


class BadTemplateError(ValueError):
    """The template cannot be read or does not end; the sentence may be shown."""


GLOBALS = ("cycler", "debug", "dict", "joiner", "namespace", "range")  # taken away: `debug` shows every value
ESCAPES = {"xml": "html", "html": "html", "json": "json", "txt": None}


def _environment(form: str = "txt") -> minijinja.Environment:
    # without debug: errors would show the values
    made = minijinja.Environment(
        debug=False,
        undefined_behavior="chainable",
        fuel=FUEL,
        auto_escape_callback=lambda _: ESCAPES[form],  # type: ignore[arg-type]
    )
    for name in GLOBALS:
        made.remove_global(name)
    return made


def render(template: str, values: Mapping[str, Any], *, form: str = "txt") -> str:
    """The template with its values; `form` xml, html or json escapes them as that wants it. Raises BadTemplateError."""
    try:
        made = _environment(form).render_str(template, **values)
    except minijinja.TemplateError as error:
        raise BadTemplateError(_sentence(error)) from None
    if len(made) > LONGEST_MADE:
        raise BadTemplateError(f"It makes more than {LONGEST_MADE:,} characters.")
    return made


def value(expression: str, values: Mapping[str, Any]) -> Any:
    """What an expression comes to; None where it leads to nothing. Raises BadTemplateError."""
    try:
        return _environment().eval_expr(expression, **values)
    except minijinja.TemplateError as error:
        raise BadTemplateError(_sentence(error)) from None


def _sentence(error: minijinja.TemplateError) -> str:
    first = str(error).splitlines()[0]
    return f"It cannot be read: {first[:200]}."
