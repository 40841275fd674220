"""Is the reference in docs/reference true? Commands, settings, addresses and limits are compared with the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import typer

from tocsin.cli.commands import app
from tocsin.intake import addresses
from tocsin.urls import urlpatterns
from tocsin.web import gate

HOUSE = Path(__file__).parent.parent
SOURCES = HOUSE / "tocsin"
UNITS = {
    "s": 1, "min": 60, "minutes": 60, "h": 3600, "day": 86_400, "days": 86_400, "bytes": 1, "characters": 1, "KiB": 1024, "MiB": 1024**2, "": 1,
}  # fmt: skip
LIMIT_NAME = re.compile(r"(LONGEST|LARGEST|MOST|DEEPEST|SHORTEST)(_|$)|_LIMIT$|LIFETIME|RATE_LIMITS")
# Lengths within one module's own work, which nobody outside can meet.
INNER = {"tocsin.domain.obligations.SHORTEST_GRACE", "tocsin.domain.obligations.LONGEST_GRACE", "tocsin.web.clocks.SOON_AT_MOST"}


def page(name: str) -> str:
    return (HOUSE / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of every table, heads and rulers left out."""
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and not line.startswith("| ---") and not following.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCES.rglob("*.py")):
        if "migrations" not in path.parts:
            yield ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__"), path.read_text(encoding="utf-8")


# -- commands -----------------------------------------------------------------------------------------------------------


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        elif not command.hidden:
            yield " ".join((*path, name)), command


def shown(parameter: Any) -> str:
    return parameter.name.upper() if parameter.param_type_name == "argument" else parameter.opts[0]


def test_each_command_is_described_with_its_options_and_defaults():
    sections = re.split(r"^### `tocsin ", page("commands"), flags=re.MULTILINE)[1:]
    described = {}
    for section in sections:
        usage = section.partition("`")[0]
        described[re.split(r" [\[A-Z]", usage)[0]] = {cells[0].strip("`"): cells[1].strip("`") for cells in rows(section)}
    real = {}
    for name, command in commands(typer.main.get_command(app)):
        defaults = {True: "required", False: ""}
        real[name] = {
            shown(one): defaults.get(one.required or one.default) if one.required or one.default in (None, False, "") else str(one.default)
            for one in command.params
            if one.name != "data"
        }
        real[name] = {option: default or "" for option, default in real[name].items()}
    assert described == real


def test_every_command_takes_a_data_folder():
    without = {
        name
        for name, command in commands(typer.main.get_command(app))
        if not any("--data" in getattr(p, "opts", ()) for p in command.params)
    }
    assert without == {"version"}


def test_every_command_and_file_that_a_page_names_is_there():
    known = {name for name, _ in commands(typer.main.get_command(app))}
    groups = {name.partition(" ")[0] for name in known if " " in name}
    for path in [HOUSE / "README.md", *(HOUSE / "docs").rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        for first, second in re.findall(r"(?:`|^|bin/|=/opt/tocsin/bin/|&& )tocsin ([a-z][a-z-]*)(?: ([a-z]+))?", text, re.MULTILINE):
            assert first in known or (first in groups and (not second or f"{first} {second}" in known)), (path, first, second)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            assert target.startswith("http") or (path.parent / target).exists(), (path, target)


# -- settings -----------------------------------------------------------------------------------------------------------


def names_read() -> set[str]:
    """Every name of the environment that the code uses: texts that are such a name and nothing else."""
    found = {name for _, text in sources() for name in re.findall(r"""["'](TOCSIN_[A-Z_]+)["']""", text)}
    return found | set(re.findall(r"\$\{(TOCSIN_[A-Z_]+)", (HOUSE / "bin" / "set-up").read_text(encoding="utf-8")))


def test_settings_are_those_that_the_code_reads():
    described = set(re.findall(r"^\| `(TOCSIN_[A-Z_]+)`", page("settings"), re.MULTILINE)) | {"TOCSIN_PYTHON"}
    assert described == names_read()


def test_no_page_names_a_setting_that_does_not_exist():
    known = names_read()
    for path in [HOUSE / "README.md", *(HOUSE / "docs").rglob("*.md")]:
        assert set(re.findall(r"TOCSIN_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8"))) <= known, path


# -- addresses ----------------------------------------------------------------------------------------------------------


def plain(address: str) -> str:
    """An address as people write it: /alerts/{alert_id}/."""
    address = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", address)
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address).replace("^", "").replace("$", "")


def dispatched() -> set[str]:
    """The addresses that asgi.py tells apart itself (texts that begin with a slash in its `app`), and the intake's."""
    found = {address.path for address in addresses.TABLE}
    for node in ast.walk(ast.parse((SOURCES / "asgi.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "app":
            found |= {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and str(one.value).startswith("/")}
    return {address for address in found if not address.endswith("/")}


def test_the_methods_of_the_intakes_addresses_are_described():
    described = {cells[0].strip("`"): set(cells[1].split(", ")) for cells in rows(page("addresses")) if cells[0].startswith("`/")}
    own = [one for one in addresses.TABLE if one.path != addresses.SHARED]
    wrong = {one.path for one in own if described.get(one.path) != set(one.takes)}
    assert wrong == set() and all(f"{one.path}/".startswith(addresses.PREFIXES) for one in own)


def test_addresses_of_pages_and_api_are_described_with_what_they_need():
    described = {cells[0].strip("`"): cells[1] for cells in rows(page("addresses")) if cells[0].startswith("`/")}
    real = {}
    for name, address, view in gate.routes(urlpatterns):
        methods = getattr(view, "operations", None)
        if methods:
            real[plain(address)] = " · ".join(f"{method} {gate.permission(view, name, method)}" for method in methods)
        else:
            needed = str(gate.permission(view, name, "GET"))
            real[plain(address)] = f"GET {needed}" if address.startswith("api/") else needed
    outside = dispatched() - {"/status"}
    assert set(described) - {one for one in described if one.startswith("/status/")} == set(real) | outside
    assert {address: described[address] for address in real} == real


def test_files_of_the_status_page_are_described():
    text = "".join((SOURCES / "statuspage" / name).read_text(encoding="utf-8") for name in ("content.py", "html.py", "feeds.py"))
    written = set(re.findall(r"""^\s+"([\w./-]+\.(?:html|json|atom|rss|ics|css))":""", text, re.MULTILINE))
    described = {
        address.strip("`").removeprefix("/status/") or "index.html" for address, *_ in rows(page("addresses")) if "/status/" in address
    }
    assert described == written | {"incidents/{code}.html"}


# -- limits -------------------------------------------------------------------------------------------------------------


@cache
def constants() -> dict[str, Any]:
    """Every constant of a module that is a plain value, by its full name."""
    found: dict[str, Any] = {}
    for module, text in sources():
        for node in ast.parse(text).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            if target is None or node.value is None or not all(isinstance(name, ast.Name) and name.id.isupper() for name in names):
                continue
            try:
                value = eval(compile(ast.Expression(node.value), module, "eval"), {"timedelta": timedelta, "__builtins__": {}})
            except Exception:  # made of other things: no plain value
                continue
            found |= {f"{module}.{name.id}": part for name, part in zip(names, value if len(names) > 1 else [value], strict=True)}
    return found


def actual(where: str) -> Any:
    name, _, key = where.rstrip("]").partition("[")
    value = constants()[name]
    value = value[key.strip('"')] if key else value
    return value.total_seconds() if isinstance(value, timedelta) else value


def agrees(said: str, value: Any) -> bool:
    if said.startswith("`"):
        return said.strip("`") in repr(value)
    numbers, unit = re.fullmatch(r"([\d,. ]+?) ?([A-Za-z]*)", said).groups()
    wanted = [float(number.replace(",", "")) for number in numbers.split(", ")]
    if isinstance(value, tuple):
        return wanted == list(value)
    return value in (wanted[0], wanted[0] * UNITS[unit])


def test_each_limit_is_what_the_code_says():
    table = list(rows(page("limits")))
    assert [cells for cells in table if not agrees(cells[1], actual(cells[2].strip("`")))] == []


def test_no_limit_of_the_code_is_left_out():
    listed = {cells[2].strip("`").partition("[")[0] for cells in rows(page("limits"))}
    limits = {name for name in constants() if LIMIT_NAME.search(name.rpartition(".")[2]) and ".web.views." not in name}
    assert sorted(limits - listed - INNER) == []
