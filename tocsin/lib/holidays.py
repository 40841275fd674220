"""Which days are public holidays there? The tables of the `holidays` library, loaded when first asked (its import takes half a second)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache


@lru_cache(maxsize=256)
def dates(country: str, subdivision: str = "", *, year: int) -> frozenset[date]:
    """The public holidays of that year and the next; none where the country (ISO 3166-1 alpha-2) is empty or unknown."""
    if not country:
        return frozenset()
    import holidays

    years = (year, year + 1)
    try:
        return frozenset(holidays.country_holidays(country.upper(), subdiv=subdivision.upper() or None, years=years))
    except NotImplementedError:  # the library's word for "I do not know this country or subdivision"
        if subdivision:
            return dates(country, year=year)
        return frozenset()


@lru_cache(maxsize=1)
def regions() -> dict[str, list[str]]:
    """The countries (ISO 3166-1 alpha-2) whose holidays are known, each with the codes of its regions that have holidays of their own."""
    import holidays

    return holidays.list_supported_countries(include_aliases=False)
