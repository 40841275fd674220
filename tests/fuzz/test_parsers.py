"""Recorded messages, mutated and spliced, and values from nowhere: every parser answers with events or with a sentence."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.judging import CONTENT_TYPES, TARGETS, judge, recorded

SEEDS = recorded()
ODD = (
    None, True, False, 0, -1, 1, 2**63, 10**30, 1e308, "", " ", "\0", "\ud800", "\u202e", "x" * 70_000, "0001-01-01T00:00:00Z", "9" * 400, "NaN",
    "javascript:alert(1)", "http://[", "{{x}}", "=1+1", "resolved", "ok", "P1", [], {}, [[]], [None], {"": ""}, [{}], {"a": {"b": {}}},
    "2026-02-30T25:61:61Z", "1e400", "١٢٣", {"name": None}, -(10**400), "%s%n", "\r\n\r\n", "http://x y/",
)  # fmt: skip


def _mutated(value, chance: random.Random, other, depth=0):
    """The value with a few of its parts replaced, dropped, repeated or taken from another message."""
    if chance.random() < 0.06:
        return chance.choice([*ODD, other])
    if isinstance(value, dict):
        made = {}
        for name, one in value.items():
            if chance.random() < 0.05:
                continue
            new = chance.choice(["", "labels", "title", "\0", name.upper(), "x" * 300]) if chance.random() < 0.03 else name
            made[new] = _mutated(one, chance, other, depth + 1)
        return made
    if isinstance(value, list):
        made = [_mutated(one, chance, other, depth + 1) for one in value if chance.random() > 0.05]
        return made * chance.choice([1, 1, 1, 3]) if len(made) < 50 else made
    return value


@st.composite
def bodies(draw, kind):
    """A body for a parser of that kind, and a content type."""
    everything = [body for found in SEEDS.values() for body in found]
    seeds = SEEDS.get(kind) or everything
    chance = draw(st.randoms(use_true_random=False))
    body = chance.choice(seeds if chance.random() < 0.8 else everything)
    way = chance.random()
    if way < 0.7:
        try:
            value, other = json.loads(body), json.loads(chance.choice(everything))
        except ValueError:
            value, other = {"title": "x"}, {}
        body = json.dumps(_mutated(value, chance, other)).encode("utf-8", "surrogatepass")
    elif way < 0.9:
        at = chance.randrange(len(body) + 1)
        body = (
            body[:at]
            + chance.choice([b"", b"\0", b"\xff", b'"', b"{", b"]", b",", b"\\ud800", b"[" * 40])
            + body[at + chance.randrange(9) :]
        )
    else:
        body = draw(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "ignore")))
    return body, chance.choice(CONTENT_TYPES) if chance.random() < 0.3 else "application/json"


@pytest.mark.parametrize("target", TARGETS)
def test_no_body_breaks_a_parser(target):
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(bodies(target))
    def holds(one):
        judge(target, *one)

    holds()
