"""How is a page mailed through the mail service that the settings name? As an account, with health, reports and next ways, though nobody adds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings

from tocsin.domain.ports import Account, Answer, Callback, Field, Message, Receipt, Report, Said
from tocsin.integrations.email import service
from tocsin.integrations.email.notifier import compose


class MailService:
    """The service of TOCSIN_MAIL_SERVICE."""

    kind = "mail_service"
    label = "Mail service"
    channel = "email"
    fields = (Field("service", "Service", help="It is set by TOCSIN_MAIL_SERVICE, with its key; nothing is stored here."),)

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """It stands for the service of the settings and for no other."""
        right = bool(settings.MAIL_SERVICE) and values["service"] == settings.MAIL_SERVICE
        return {} if right else {"service": "The mail service is named by TOCSIN_MAIL_SERVICE where Tocsin is started."}

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One mail; its reports are awaited by nobody, since mail may take its time."""
        return service.send(compose(address, message, key), key=key)

    def read_callback(self, account: Account, call: Callback) -> list[Report]:
        """What the service reports. Raises ForgedError."""
        from tocsin.integrations.email.tracking import read

        return read(call)

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """The services read nothing but the status."""
        return Answer(b"ok")


GATEWAY = MailService()
