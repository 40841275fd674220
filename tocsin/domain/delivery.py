"""What follows from one attempt to reach somebody, and what does a page say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from tocsin.domain.ports import Outcome, Receipt, Report

RETRY_SECONDS = (5, 15, 30)  # after the first, second and third temporary failure
LONGEST_WAIT_SECONDS = 60  # longer than that a provider may not keep a page waiting
PAGE_EVERY_SECONDS = 60  # per person and method
QUARTER_SECONDS = 900
MOST_IN_A_QUARTER = {"sms": 5, "voice": 3}  # per person and method, by its kind
LEASE_SECONDS = 30
SEND_LIMIT_SECONDS = 20
REPORT_ASKED_SECONDS = 60  # after that without a report the provider is asked, and again as often
REPORT_LIMIT_SECONDS = 180  # after that without a report the next method is used
UNCONFIRMED_SECONDS = 600  # after that nobody waits for a report any more, also where none was to be expected


@dataclass(frozen=True, slots=True)
class Done:
    """It is with the provider or the person."""

    state: Literal["accepted", "delivered"]


@dataclass(frozen=True, slots=True)
class RetryAt:
    """The same method again at that time; `possible_duplicate` when the last attempt may have arrived."""

    at: datetime
    possible_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class NextMethod:
    """This method is of no use now: the person's next one, at once."""


Verdict = Done | RetryAt | NextMethod


def after(receipt: Receipt, attempt: int, now: datetime, *, was_unknown: bool = False) -> Verdict:
    """What follows from the receipt of the `attempt`-th try (from 1).

    Temporary failures are tried again after 5, 15 and 30 s, or when the provider says, at most 60 s later. An attempt whose end is unknown
    is repeated once, with the provider's same key; `was_unknown` says that this already was that repetition.
    """
    match receipt.outcome:
        case Outcome.DELIVERED:
            return Done("delivered")
        case Outcome.ACCEPTED:
            return Done("accepted")
        case Outcome.UNKNOWN if not was_unknown:
            return RetryAt(now, possible_duplicate=True)
        case Outcome.RETRY if attempt <= len(RETRY_SECONDS):
            wait = max(float(RETRY_SECONDS[attempt - 1]), receipt.retry_after or 0.0)
            if wait <= LONGEST_WAIT_SECONDS:
                return RetryAt(now + timedelta(seconds=wait))
    return NextMethod()


def after_report(report: Report, state: str, *, same: bool, sequence: int | None) -> Literal["delivered", "failed", "noted"]:
    """What follows from a report about a page in `state`; "noted" changes nothing.

    `same` says that it is about the attempt that counts; `sequence` is the number of the last report. Nothing goes back from an end:
    what comes twice, late, out of order or about another attempt is noted.
    """
    older = report.sequence is not None and sequence is not None and report.sequence <= sequence
    if not same or older or state not in ("pending", "sending", "accepted", "unconfirmed"):
        return "noted"
    match report.outcome:
        case Outcome.DELIVERED:
            return "delivered"
        case Outcome.FAILED if state != "pending":  # else another try is planned already
            return "failed"
    return "noted"


def looked_at(taken_at: datetime, *, awaits_report: bool) -> datetime:
    """When somebody first looks whether a page that its provider took then was spoken of: soon where a report is to be expected."""
    return taken_at + timedelta(seconds=REPORT_ASKED_SECONDS if awaits_report else UNCONFIRMED_SECONDS)


def after_silence(taken_at: datetime, now: datetime, *, awaits_report: bool) -> Literal["wait", "next method", "unconfirmed"]:
    """What follows while nobody has said what became of a page that its provider took then. It ends as "unconfirmed", which stands in nobody's
    way: it may have arrived, so that no other page is sent for it, and it holds back no step."""
    if awaits_report:
        return "next method" if now >= taken_at + timedelta(seconds=REPORT_LIMIT_SECONDS) else "wait"
    return "unconfirmed" if now >= taken_at + timedelta(seconds=UNCONFIRMED_SECONDS) else "wait"


def held_until(last_page_at: datetime | None, now: datetime, *, sent: Sequence[datetime] = (), most: int | None = None) -> datetime | None:
    """Until when a page must wait because this person was paged this way less than a minute ago; None when it may go.

    `sent` are the times of the last quarter of an hour, oldest first, of which there may be `most`. They are not given for the first page
    about something: that never waits longer than the minute.
    """
    free_at = [last_page_at + timedelta(seconds=PAGE_EVERY_SECONDS)] if last_page_at else []
    if most and len(sent) >= most:
        free_at.append(sent[-most] + timedelta(seconds=QUARTER_SECONDS))
    return max((at for at in free_at if at > now), default=None)


def page_title(subject: dict[str, Any], *, merged: int = 0) -> str:
    """The line that must be understood half asleep: "SEV1 INC-42 Checkout payments failing"."""
    words = [str(subject.get(part) or "") for part in ("severity", "incident_ref", "title")]
    title = " ".join(word for word in words if word) or "You are paged"
    more = f" (and {merged} more)" if merged else ""
    return title[: 300 - len(more)] + more


def page_text(subject: dict[str, Any], why: str, *, merged: int = 0) -> str:
    """The body of a page: what, where, why this person; plain text."""
    lines = [page_title(subject)]
    if subject.get("service"):
        lines.append(f"Service: {subject['service']}")
    if subject.get("impact"):
        lines.append(f"Impact: {str(subject['impact'])[:500]}")
    if merged:
        lines.append(f"{merged} more page{'s' if merged > 1 else ''} for you waited behind this one.")
    lines.append(f"Why you: {why}")
    return "\n".join(lines)[:4000]


def post_text(subject: dict[str, Any], why: str) -> str:
    """The body of a post to a room or web address; plain text."""
    lines = page_text(subject, why).splitlines()
    return "\n".join([*lines[:-1], f"Why here: {why}"])[:4000]


def path(subject: dict[str, Any], *, alert: bool, policy: str, step: int | None, via: str, to: str = "you") -> str:
    """Why this person is paged, as one sentence with the whole path. `step` counts from 1; `via` is the schedule, override or target."""
    kind = "alert" if alert else "incident"
    name = str(subject.get("title") or subject.get("incident_ref") or "without a title")
    parts = [f"{kind} “{name[:200]}”"]
    if subject.get("service"):
        parts.append(f"service {subject['service']}")
    if policy:
        parts.append(f"policy {policy}" + (f", step {step}" if step else ""))
    if via:
        parts.append(via)
    return " → ".join([*parts, to])[:1000]
