"""How is a table written as CSV that no spreadsheet takes for formulas?"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any


def lines(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The lines, head first (RFC 4180). A text that a spreadsheet would calculate gets an apostrophe in front."""
    yield _line(head)
    for row in rows:
        yield _line(row)


def _line(cells: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_safe(cell) for cell in cells])
    return out.getvalue()


def _safe(cell: Any) -> Any:
    if isinstance(cell, str) and cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%"):
        return "'" + cell
    return "" if cell is None else cell
