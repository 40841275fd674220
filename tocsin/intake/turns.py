"""Whose request is stored next? The keys take turns, so that one that floods waits behind itself alone."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

MOST_WAITING = 2_000  # requests of all keys; above that the intake answers that it is overloaded
MOST_OF_ONE = 1_000  # requests of one key: the others always find room
MOST_BYTES_OF_ONE = 32_000_000


class OverloadedError(Exception):
    """Too much waits already."""


class Waiting(Protocol):
    """A request that waits."""

    integration: int
    body: bytes


Row = TypeVar("Row", bound=Waiting)


class Turns(Generic[Row]):
    """Requests in a line for each integration; in their own line they keep their order."""

    def __init__(self) -> None:
        self.lines: dict[int, deque[Row]] = {}
        self.sizes: dict[int, int] = {}
        self.count = 0

    def add(self, row: Row) -> None:
        """Put it at the end of its line. Raises OverloadedError where its integration, or all of them, have too much waiting."""
        line = self.lines.get(row.integration)
        size = self.sizes.get(row.integration, 0)
        if self.count >= MOST_WAITING or (line and (len(line) >= MOST_OF_ONE or size >= MOST_BYTES_OF_ONE)):
            raise OverloadedError
        if line is None:
            line = self.lines[row.integration] = deque()
        line.append(row)
        self.sizes[row.integration] = size + len(row.body)
        self.count += 1

    def take(self, most: int, bytes_at_most: int) -> list[Row]:
        """The next ones, one of each line in turn, until there are so many or so many bytes."""
        rows: list[Row] = []
        size = 0
        while self.lines and len(rows) < most and size < bytes_at_most:
            integration = next(iter(self.lines))
            line = self.lines.pop(integration)
            # A line that stands alone is taken from without turning it round for each of its rows.
            share = most - len(rows) if not self.lines else 1
            while line and share and size < bytes_at_most:
                row = line.popleft()
                rows.append(row)
                size += len(row.body)
                self.sizes[integration] -= len(row.body)
                share -= 1
            if line:
                self.lines[integration] = line  # at the end
            else:
                del self.sizes[integration]
        self.count -= len(rows)
        return rows
