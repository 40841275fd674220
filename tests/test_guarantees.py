"""Does every guarantee and design rule name tests that prove it, and do those exist?"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "explanation" / "guarantees.md"


def rows() -> dict[str, list[str]]:
    """The tests that each line of the table names."""
    lines = re.findall(r"^\| ([RD]\d+) \|(.*)\|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == len(dict(lines)), "a number stands there twice"
    return {number: re.findall(r"`(tests/\S+?::\w+)`", text) for number, text in lines}


@cache
def functions_of(path: str) -> frozenset[str]:
    """The functions of that file."""
    found = ROOT / path
    tree = ast.parse(found.read_text(encoding="utf-8")) if found.exists() else ast.Module([], [])
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_guarantee_and_design_rule_names_a_test():
    expected = [f"R{number}" for number in range(1, 23)] + [f"D{number}" for number in range(1, 24)]
    assert list(rows()) == expected
    assert not [number for number, tests in rows().items() if not tests]


def test_every_test_that_is_named_exists():
    named = [one for tests in rows().values() for one in tests]
    assert not [one for one in named if one.partition("::")[2] not in functions_of(one.partition("::")[0])]
