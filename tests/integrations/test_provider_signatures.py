"""Vonage and Plivo sign their calls each in its own way; the signatures here are made by PyJWT, by hand, and by Plivo's own library."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import jwt
import pytest

from tocsin.domain.ports import Callback, ForgedError
from tocsin.integrations.http_gateway.signatures import METHODS, of_plivo, of_vonage

NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
URL = "https://tocsin.example/callbacks/pages/abc/"
SECRET = "a signature secret of 32 letters.."
VONAGE = {"user": "key1", "signing_secret": SECRET}
REPORT = json.dumps({"messageId": "v1", "status": "delivered"}).encode()


def by_token(body=REPORT, *, secret=SECRET, algorithm="HS256", **claims):
    said = {
        "iat": int(NOW.timestamp()),
        "jti": "1",
        "iss": "Vonage",
        "api_key": "key1",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        **claims,
    }
    headers = {"authorization": f"Bearer {jwt.encode(said, secret, algorithm=algorithm)}", "content-type": "application/json"}
    return Callback("POST", URL, headers, body, NOW)


def test_vonages_token_over_the_body_is_taken_and_without_a_secret_the_address_is_the_proof():
    of_vonage(VONAGE, by_token())
    of_vonage({}, Callback("POST", URL, {}, REPORT, NOW))


@pytest.mark.parametrize(
    "forged",
    [
        lambda: replace(by_token(), body=b'{"messageId": "v1", "status": "failed"}'),
        lambda: by_token(secret="another secret of at least 32 bytes"),
        lambda: by_token(algorithm="HS512"),
        lambda: by_token(api_key="somebody"),
        lambda: by_token(iat=int(NOW.timestamp()) - 400),
        lambda: by_token(iat="x"),
        lambda: by_token(payload_hash=""),
        lambda: Callback("POST", URL, {"authorization": "Bearer "}, REPORT, NOW),
        lambda: Callback("POST", URL, {"authorization": "Bearer a.b.c"}, REPORT, NOW),
        lambda: Callback("POST", URL, {}, REPORT, NOW),
    ],
)
def test_what_vonage_did_not_sign_is_refused(forged):
    with pytest.raises(ForgedError):
        of_vonage(VONAGE, forged())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("as_json", [True, False])
def test_vonages_sig_among_the_parameters_is_taken_in_each_method_of_its_settings(method, as_json):
    fields = {"msisdn": "4915112345601", "text": "7 = a&b", "timestamp": str(int(NOW.timestamp())), "nonce": "n"}
    text = "&msisdn=4915112345601&nonce=n&text=7 _ a_b&timestamp=" + fields["timestamp"]
    made = hashlib.md5((text + SECRET).encode()) if method == "md5hash" else hmac.new(SECRET.encode(), text.encode(), method)
    values = {**VONAGE, "signing_method": method}

    def call(**more):
        said = {**fields, "sig": made.hexdigest().upper(), **more}
        body = json.dumps(said).encode() if as_json else urlencode(said).encode()
        return Callback("POST", URL, {"content-type": "application/json" if as_json else "application/x-www-form-urlencoded"}, body, NOW)

    of_vonage(values, call())
    for wrong in ({"text": "8"}, {"sig": ""}, {"more": "x"}):
        with pytest.raises(ForgedError):
            of_vonage(values, call(**wrong))
    with pytest.raises(ForgedError, match="five minutes"):
        of_vonage(values, replace(call(), at=datetime(2026, 3, 2, 3, 10, tzinfo=UTC)))


PLIVO = {"password": "token", "signatures": "required"}
FIELDS = urlencode({"MessageUUID": "m-1", "Status": "delivered", "From": "+46 1", "Text": "7 u"}).encode()


@pytest.mark.parametrize(
    ("url", "body", "signature"),
    [
        (URL + "?a=1", FIELDS, "vPwM6R8rZH7xsukNoITuYbLobmZWTULSTaF7GM35LZA="),
        (URL, FIELDS, "pRyoaoTp6LuOLasq/YZsiMkxq/4K1RbUNinS7WsfbBY="),
        (URL + "?a=1", b"", "LsCjipaDcBtxI8Bj5cWQJvcjcHGz3fb08u9ivOAtwLM="),
        (URL, b"", "t1KbYlpL176BGfUuI3TP5nIAZ/173e80khrwVClvFXg="),
    ],
)
def test_what_plivos_own_library_signs_is_taken_and_nothing_else(url, body, signature):
    headers = {"x-plivo-signature-v3": f"other=,{signature}", "x-plivo-signature-v3-nonce": "nonce-1"}
    call = Callback("POST", url, headers, body, NOW)
    of_plivo(PLIVO, call)
    for wrong in (
        replace(call, body=body + b"&x=1"), replace(call, url=url + "x"), replace(call, headers={**headers, "x-plivo-signature-v3-nonce": "2"}),
        replace(call, headers={}), replace(call, headers={"x-plivo-signature-v3": "näh"}),
    ):  # fmt: skip
        with pytest.raises(ForgedError):
            of_plivo(PLIVO, wrong)
    with pytest.raises(ForgedError):
        of_plivo({"signatures": "required"}, call)
    of_plivo({"password": "token", "signatures": "address"}, replace(call, headers={}))


def test_plivos_second_version_over_address_and_nonce_is_taken_too():
    import base64

    proof = base64.b64encode(hmac.new(b"token", f"{URL}12345".encode(), hashlib.sha256).digest()).decode()
    headers = {"x-plivo-signature-v2": proof, "x-plivo-signature-v2-nonce": "12345"}
    of_plivo(PLIVO, Callback("POST", URL, headers, FIELDS, NOW))
    with pytest.raises(ForgedError):
        of_plivo(PLIVO, Callback("POST", URL, {**headers, "x-plivo-signature-v2-nonce": "12346"}, FIELDS, NOW))
