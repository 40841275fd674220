"""Does every sentence of the procedure have a test that names it?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent


def numbers(text: str) -> set[str]:
    """Every S-number of the list, ranges included ("S8-S11")."""
    found = set(re.findall(r"\bS\d+\b", text))
    for first, last in re.findall(r"\bS(\d+)-S?(\d+)\b", text):
        found |= {f"S{number}" for number in range(int(first), int(last) + 1)}
    return found


def named() -> set[str]:
    """Every S-number in a `pytest.mark.clause(...)` of any test."""
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "clause":
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    return found


def test_every_sentence_is_named_by_a_test():
    demanded = numbers((TESTS / "requirements.md").read_text(encoding="utf-8"))
    assert demanded == {f"S{number}" for number in range(1, 115)}
    missing = sorted(demanded - named(), key=lambda number: int(number[1:]))
    assert not missing, f"no test names {', '.join(missing)}"


def test_no_test_names_a_sentence_that_does_not_exist():
    assert named() <= {f"S{number}" for number in range(1, 115)}
