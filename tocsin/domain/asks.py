"""Somebody is asked to come, or to take over what another has: what does each answer lead to, and how is it said?"""

from __future__ import annotations

from enum import StrEnum

ANSWER_MINUTES = 5  # within which an answer is expected, unless said otherwise
SHORTEST_ANSWER_MINUTES, LONGEST_ANSWER_MINUTES = 1, 240


class Kind(StrEnum):
    """What somebody is asked for."""

    COME = "come"  # work on it as well
    TAKE = "take"  # have it instead of who has it now


class Answer(StrEnum):
    """What became of it."""

    WAITING = "waiting"
    COMING = "coming"
    CANNOT = "cannot"
    NONE = "no_answer"
    WITHDRAWN = "withdrawn"


class Effect(StrEnum):
    """What follows from an answer."""

    NOTHING = "nothing"
    JOIN = "join"  # this person works on it
    HAND_OVER = "hand_over"  # this person has it now
    TELL = "tell"  # whoever asked must look for somebody else
    PAGE_AGAIN = "page_again"  # nobody has it: paging starts again


def effect(kind: Kind, answer: Answer) -> Effect:
    """What an answer leads to. What is to be handed over must find somebody: without a yes it is paged again."""
    if answer is Answer.COMING:
        return Effect.HAND_OVER if kind is Kind.TAKE else Effect.JOIN
    if answer in (Answer.CANNOT, Answer.NONE):
        return Effect.PAGE_AGAIN if kind is Kind.TAKE else Effect.TELL
    return Effect.NOTHING


def sentence(kind: Kind, answer: Answer, name: str, note: str = "") -> str:
    """The answer for the record, without a full stop: "Ben can't come: on a train"."""
    because = f": {note}" if note else ""
    if kind is Kind.TAKE:
        return {
            Answer.WAITING: f"{name} is asked to take it over{because}",
            Answer.COMING: f"{name} has it now{because}",
            Answer.CANNOT: f"{name} can't take it over{because}",
            Answer.NONE: f"{name} has not answered whether they take it over{because}",
            Answer.WITHDRAWN: f"It is not handed over to {name} any more{because}",
        }[answer]
    return {
        Answer.WAITING: f"{name} is asked to come{because}",
        Answer.COMING: f"{name} is coming{because}",
        Answer.CANNOT: f"{name} can't come{because}",
        Answer.NONE: f"{name} has not answered{because}",
        Answer.WITHDRAWN: f"{name} need not come any more{because}",
    }[answer]
