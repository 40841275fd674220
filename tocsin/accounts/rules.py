"""What is a valid name, address, zone, country? Each check answers the tidy value, or says what would be right."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from tocsin.accounts.models import Role
from tocsin.lib import holidays
from tocsin.lib.refusal import invalid

NAME_LIMIT = 120
PLACE = ("country", "subdivision")  # checked only where they change: what is stored may be from before the check


def name(value: str, field: str = "name", limit: int = NAME_LIMIT) -> str:
    """A name: one line, 1 to `limit` characters."""
    tidy = " ".join(value.split())
    if not tidy or len(tidy) > limit or not tidy.isprintable():
        raise invalid(**{field: f"A name has 1 to {limit} printable characters."})
    return tidy


def email(value: str) -> str:
    """An e-mail address, lower case."""
    tidy = value.strip().lower()
    try:
        validate_email(tidy)
    except ValidationError as error:
        raise invalid(email="This is not an e-mail address.") from error
    if len(tidy) > 254:
        raise invalid(email="An e-mail address has at most 254 characters.")
    return tidy


@cache
def zones() -> frozenset[str]:
    """Every IANA zone that this installation knows, without the names that mean another one on each machine or none."""
    return frozenset(zoneinfo.available_timezones()) - {"Factory", "localtime"}


def zone(value: str, *, empty: bool = False) -> str:
    """An IANA time zone."""
    if (empty and value == "") or value in zones():
        return value
    raise invalid(time_zone="This is not a time zone; one looks like Europe/Berlin.")


def role(value: str) -> str:
    """One of the three roles."""
    if value not in Role.values:
        raise invalid(role="A role is administrator, responder or observer.")
    return value


def country(value: str) -> str:
    """Two letters (ISO 3166-1) of a country whose holidays are known, or nothing."""
    tidy = value.strip().upper()
    if tidy and not re.fullmatch("[A-Z]{2}", tidy):
        raise invalid(country="A country is two letters, as in DE or GB.")
    if tidy and tidy not in holidays.regions():
        raise invalid(country=f"There is no country {tidy}; it is two letters of ISO 3166, as in DE or GB.")
    return tidy


def subdivision(value: str) -> str:
    """A state or region within the country, as in BY for Bavaria; or nothing."""
    tidy = value.strip().upper()
    if tidy and not re.fullmatch("[A-Z0-9-]{1,10}", tidy):
        raise invalid(subdivision="A region is its short code, as in BY or CA.")
    return tidy


def place(country: str, subdivision: str) -> None:
    """A region has to be one of its country; otherwise its own holidays would be missing without a word."""
    known = holidays.regions().get(country) if country and subdivision else None
    if known is not None and subdivision not in known:
        there = f"it has {', '.join(known)}" if known else "its holidays are the same everywhere: leave it empty"
        raise invalid(subdivision=f"{country} has no region {subdivision}; {there}.")


def phone(value: str) -> str:
    """A phone number with its country, or nothing."""
    tidy = re.sub(r"[ ()/-]", "", value)
    if tidy and not re.fullmatch(r"\+[1-9][0-9]{6,14}", tidy):
        raise invalid(phone="A phone number starts with + and the country, as in +49 151 23456789.")
    return tidy


def theme(value: str) -> str:
    """How pages look."""
    if value not in ("auto", "light", "dark"):
        raise invalid(theme="A theme is auto, light or dark.")
    return value
