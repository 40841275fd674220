"""Which mail services can send our mail, and what does each need? The settings TOCSIN_MAIL_SERVICE… say which one does.

The names are those of django-anymail, whose backends and webhooks are used: https://anymail.dev/en/stable/esps/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `key` names what its API key is to anymail (two names: `KEY:SECRET`); `needs` and `takes` are its further options; `signs` is
    what the key of its webhooks is to anymail ("": it signs none, the address proves), `webhook` the view that reads them ("": it has none)."""

    label: str
    key: str = "api_key"
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    signs: str = ""
    webhook: str = "{}TrackingWebhookView"


SERVICES: dict[str, Service] = {
    "brevo": Service("Brevo"),
    "mailersend": Service("MailerSend", key="api_token", signs="signing_secret"),
    "mailgun": Service("Mailgun", takes=("sender_domain",), signs="webhook_signing_key"),
    "mailjet": Service("Mailjet", key="api_key secret_key"),
    "mailtrap": Service("Mailtrap", key="api_token", takes=("sandbox_id",), signs="tracking_secret"),
    "mandrill": Service("Mandrill", signs="webhook_key", webhook="{}CombinedWebhookView"),
    "postal": Service("Postal", needs=("api_url",), signs="webhook_key"),
    "postmark": Service("Postmark", key="server_token", takes=("message_stream",)),
    "resend": Service("Resend", signs="signing_secret"),
    "scaleway": Service("Scaleway", key="secret_key", needs=("project_id",), takes=("region",), webhook=""),
    "sendgrid": Service("SendGrid", signs="tracking_webhook_verification_key"),
    "sparkpost": Service("SparkPost", takes=("subaccount",)),
    "unisender_go": Service("UnisenderGo", needs=("api_url",), signs="api_key"),
}


def wrong() -> str:
    """What is wrong with the settings of the mail service, in a sentence; "" where they can be used, or none is named."""
    name = settings.MAIL_SERVICE
    if not name:
        return ""
    service = SERVICES.get(name)
    if service is None:
        return f"TOCSIN_MAIL_SERVICE names {name[:40]}; choose one of {', '.join(SERVICES)}."
    if len(settings.MAIL_SERVICE_KEY.split(":", 1)) < len(service.key.split()) or not settings.MAIL_SERVICE_KEY:
        form = "KEY:SECRET" if " " in service.key else "the key of its API"
        return f"TOCSIN_MAIL_SERVICE_KEY is {form} for {service.label}."
    known = {"api_url", *service.needs, *service.takes}
    if strange := sorted(set(settings.MAIL_SERVICE_OPTIONS) - known):
        return f"TOCSIN_MAIL_SERVICE_OPTIONS has {strange[0][:40]}; {service.label} takes {', '.join(sorted(known))}."
    missing = [one for one in service.needs if not settings.MAIL_SERVICE_OPTIONS.get(one)]
    return f"TOCSIN_MAIL_SERVICE_OPTIONS needs {missing[0]} for {service.label}." if missing else ""


def sending() -> dict[str, str]:
    """What anymail's backend is made with. Call it where nothing is `wrong`."""
    names = SERVICES[settings.MAIL_SERVICE].key.split()
    return dict(zip(names, settings.MAIL_SERVICE_KEY.split(":", len(names) - 1), strict=True)) | dict(settings.MAIL_SERVICE_OPTIONS)


def listening(url: str) -> Mapping[str, object]:
    """What anymail's webhook view is made with. Raises ValueError with a sentence where the service signs and we do not know its key."""
    service, key = SERVICES[settings.MAIL_SERVICE], settings.MAIL_SERVICE_WEBHOOK_KEY
    if service.signs == "api_key":
        return {"api_key": settings.MAIL_SERVICE_KEY, "webhook_secret": []}
    if service.signs and not key:
        raise ValueError(f"{service.label} signs its calls: TOCSIN_MAIL_SERVICE_WEBHOOK_KEY has to hold its key.")
    if not service.signs:
        return {"webhook_secret": [key] if key else []}
    more = {"webhook_url": url} if settings.MAIL_SERVICE == "mandrill" else {}
    return {service.signs: key, "webhook_secret": [], **more}
