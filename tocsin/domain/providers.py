"""Through which account at a provider does a message go, and when does one rest that fails?

Pages fail open: an account whose circuit is open is tried last, never left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.domain.ports import Outcome

OPENS_AFTER = 3  # failures in a row
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one account: which number prefixes it serves ("+49"; none: all), its place, and how it has been doing."""

    id: int
    position: int = 0
    prefixes: tuple[str, ...] = ()
    failures: int = 0
    rests_until: datetime | None = None


def order(accounts: Iterable[Standing], address: str, now: datetime) -> list[Standing]:
    """The accounts to try for an address, best first: those with the longest fitting prefix, then by position; those at rest come last."""
    fitting = [(fit, one) for one in accounts if (fit := _fit(one, address)) is not None]
    fitting.sort(key=lambda pair: (_rests(pair[1], now), -pair[0], pair[1].position, pair[1].id))
    return [one for _, one in fitting]


def _fit(account: Standing, address: str) -> int | None:
    if not account.prefixes:
        return 0
    return max((len(prefix) for prefix in account.prefixes if address.startswith(prefix)), default=None)


def _rests(account: Standing, now: datetime) -> bool:
    return account.rests_until is not None and account.rests_until > now


def after(account: Standing, outcome: Outcome, now: datetime) -> Standing:
    """The standing after one attempt. A refusal of this one address (FAILED) says nothing against the account.

    From the third failure in a row it rests for 30 s, doubled with each further one, at most 10 minutes; success ends that.
    """
    if outcome in (Outcome.DELIVERED, Outcome.ACCEPTED):
        return replace(account, failures=0, rests_until=None)
    if outcome is Outcome.FAILED:
        return account
    failures = account.failures + 1
    if failures < OPENS_AFTER:
        return replace(account, failures=failures)
    rest = min(LONGEST_REST, FIRST_REST * 2 ** min(failures - OPENS_AFTER, 10))
    return replace(account, failures=failures, rests_until=now + rest)


def another(outcome: Outcome) -> bool:
    """Is the next account tried at once after this outcome? Not where the message may have gone out, nor where the address is what is wrong."""
    return outcome in (Outcome.RETRY, Outcome.REFUSED)
