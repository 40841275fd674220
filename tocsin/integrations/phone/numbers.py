"""Is this a telephone number, and how is it written? E.164: "+" and digits, whatever people typed."""

from __future__ import annotations


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


def shown(number: str) -> str:
    """The number as people write it: "+49 1512 3456789"; as it is where it is none."""
    import phonenumbers

    try:
        return phonenumbers.format_number(phonenumbers.parse(number, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return number
