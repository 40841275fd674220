"""How are the {fields} in what a routing rule adds filled in?"""

from __future__ import annotations

from urllib.parse import quote

from tocsin.domain.rule_model import LONGEST_MATCHED, View, is_field, text_of


def render(template: str, view: View, *, address: bool = False) -> str:
    """A template with its {fields} filled in; in an address they are quoted, unless the address begins with one."""
    if "{" not in template:
        return template
    filled = []
    for place, (named, part) in enumerate(_parts(template)):
        if not named:
            filled.append(part)
            continue
        value = text_of(view.value(part))[:LONGEST_MATCHED]
        filled.append(quote(value, safe="") if address and place else value)
    return "".join(filled)


def placeholders(template: str) -> list[str]:
    """The fields that a template names."""
    return [part for named, part in _parts(template) if named]


def address_of(text: str) -> str:
    """A filled-in address, where it still is one."""
    good = text.startswith(("http://", "https://")) and len(text) <= 2000 and not any(sign.isspace() or sign in "<>\"'" for sign in text)
    return text if good else ""


def _parts(template: str) -> list[tuple[bool, str]]:
    """The pieces of a template: (is it the name of a field, text)."""
    parts, rest = [], template
    while rest:
        before, brace, after = rest.partition("{")
        inside, closing, tail = after.partition("}")
        if brace and closing and is_field(inside):
            parts += [(False, before)] if before else []
            parts.append((True, inside))
            rest = tail
        else:
            parts.append((False, before + brace))
            rest = after
    return parts
