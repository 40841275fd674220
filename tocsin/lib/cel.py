"""What does an expression say that a person wrote, on plain values? In bounded time, whatever the expression and whatever the values.

The language is CEL (common expression language). The compiled library cannot be interrupted and holds the interpreter's lock while it works
(a list of 1,000 mapped over itself took a minute), so the bound is in what is let in: `complaint` refuses what could multiply work (lists
walked within lists, `map`, long chains), `Scope` cuts values down, patterns go to RE2 with little memory, and `Scope.evaluate` stops between
expressions when the event's budget is spent. There are no objects in it: values come in as copies and go out as plain values.

Measured on one core: 1 to 2 µs for a comparison on a ready scope, 60 µs to make a scope of 20 values and 1 to 2 ms for the largest (so make it
once an event and only where there are expressions), 20 to 100 µs to compile once, 5 ms of processor time for the worst expression found on the
worst values, a map that is copied for each element of a list (tests/lib/test_cel.py looks for a worse one); patterns stop when the budget is spent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from time import perf_counter, thread_time
from types import ModuleType
from typing import Any

import re2

# The package brings its command line along, with all that draws on a terminal: 25 MB and 0.15 s of every process, for what is never called.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
import cel  # noqa: E402

LONGEST = 1000  # characters of an expression
MOST_TOKENS = 300
DEEPEST_BRACKETS = 16
MOST_WALKS = 4  # all, exists, exists_one, filter
MOST_SUMS = 16  # "+": texts and lists grow by it
MOST_CALLS_IN_WALKS = 4
MOST_NAMES_IN_WALKS = 16  # of what the walk is at
MOST_OUTER_NAMES_IN_WALKS = 1  # it may be a large map, copied for each element
MOST_NAMES = 16
LONGEST_VALUE = 4096  # characters of one text that an expression sees
MOST_TEXT = 65_536  # characters of all texts of one variable; what comes after them is cut to SHORT
SHORT = 100
LONGEST_SEARCHED = 1024  # characters of a text that a pattern is looked for in
LONGEST_PATTERN = 200
MOST_IN_LIST = 100
MOST_VALUES = 600  # in one variable, lists and maps counted with what they hold
DEEPEST = 16
BUDGET = 0.020  # seconds for one event, all its expressions together

WALKS = frozenset({"all", "exists", "exists_one", "existsOne", "filter"})
_OWN = ("lower", "upper", "trim", "matches", "extract", "split", "join")
_BUILT_IN = ("size", "contains", "startsWith", "endsWith", "string", "int", "double", "timestamp", "duration", "type")
_INSTANTS = ("getFullYear", "getMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes")
FUNCTIONS = frozenset({*_OWN, *_BUILT_IN, *_INSTANTS})
_TYPES = frozenset({"bool", "int", "uint", "double", "string", "list", "map", "null_type", "true", "false", "null", "in"})
_OURS = {"matches": "re2find"}  # as long as it, so that columns in messages stay right: the library's own method cannot be replaced
_TOKEN = re.compile(
    r"""(?P<text>[rR]?(?:"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)"""
    r"""|(?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]{}])|(?P<space>[ \t\r\n]+)""",
    re.ASCII,
)
_options = re2.Options()
_options.log_errors = False
_options.max_mem = 1 << 16


@dataclass(frozen=True, slots=True)
class Result:
    """What came out: a plain value, or a sentence why there is none. `absent`: it asked for a field that is not there."""

    value: Any = None
    error: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class _Checked:
    program: Any = None
    complaint: str = ""
    names: frozenset[str] = frozenset()


class Budget:
    """The work that the expressions of one event may make together, in seconds of this thread: on a busy machine an event is not read otherwise
    because its thread had to wait for its turn. A clock of its own, it decides nothing but to stop."""

    def __init__(self, seconds: float = BUDGET) -> None:
        self.earliest, self.ends = perf_counter() + seconds, thread_time() + seconds

    def spent(self) -> bool:
        """Is it used up?"""
        return perf_counter() >= self.earliest and thread_time() >= self.ends  # the first is cheaper to ask


def complaint(text: str, names: Iterable[str] | None = None) -> str:
    """What is wrong with an expression, as a sentence; nothing when it can be used. `names`: the variables that there are."""
    checked = _checked(text)
    if checked.complaint or names is None:
        return checked.complaint
    known = sorted(names)
    unknown = sorted(checked.names - set(known))
    return f"there is no {unknown[0]} here; use {', '.join(known)}" if unknown else ""


class Scope:
    """The variables that expressions of one event are evaluated on, made ready once; each value is cut down to the limits."""

    def __init__(self, values: Mapping[str, Any], budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._context = cel.Context(
            {name: _bounded(value, [MOST_VALUES, MOST_TEXT]) for name, value in values.items()}, _functions(self.budget)
        )

    def put(self, name: str, value: Any) -> None:
        """Set one variable, in place of what it was."""
        self._context.add_variable(name, _bounded(value, [MOST_VALUES, MOST_TEXT]))

    def evaluate(self, text: str) -> Result:
        """What the expression says here. Never raises; nothing is evaluated once the budget is spent."""
        checked = _checked(text)
        if checked.complaint:
            return Result(error=checked.complaint)
        if self.budget.spent():
            return Result(error="the time for the expressions of one event was used up before it")
        try:
            found = checked.program.execute(self._context)
        except (KeyError, IndexError) as error:
            return Result(error=f"there is no {str(error.args[0])[:100] if error.args else 'such field'} in it", absent=True)
        except BaseException as error:  # what the library panics with is no Exception
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return Result(error=_sentence(error))
        return _plain(found)

    def holds(self, text: str) -> tuple[bool, str]:
        """Is it true here, and if it could not be said: why. A missing field, an error or anything but `true` means no."""
        result = self.evaluate(text)
        if result.error:
            return False, result.error
        return (result.value, "") if isinstance(result.value, bool) else (False, "it says neither true nor false")


# -- what is let in -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4000)
def _checked(text: str) -> _Checked:
    tokens = _tokens(text)
    if isinstance(tokens, str):
        return _Checked(complaint=tokens)
    refused, bound = _too_much(tokens)
    if refused:
        return _Checked(complaint=refused)
    source = "".join(_OURS.get(word, word) if kind == "name" else word for kind, word in tokens)
    try:
        program = cel.compile(source)
        functions, variables = set(program.functions()), set(program.variables())
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return _Checked(complaint=_parser_sentence(str(error)))
    allowed = {_OURS.get(name, name) for name in FUNCTIONS}
    strange = sorted(name for name in functions if name.isidentifier() and name not in allowed)
    if strange:
        return _Checked(
            complaint=f"there is no function {strange[0]}; use {', '.join(sorted((FUNCTIONS | WALKS | {'has'}) - {'existsOne'}))}"
        )
    return _Checked(program, names=frozenset(variables - bound - _TYPES))


def _tokens(text: str) -> list[tuple[str, str]] | str:
    if not text.strip():
        return "an expression is needed"
    if len(text) > LONGEST:
        return f"an expression has at most {LONGEST:,} characters"
    if '"""' in text or "'''" in text:
        return "write a text in one pair of quotes, on one line"
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or not match.lastgroup:
            return f"{text[at]!r} at character {at + 1} is not understood"
        if (match.lastgroup, match[0]) == ("sign", "/") and tokens and tokens[-1] == ("sign", "/"):
            return "comments are not understood in an expression"
        tokens.append((match.lastgroup, match[0]))
        at = match.end()
    return tokens


def _too_much(tokens: list[tuple[str, str]]) -> tuple[str, frozenset[str]]:
    """Why it may cost too much, or nothing; and the names that its walks bind."""
    words = [token for token in tokens if token[0] != "space"]
    if len(words) > MOST_TOKENS:
        return f"an expression has at most {MOST_TOKENS} words and signs", frozenset()
    open_brackets: list[bool] = []  # whether each belongs to a walk over a list
    bound: set[str] = set()
    walks = sums = names = inner_names = outer_names = inner_calls = 0
    for index, (kind, word) in enumerate(words):
        before, after = words[index - 1][1] if index else "", words[index + 1][1] if index + 1 < len(words) else ""
        within = any(open_brackets)
        if kind == "name":
            own = word in bound
            names += before != "." and after != "(" and word not in _TYPES and not own
            inner_names += within and before != "." and own
            outer_names += within and before != "." and not own and after != "(" and word not in _TYPES
            inner_calls += within and after == "(" and word != "has"
            if word == "map" and after == "(":
                return "map() is not available; take the list apart with exists(), filter() or an index", frozenset()
        elif word in "([{":
            walk = word == "(" and index > 1 and words[index - 1][1] in WALKS
            if walk and within:
                return "a list cannot be walked within another walk (all, exists, filter)", frozenset()
            if walk and words[index + 1 : index + 2]:
                bound.add(words[index + 1][1])
            walks += walk
            open_brackets.append(walk)
        elif word in ")]}" and open_brackets:
            open_brackets.pop()
        sums += kind == "sign" and word == "+"
        if len(open_brackets) > DEEPEST_BRACKETS:
            return f"brackets are nested deeper than {DEEPEST_BRACKETS}", frozenset()
    for count, most, what in (
        (walks, MOST_WALKS, "walks over lists (all, exists, filter)"),
        (sums, MOST_SUMS, "additions"),
        (names, MOST_NAMES, "names"),
        (inner_names, MOST_NAMES_IN_WALKS, "mentions of what a walk over a list is at"),
        (outer_names, MOST_OUTER_NAMES_IN_WALKS, "other names within walks over lists"),
        (inner_calls, MOST_CALLS_IN_WALKS, "function calls within walks over lists"),
    ):
        if count > most:
            return f"an expression has at most {most} {what}", frozenset()
    return "", frozenset(bound)


def _parser_sentence(said: str) -> str:
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)", said)
    if not found:
        return "it is not an expression"
    column, what = int(found[2]), found[3].split(" expecting ")[0].replace("<EOF>", "end")
    return f"it breaks off at line {found[1]}, character {column}: {what}"[:300].replace("re2find", "matches")


def _sentence(error: BaseException) -> str:
    if isinstance(error, TypeError):
        return "two values in it do not go together (a text and a number, or a field of something that has none)"
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    if isinstance(error, OverflowError):
        return "a number in it grows too large"
    said = str(error).split(". Check")[0].split("\n")[0].replace("re2find", "matches")
    return (f"it cannot be evaluated: {said}" if said else "it cannot be evaluated")[:300]


# -- values in and out --------------------------------------------------------------------------------------------------


def _bounded(value: Any, left: list[int], depth: int = 0) -> Any:
    """A copy within the limits; what is beyond them is left out. `left` counts values and characters down over the whole variable."""
    left[0] -= 1
    if value is None or isinstance(value, (bool, float, datetime)):
        return value
    if isinstance(value, str):
        return _text(value, left)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value) if abs(value) < 10**300 else str(value)[:LONGEST_VALUE]
    if depth >= DEEPEST:
        return None
    if isinstance(value, Mapping):
        kept = {}
        for name, one in value.items():
            if left[0] <= 0:
                break
            kept[_text(str(name), left)] = _bounded(one, left, depth + 1)
        return kept
    if isinstance(value, (list, tuple)):
        return [_bounded(one, left, depth + 1) for one in value[: min(MOST_IN_LIST, max(0, left[0]))]]
    return _text(str(value), left)


def _text(value: str, left: list[int]) -> str:
    cut = value[: LONGEST_VALUE if left[1] > 0 else SHORT]
    left[1] -= len(cut)
    return cut if cut.isascii() else cut.encode("utf-8", "ignore").decode()


def _plain(value: Any) -> Result:
    if isinstance(value, timedelta):
        return Result(value.total_seconds())
    if isinstance(value, (str, bool, int, float, list, dict, datetime)) or value is None:
        return Result(value)
    return Result(error="it says neither a text, a number, true or false, a time, a list nor a map")


# -- functions ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1000)
def _pattern(pattern: str) -> Any:
    try:
        return re2.compile(pattern, _options) if len(pattern) <= LONGEST_PATTERN else None
    except re2.error:
        return None


def _functions(budget: Budget) -> dict[str, Callable[..., Any]]:
    """The functions beside CEL's own. They never raise: what makes no sense is null; once the budget is spent, everything is."""

    def found(value: Any, pattern: Any) -> Any:
        if not isinstance(value, str) or not isinstance(pattern, str) or budget.spent():
            return None
        compiled = _pattern(pattern)
        return compiled and compiled.search(value[:LONGEST_SEARCHED])

    def extract(value: Any, pattern: Any) -> str | None:
        match = found(value, pattern)
        if not match:
            return None
        return match.group(1) if match.re.groups else match.group(0)

    def split(value: Any, separator: Any) -> list[str] | None:
        if not isinstance(value, str) or not isinstance(separator, str) or not separator or budget.spent():
            return None
        return value.split(separator, MOST_IN_LIST - 1)

    def join(value: Any, separator: Any) -> str | None:
        if not isinstance(value, list) or not isinstance(separator, str) or budget.spent():
            return None
        return separator.join(one for one in value[:MOST_IN_LIST] if isinstance(one, str))[:LONGEST_VALUE]

    return {
        "re2find": lambda value, pattern: bool(found(value, pattern)),
        "extract": extract,
        "split": split,
        "join": join,
        "lower": lambda value: value.lower() if isinstance(value, str) else None,
        "upper": lambda value: value.upper() if isinstance(value, str) else None,
        "trim": lambda value: value.strip() if isinstance(value, str) else None,
    }
