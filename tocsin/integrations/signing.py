"""Did the product itself send this? How products that sign their webhooks prove it, with a secret that both sides know.

Sources: GitHub "Validating webhook deliveries"; GitLab "Webhooks: secret token"; Sentry "Webhooks: request headers"; PagerDuty "Webhook signatures";
HCP Terraform "Notification configurations"; Grafana "Webhook notifier: HMAC signature"; Linear "Securing webhooks"; Jira "Secure admin webhooks";
NetBox "Webhooks"; Checkly "Webhooks"; Standard Webhooks 1.0 for everything that says it itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

PURPOSE = "integration-signing"  # what its secrets are sealed for
LONGEST_AGE = 300  # seconds: a signature with a time is no older, and no more ahead
SHORTEST_SECRET, LONGEST_SECRET = 8, 500  # characters
Header = Callable[[bytes], str]  # the value of a header by its lower-case name, "" where it is not there


@dataclass(frozen=True, slots=True)
class Scheme:
    """The header of the signature, its hash, what stands before the hexadecimal digits, and the header of a time that is signed with the body."""

    header: bytes
    hash: str = "sha256"
    prefix: str = ""
    time_header: bytes = b""


STANDARD = Scheme(b"webhook-signature", time_header=b"webhook-timestamp")  # https://www.standardwebhooks.com
TOKEN = Scheme(b"x-gitlab-token", hash="")  # the secret itself
SCHEMES: dict[str, Scheme] = {
    "checkly": Scheme(b"x-checkly-signature"),
    "generic": STANDARD,
    "github": Scheme(b"x-hub-signature-256", prefix="sha256="),
    "gitlab": TOKEN,
    "grafana_unified": Scheme(b"x-grafana-alerting-signature", time_header=b"x-grafana-alerting-timestamp"),
    "jira": Scheme(b"x-hub-signature", prefix="sha256="),
    "linear": Scheme(b"linear-signature"),
    "netbox": Scheme(b"x-hook-signature", hash="sha512"),
    "pagerduty_webhook_v3": Scheme(b"x-pagerduty-signature", prefix="v1="),
    "sentry": Scheme(b"sentry-hook-signature"),
    "terraform_cloud": Scheme(b"x-tfe-notification-signature", hash="sha512"),
}


def complaint(kind: str, secret: str, header: Header, body: bytes, now: float) -> str:
    """Why a request is not proved to come from a product of that kind; "" when it is. `now`: seconds since 1970, for signatures with a time."""
    scheme = SCHEMES[kind]
    name = scheme.header.decode()
    given = header(scheme.header)
    if not given:
        return f"The header {name} is missing: this integration takes only what is signed with its secret."
    if scheme is TOKEN:
        return "" if _same(given, secret) else f"The header {name} does not hold the secret of this integration."
    at = header(scheme.time_header) if scheme.time_header else ""
    if (scheme is STANDARD or at) and not (at.isdigit() and len(at) < 15 and abs(now - int(at)) <= LONGEST_AGE):
        return f"The header {scheme.time_header.decode()} is no time within the last {LONGEST_AGE // 60} minutes."
    if scheme is STANDARD:
        wanted = _standard(secret, header(b"webhook-id"), at, body)
        proved = any(_same(one.partition(",")[2], wanted) for one in given.split()[:10] if one.startswith("v1,"))
    else:
        signed = f"{at}:".encode() + body if at else body
        wanted = scheme.prefix + hmac.new(secret.encode(), signed, scheme.hash).hexdigest()
        proved = any(_same(one.strip(), wanted) for one in given.split(",")[:10])
    return "" if proved else f"The header {name} does not fit the body and the secret of this integration."


def _standard(secret: str, id: str, at: str, body: bytes) -> str:
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return ""
    signed = f"{id}.{at}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _same(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
