"""How is a procedure written as Markdown, and read back? Lossless both ways.

What the text says in words is read into numbers by `reading`. What it cannot say (how often updates repeat, say) stands in one fenced
block of JSON at the end, and only where it differs from what the words give; so a document that people wrote exports as they wrote it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tocsin.domain.procedure import reading
from tocsin.domain.procedure.model import Block, Item, Procedure, Role, Settings, Severity, Step, Template
from tocsin.domain.procedure.plain import FormError, from_plain, to_plain

LEVELS, STEPS, TEMPLATES = "Incident Severity Levels", "Incident Response Steps", "Communication Templates"
ROLES, POSTMORTEM, SETTINGS = "Roles and Responsibilities", "Post-Mortem Template", "Settings"
_TEMPLATE_TITLES = {"public_update": "Status Page Update", "internal_update": "Internal Update"}
_NAMES = {title: name for name, title in _TEMPLATE_TITLES.items()}
LONGEST = 200_000


def to_markdown(procedure: Procedure) -> str:
    """The document as people read it, ending with one line break."""
    text = _write(procedure)
    said = to_plain(_read(text))
    patch = _difference(said, to_plain(procedure))
    if patch:
        text += f"\n## {SETTINGS}\n\n```json\n{json.dumps(patch, indent=2, ensure_ascii=False)}\n```\n"
    return text


def from_markdown(text: str) -> Procedure:
    """The procedure of that document. Raises FormError naming the line."""
    text = text.replace("\r\n", "\n").lstrip("\ufeff")
    if len(text) > LONGEST:
        raise FormError("document", f"at most {LONGEST:,} characters are read")
    if not text.endswith("\n"):
        text += "\n"
    body, mark, rest = text.rpartition(f"\n## {SETTINGS}\n\n```json\n")
    if not mark:
        return _read(text)
    try:
        patch = json.loads(rest.removesuffix("```\n"))
    except ValueError as error:
        raise FormError(SETTINGS, f"the block must be JSON ({error})") from None
    if not isinstance(patch, dict):
        raise FormError(SETTINGS, "the block must be a JSON object")
    return from_plain(_patched(to_plain(_read(body)), patch))


# -- writing ------------------------------------------------------------------------------------------------------------


def _write(procedure: Procedure) -> str:
    parts = [f"# {procedure.title}", procedure.scope, f"## {LEVELS}", *(_severity(s) for s in procedure.severities), f"## {STEPS}"]
    templates = {template.name: template.text for template in procedure.templates}
    parts += [_step(step, templates) for step in procedure.steps]
    parts.append(f"## {TEMPLATES}")
    parts += [f"### {title}\n\n```\n{templates[name]}\n```" for name, title in _TEMPLATE_TITLES.items() if name in templates]
    parts.append(f"## {ROLES}")
    parts += [
        "\n\n".join([f"### {role.title}", *(["\n".join(f"- {duty}" for duty in role.duties)] if role.duties else [])])
        for role in procedure.roles
    ]
    if "postmortem" in templates:
        parts.append(f"## {POSTMORTEM}\n\n```markdown\n{templates['postmortem']}\n```")
    return "\n\n".join(parts) + "\n"


def _severity(severity: Severity) -> str:
    lines = [f"**Response Time:** {severity.response.text}", f"**Escalation:** {severity.escalation.text}"]
    if severity.communication:
        lines.append(f"**Communication:** {severity.communication.text}")
    parts = [f"### {severity.id} - {severity.name}", f"**Definition:** {severity.definition}", "\n".join(lines)]
    if severity.examples:
        parts.append("\n".join(["**Examples:**", *(f"- {example.text}" for example in severity.examples)]))
    return "\n\n".join(parts)


def _step(step: Step, templates: dict[str, str]) -> str:
    parts = [f"### Step {step.number}: {step.title}"]
    for block in step.blocks:
        if block.template:
            parts.append(f"```\n{templates[block.template]}\n```")
            continue
        lines = [f"**{block.heading}**"] if block.heading else []
        lines += [f"{n}. {item.text}" if block.ordered else f"- {item.text}" for n, item in enumerate(block.items, start=1)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


# -- reading ------------------------------------------------------------------------------------------------------------


def _read(text: str) -> Procedure:
    title, scope, sections = _split(text)
    steps, templates = _steps(sections.get(STEPS, []))
    postmortem = re.search(r"```markdown\n(.*?)\n```\n*\Z", "\n".join(sections.get(POSTMORTEM, [])) + "\n", re.DOTALL)
    for name, lines in _subsections(sections.get(TEMPLATES, [])):
        if name not in _NAMES:
            raise FormError(f"{TEMPLATES}, {name!r}", f"the templates are {' and '.join(_NAMES)}")
        fence = re.search(r"```\n(.*?)\n```", "\n".join(lines), re.DOTALL)
        templates.append(reading.template(_NAMES[name], fence[1] if fence else ""))
    if postmortem:
        templates.append(reading.template("postmortem", postmortem[1]))
    required, hours = _postmortem_rule(steps)
    severities = tuple(
        _read_severity(head, lines, rank, required) for rank, (head, lines) in enumerate(_subsections(sections.get(LEVELS, [])), start=1)
    )
    roles = tuple(
        Role(reading.slug(head, "_"), head, tuple(line[2:] for line in lines if line.startswith("- ")))
        for head, lines in _subsections(sections.get(ROLES, []))
    )
    settings = Settings() if hours is None else Settings(postmortem_within_hours=hours)
    return Procedure(title, scope, severities, tuple(steps), roles, tuple(templates), settings)


def _split(text: str) -> tuple[str, str, dict[str, list[str]]]:
    """Title, scope, and the lines of each section of the second level; fenced blocks are not looked into."""
    title = ""
    scope: list[str] = []
    sections: dict[str, list[str]] = {}
    current, fenced = scope, False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and line.startswith("# ") and not title:
            title = line[2:]
        elif not fenced and line.startswith("## "):
            name = line[3:]
            if name not in (LEVELS, STEPS, TEMPLATES, ROLES, POSTMORTEM):
                raise FormError(f"line {number}", f"the sections are {LEVELS}, {STEPS}, {TEMPLATES}, {ROLES}, {POSTMORTEM}; found {name!r}")
            current = sections.setdefault(name, [])
        else:
            current.append(line)
    if not title:
        raise FormError("line 1", "the document begins with its title: # Incident Response Procedures")
    return title, "\n".join(scope).strip("\n"), sections


def _subsections(lines: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    fenced = False
    for line in lines:
        fenced ^= line.startswith("```")
        if line.startswith("### ") and not fenced:
            found.append((line[4:], []))
        elif found:
            found[-1][1].append(line)
    return found


def _read_severity(head: str, lines: list[str], rank: int, postmortem: frozenset[str]) -> Severity:
    id, dash, name = head.partition(" - ")
    fields = dict(re.findall(r"^\*\*(Definition|Response Time|Escalation|Communication):\*\* (.*)$", "\n".join(lines), re.MULTILINE))
    for needed in ("Definition", "Response Time", "Escalation"):
        if needed not in fields or not dash:
            raise FormError(f"severity {id!r}", f"it needs a heading '### SEV1 - Critical' and a line **{needed}:**")
    reach = reading.reach(fields["Escalation"])
    return Severity(
        id, name, fields["Definition"], reading.response(fields["Response Time"]), reach,
        communication=reading.communication(fields["Communication"]) if "Communication" in fields else None,
        examples=tuple(reading.example(line[2:]) for line in lines if line.startswith("- ")), rank=rank,
        channel=not reach.ticket, postmortem_required=id in postmortem, watch_minutes=30 if reach.page else 0,
    )  # fmt: skip


def _steps(lines: list[str]) -> tuple[list[Step], list[Template]]:
    steps: list[Step] = []
    templates: list[Template] = []
    ids: set[str] = set()
    for number, (head, body) in enumerate(_subsections(lines), start=1):
        title = re.fullmatch(rf"Step {number}: (.+)", head)
        if not title:
            raise FormError(f"{STEPS}, {head!r}", f"the heading of this step is '### Step {number}: Title'")
        blocks = []
        for text in _blocks(body):
            if text.startswith("```"):
                templates.append(reading.template("declaration", text.removeprefix("```\n").removesuffix("\n```")))
                blocks.append(Block(template="declaration"))
            else:
                blocks.append(_block(text, ids))
        steps.append(Step(reading.slug(title[1]), number, title[1], tuple(blocks)))
    return steps, templates


def _blocks(lines: list[str]) -> list[str]:
    """The paragraphs of a step; a fenced block is one, blank lines and all."""
    parts = re.split(r"(^```\n.*?\n```$)", "\n".join(lines), flags=re.DOTALL | re.MULTILINE)
    return [
        piece
        for part in parts
        for piece in ([part] if part.startswith("```\n") else re.split(r"\n{2,}", part.strip("\n")))
        if piece.strip()
    ]


def _block(text: str, ids: set[str]) -> Block:
    lines = text.split("\n")
    heading = re.fullmatch(r"\*\*(.+)\*\*", lines[0])
    entries = lines[1:] if heading else lines
    ordered = bool(entries) and bool(re.match(r"\d+\. ", entries[0]))
    items = []
    for line in entries:
        entry = re.fullmatch(r"(?:\d+\.|-) (.+)", line)
        if not entry:
            raise FormError(f"{STEPS}, {line[:60]!r}", "a step has lists ('1. …' or '- …'), headings in bold and fenced templates")
        base = id = reading.slug(entry[1])
        count = 2
        while id in ids:
            id, count = f"{base}-{count}", count + 1
        ids.add(id)
        items.append(Item(id, entry[1]))
    return Block(heading[1] if heading else "", ordered, tuple(items))


def _postmortem_rule(steps: list[Step]) -> tuple[frozenset[str], int | None]:
    """Which severities owe a post-mortem and within how many hours: "Schedule post-mortem (within 48 hours for SEV1/2)"."""
    for step in steps:
        for block in step.blocks:
            for item in block.items:
                if found := re.search(r"post-mortem \(within (\d+) hours for SEV([\d/]+)\)", item.text, re.IGNORECASE):
                    return frozenset(f"SEV{digit}" for digit in found[2].split("/")), int(found[1])
    return frozenset(), None


# -- what the words do not say ---------------------------------------------------------------------------------------------


def _difference(said: Any, meant: Any) -> dict[str, Any]:
    """{"severities.0.watch_minutes": 45}: where the document means something else than its words say; None removes a field."""
    patch: dict[str, Any] = {}
    _compare(said, meant, "", patch)
    return patch


def _compare(said: Any, meant: Any, place: str, patch: dict[str, Any]) -> None:
    def inside(name: str | int) -> str:
        return f"{place}.{name}" if place else str(name)

    if isinstance(said, dict) and isinstance(meant, dict):
        for name in sorted({*said, *meant}):
            if name not in meant:
                patch[inside(name)] = None
            elif name not in said:
                patch[inside(name)] = meant[name]
            else:
                _compare(said[name], meant[name], inside(name), patch)
    elif isinstance(said, list) and isinstance(meant, list) and len(said) == len(meant):
        for n, (before, after) in enumerate(zip(said, meant, strict=True)):
            _compare(before, after, inside(n), patch)
    elif said != meant:
        patch[place] = meant


def _patched(plain: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    for place, value in patch.items():
        *path, last = place.split(".")
        node: Any = plain
        try:
            for name in path:
                node = node[int(name)] if isinstance(node, list) else node.setdefault(name, {})
            if isinstance(node, list):
                node[int(last)] = value
            elif value is None:
                node.pop(last, None)
            else:
                node[last] = value
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            raise FormError(f"{SETTINGS}, {place!r}", "there is no such place in the document") from None
    return plain
