"""A short answer, typed half asleep, is understood, or is called unclear."""

from __future__ import annotations

import pytest

from tocsin.domain.replies import Verb, Wish, by_key, by_text

ACK, RESOLVE, ESCALATE, UNCLEAR = Verb.ACKNOWLEDGE, Verb.RESOLVE, Verb.ESCALATE, Verb.UNCLEAR


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("ack", Wish(ACK)), ("Ack ", Wish(ACK)), ("OK", Wish(ACK)), ("👍 ok!", Wish(ACK)), ("a", Wish(ACK)), ("7", Wish(ACK, 7)),
        ("7a", Wish(ACK, 7)), ("7 a", Wish(ACK, 7)), ("a7", Wish(ACK, 7)), ("ack 12", Wish(ACK, 12)), ("ACK #12.", Wish(ACK, 12)),
        ("12r", Wish(RESOLVE, 12)), ("resolve 12", Wish(RESOLVE, 12)), ("12e", Wish(ESCALATE, 12)), ("ack all", Wish(ACK, None, True)),
        ("all", Wish(UNCLEAR)), ("", Wish(UNCLEAR)), ("who is this", Wish(UNCLEAR)), ("7 8", Wish(UNCLEAR)), ("ack resolve 7", Wish(UNCLEAR)),
        ("do not ack", Wish(UNCLEAR)), ("STOP", Wish(Verb.STOP)), ("start", Wish(Verb.START)), ("9" * 500, Wish(ACK, 9999)),
    ],
)  # fmt: skip
def test_what_a_text_asks_for(text, wish):
    assert by_text(text) == wish


@pytest.mark.parametrize(("key", "verb"), [("4", ACK), ("6", RESOLVE), ("8", ESCALATE), ("*", Verb.REPEAT), ("1", UNCLEAR), ("", UNCLEAR)])
def test_what_a_key_asks_for(key, verb):
    assert by_key(key) == Wish(verb)
