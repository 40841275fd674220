"""Only what Twilio signed is read: its own library signs here, ours judges."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from tocsin.domain.ports import Callback, ForgedError
from tocsin.integrations.twilio.signature import proven

URL = "https://tocsin.example/callbacks/pages/abc/?a=1"
NAMES = st.text("abcdefXYZ0189_", min_size=1, max_size=12)


def call(url, fields, signature, body=None):
    body = urlencode(fields).encode() if body is None else body
    return Callback("POST", url, {"x-twilio-signature": signature}, body, datetime(2026, 1, 1, tzinfo=UTC))


@given(
    st.dictionaries(NAMES, st.text(max_size=30).filter(lambda t: t.isprintable()), max_size=8), st.text("abc+/=09", min_size=1, max_size=40)
)
def test_what_twilios_own_library_signs_is_taken(fields, token):
    signature = RequestValidator(token).compute_signature(URL, fields)
    assert proven(call(URL, fields, signature), token) == fields


def test_the_example_of_twilios_documentation():
    fields = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675310", "Digits": "1234", "From": "+14158675310", "To": "+18005551212"}
    signed = call("https://mycompany.com/myapp.php?foo=1&bar=2", fields, "GvWf1cFY/Q7PnoempGyD5oXAezc=")
    assert proven(signed, "12345")["Digits"] == "1234"


@pytest.mark.parametrize("signed_for", ["https://tocsin.example:443/x", "https://tocsin.example/x"])
def test_twilio_may_have_signed_with_or_without_the_port(signed_for):
    for known in ("https://tocsin.example/x", "https://tocsin.example:443/x"):
        signature = RequestValidator("t").compute_signature(signed_for, {"A": "b"})
        assert proven(call(known, {"A": "b"}, signature), "t") == {"A": "b"}


@pytest.mark.parametrize(
    "forged",
    [
        lambda good: call(URL, {"A": "c"}, good),
        lambda good: call(URL + "2", {"A": "b"}, good),
        lambda good: call(URL, {"A": "b", "B": ""}, good),
        lambda good: call(URL, {"A": "b"}, ""),
        lambda good: call(URL, {"A": "b"}, "näh"),
        lambda good: call(URL, {"A": "b"}, good[:-2]),
        lambda good: call(URL, {"A": "b"}, base64.b64encode(hmac.new(b"", URL.encode() + b"Ab", hashlib.sha1).digest()).decode()),
        lambda good: call(URL, {}, good, b"\xff\xfe"),
        lambda good: call(URL, {}, good, b"&".join(b"a=%d" % n for n in range(300))),
    ],
)
def test_what_is_altered_unsigned_or_no_form_is_refused(forged):
    with pytest.raises(ForgedError):
        proven(forged(RequestValidator("t").compute_signature(URL, {"A": "b"})), "t")


def test_without_a_token_nothing_is_proved():
    with pytest.raises(ForgedError):
        proven(call(URL, {"A": "b"}, RequestValidator("").compute_signature(URL, {"A": "b"})), "")


def test_a_shared_key_of_webhooks_signs_with_sha_256_where_the_account_has_it():
    fields, settings = (
        {"MessageSid": "SM1", "Body": "7"},
        {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"},
    )
    signature = RequestValidator("the shared key").compute_signature(URL, fields, algorithm="HMAC_SHA256")
    made = call(URL, fields, signature)
    by_key = Callback("POST", URL, {**made.headers, **settings}, made.body, made.at)
    assert proven(by_key, "the auth token", "the shared key") == fields
    for token, key in (("the shared key", ""), ("the auth token", "another")):
        with pytest.raises(ForgedError):
            proven(by_key, token, key)
    with pytest.raises(ForgedError):  # the same bytes without saying that they are a shared key's
        proven(made, "the shared key", "the shared key")


@pytest.mark.parametrize(
    ("body", "right"), [(b'{"MessageSid": "SM1", "n": 1}', True), (b'{"MessageSid": "SM2", "n": 1}', False), (b"", False)]
)
def test_a_json_body_is_proved_by_its_hash_in_the_signed_address(body, right):
    signed = b'{"MessageSid": "SM1", "n": 1}'
    url = f"{URL}&bodySHA256={hashlib.sha256(signed).hexdigest()}"
    validator = RequestValidator("t")
    signature = validator.compute_signature(url, {})
    assert validator.validate(url, signed.decode(), signature)
    if right:
        assert proven(call(url, {}, signature, body), "t") == {"MessageSid": "SM1", "n": "1"}
    else:
        with pytest.raises(ForgedError):
            proven(call(url, {}, signature, body), "t")
