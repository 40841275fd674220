"""Is this a telephone number, and how is it written? E.164: "+" and digits, whatever people typed."""

from __future__ import annotations

from dataclasses import dataclass


def e164(number: str) -> str:
    """The number as "+4915112345678". Raises ValueError with a sentence that says what would be right."""
    import phonenumbers  # 70 ms: only where a number is read

    wrong = "Give a telephone number with its country, for example +49 151 12345678."
    text = number.strip()
    if text.startswith("00"):
        text = "+" + text[2:]
    if not text.startswith("+") or len(text) > 40:
        raise ValueError(wrong)
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(wrong) from error
    if parsed.extension:
        raise ValueError("A number with an extension cannot be called by a machine; give a direct one.")
    if not phonenumbers.is_possible_number(parsed):
        raise ValueError("This number has too few or too many digits for its country.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a number: its country as ISO code ("" for those of none, satellites among them) and whether calling it costs more than a call."""

    country: str
    costly: bool


def facts(number: str) -> Facts:
    """What the plan of numbers says of one in E.164."""
    import phonenumbers

    parsed = phonenumbers.parse(number, None)
    region = phonenumbers.region_code_for_number(parsed) or ""
    kinds = phonenumbers.PhoneNumberType
    costly = phonenumbers.number_type(parsed) in (kinds.PREMIUM_RATE, kinds.SHARED_COST, kinds.UAN, kinds.PAGER)
    return Facts("" if region == "001" else region, costly)


def countries() -> frozenset[str]:
    """The ISO codes of all countries that have numbers."""
    import phonenumbers

    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def shown(number: str) -> str:
    """The number as people write it: "+49 1512 3456789"; as it is where it is none."""
    import phonenumbers

    try:
        return phonenumbers.format_number(phonenumbers.parse(number, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return number
