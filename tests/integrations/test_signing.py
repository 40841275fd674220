"""An integration with a signing secret takes only what its product signed: each product's own way, and nothing else by any address."""

import base64
import hashlib
import hmac
import json
import time

import pytest

from tests.live import until
from tocsin.integrations import signing
from tocsin.integrations.registry import SOURCES

SECRET, BODY = "It's a Secret to Everybody", b"Hello, World!"
AT = 1_790_000_000


def mac(name: str, body: bytes = BODY) -> str:
    return hmac.new(SECRET.encode(), body, name).hexdigest()


def said(kind: str, headers: dict[str, str], body: bytes = BODY, now: float = AT, secret: str = SECRET) -> str:
    return signing.complaint(kind, secret, lambda name: headers.get(name.decode(), ""), body, now)


def test_every_kind_that_signs_is_a_kind_of_source():
    assert signing.SCHEMES.keys() <= SOURCES.keys()


def test_github_s_own_example_is_proved():
    given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert said("github", {"x-hub-signature-256": given}) == ""
    assert "does not fit" in said("github", {"x-hub-signature-256": given}, BODY + b"!")
    assert "missing" in said("github", {})


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("gitlab", "x-gitlab-token", SECRET), ("sentry", "sentry-hook-signature", mac("sha256")),
        ("pagerduty_webhook_v3", "x-pagerduty-signature", f"v1={'0' * 64},v1={mac('sha256')}"),  # while a secret is changed there are two
        ("terraform_cloud", "x-tfe-notification-signature", mac("sha512")), ("netbox", "x-hook-signature", mac("sha512")),
        ("grafana_unified", "x-grafana-alerting-signature", mac("sha256")), ("linear", "linear-signature", mac("sha256")),
        ("jira", "x-hub-signature", f"sha256={mac('sha256')}"), ("checkly", "x-checkly-signature", mac("sha256")),
    ],
)  # fmt: skip
def test_each_product_proves_itself_in_its_own_way(kind, header, value):
    assert said(kind, {header: value}) == ""
    for wrong in ("", value[:-1], value.upper(), "é", f"{value}0"):
        assert said(kind, {header: wrong}), wrong


def test_a_time_that_grafana_signs_may_be_five_minutes_old_and_not_more():
    headers = {"x-grafana-alerting-timestamp": str(AT), "x-grafana-alerting-signature": mac("sha256", f"{AT}:".encode() + BODY)}
    assert said("grafana_unified", headers, now=AT + 300) == ""
    assert "5 minutes" in said("grafana_unified", headers, now=AT + 301)


def test_a_standard_webhook_is_proved_by_its_id_its_time_and_its_body():
    key = base64.b64encode(b"0123456789abcdef01234567").decode()
    signature = base64.b64encode(hmac.new(b"0123456789abcdef01234567", f"m1.{AT}.".encode() + BODY, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "m1", "webhook-timestamp": str(AT), "webhook-signature": f"v1a,zzz v1,{signature}"}
    assert said("generic", headers, secret=f"whsec_{key}") == ""
    assert "does not fit" in said("generic", {**headers, "webhook-id": "m2"}, secret=f"whsec_{key}")
    assert "no time" in said("generic", {**headers, "webhook-timestamp": "soon"}, secret=f"whsec_{key}")
    assert "does not fit" in said("generic", headers, secret="whsec_not base64")


def test_once_a_secret_is_set_nothing_unsigned_comes_in_by_any_address(live_server_process):
    tocsin = live_server_process
    one = tocsin.api("POST", "/integrations", {"name": "Terraform", "kind": "terraform_cloud", "signing_secret": SECRET})
    assert one["has_signing_secret"] and SECRET not in json.dumps(one)
    body = json.dumps({"message": "Disk full", "title": "Disk full"}).encode()

    def sent(path, **headers):
        return tocsin.ask("POST", path, body, token="", headers=headers)[0]

    assert sent(f"/in/{one['key']}") == 401
    assert sent("/v2/alerts", Authorization=f"GenieKey {one['key']}") == 401
    plain = tocsin.api("POST", "/integrations", {"name": "Signed", "kind": "generic", "signing_secret": SECRET})
    at = str(int(time.time()))
    proof = base64.b64encode(hmac.new(SECRET.encode(), f"m1.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    signed = {"webhook-id": "m1", "webhook-timestamp": at, "webhook-signature": f"v1,{proof}"}
    assert sent(f"/in/{plain['key']}", **signed) == 202
    until(lambda: tocsin.api("GET", f"/alerts?integration={plain['id']}")["items"], bool)
    assert sent(f"/in/{plain['key']}", **{**signed, "webhook-id": "m2"}) == 401
    tocsin.api("PATCH", f"/integrations/{plain['id']}", {"signing_secret": ""})
    until(lambda: sent(f"/in/{plain['key']}"), lambda status: status == 202)
    refused = tocsin.ask("PATCH", f"/api/v1/integrations/{plain['id']}", {"signing_secret": "short"})
    assert refused[0] == 422 and "8 to 500" in json.dumps(refused[1])
