"""Which numbers may be added, and how often are codes sent to them? What keeps others from spending our money. Writes telephone limits.

Paging of verified numbers never asks here: it goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.integrations.phone import numbers
from tocsin.lib.refusal import Refused, invalid
from tocsin.paging.models import ContactMethod, Notification, TelephoneLimits

KINDS = ("sms", "voice")
CODES_A_DAY_OF_A_NUMBER = 3
CODES_A_DAY_OF_A_PERSON = 6
TESTS_A_DAY = 10  # of a number
MOST_CODES_A_DAY = 100_000
DAY = timedelta(days=1)


def limits() -> TelephoneLimits:
    """The organisation's limits."""
    return TelephoneLimits.objects.filter(pk=1).first() or TelephoneLimits(pk=1)


@transaction.atomic
def change_limits(*, countries: Sequence[str] | None = None, codes_a_day: int | None = None, by: Actor, now: datetime) -> TelephoneLimits:
    """Change what is given. Numbers that are verified already stay, whatever their country."""
    row = limits()
    if countries is not None:
        wanted = sorted({str(one).strip().upper() for one in countries if str(one).strip()})
        if unknown := [one for one in wanted if one not in numbers.countries()][:5]:
            raise invalid(countries=f"Two letters for each country, as in DE or US; not {', '.join(one[:20] for one in unknown)}.")
        row.countries = wanted
    if codes_a_day is not None:
        if not 1 <= codes_a_day <= MOST_CODES_A_DAY:
            raise invalid(codes_a_day=f"Give 1 to {MOST_CODES_A_DAY:,} codes a day.")
        row.codes_a_day = codes_a_day
    row.save()
    told = f"Numbers of {', '.join(row.countries) or 'every country'}, {row.codes_a_day} codes a day"
    audit("save", "telephone limits", 1, told, by=by, now=now)
    return row


def refuse_number(kind: str, address: str) -> None:
    """Refuses a number that may not be added: one that costs extra, or of a country that is not allowed."""
    if kind not in KINDS:
        return
    facts, allowed = numbers.facts(address), limits().countries
    if facts.costly:
        raise invalid(address="Calls to this number cost extra; give an ordinary one.")
    if not facts.country:
        raise invalid(address="This number belongs to no country; give an ordinary one.")
    if allowed and facts.country not in allowed:
        raise invalid(
            address=f"Numbers of {facts.country} are not allowed here, only of {', '.join(allowed)}; an administrator can change that."
        )


def refuse_code(method: ContactMethod, now: datetime) -> None:
    """Refuses one more code for today: three to a number, six to a person, as many as the organisation allows in all."""
    if method.kind not in KINDS:
        return
    refuse_number(method.kind, method.address)
    sent = Notification.objects.filter(kind="code", method_kind__in=KINDS, created_at__gt=now - DAY)
    if sent.filter(contact_method__address=method.address).count() >= CODES_A_DAY_OF_A_NUMBER:
        raise _enough(f"At most {CODES_A_DAY_OF_A_NUMBER} codes a day go to one number; try again tomorrow.")
    if sent.filter(user=method.user_id).count() >= CODES_A_DAY_OF_A_PERSON:
        raise _enough(f"At most {CODES_A_DAY_OF_A_PERSON} codes a day go to the telephones of one person; try again tomorrow.")
    if sent.count() >= limits().codes_a_day:
        raise _enough("The codes of today are used up for everybody; try again tomorrow, or ask an administrator to vouch for the number.")


def refuse_test(method: ContactMethod, now: datetime) -> None:
    """Refuses one more test page to a telephone for today."""
    sent = Notification.objects.filter(kind="test", contact_method__address=method.address, created_at__gt=now - DAY)
    if method.kind in KINDS and sent.count() >= TESTS_A_DAY:
        raise _enough(f"At most {TESTS_A_DAY} test pages a day go to one number; try again tomorrow.")


def _enough(sentence: str) -> Refused:
    return Refused(sentence, status=409, code="too_many")
