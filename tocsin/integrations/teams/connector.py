"""How do we speak to the Bot Connector, which brings a bot's messages to Teams: as whom, at which address, and what do its refusals mean?

A token is that of the app itself (OAuth 2.0 client credentials at Microsoft Entra), kept until shortly before it ends. Each chat names the
address by which it is reached (`serviceUrl`): it comes from outside, and whoever is there is shown the token, so only Microsoft's count, and
the account's own. learn.microsoft.com: Authentication with the Bot Connector API; Conversations of the Bot Connector API.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any
from urllib.parse import quote, urlsplit

from tocsin.domain.ports import Account, Outcome
from tocsin.integrations import chat
from tocsin.lib import http

SCOPE = "https://api.botframework.com/.default"
HOSTS = re.compile(r"smba\.trafficmanager\.net|(?:[a-z0-9-]+\.)+botframework\.com")
SPARE = 300  # seconds before its end a token is not used any more
LONGEST_WORDS = 200  # characters of what Microsoft says
# Its word → whether the chat is gone for good, and a sentence. All of them are about this one chat.
ERRORS = {
    "MessageWritesBlocked": (True, "this person has blocked or removed the bot in Teams"),
    "BotNotInConversationRoster": (True, "the bot is not in that chat or team any more"),
    "ConversationNotFound": (True, "Teams does not know this chat any more"),
    "MessageSizeTooBig": (False, "Teams finds the message too long"),
    "BotDisabledByAdmin": (False, "an administrator of Teams has switched the bot off"),
}


class Tokens:
    """What proves to the Bot Connector who we are, by account; each process asks for its own."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[float, str]] = {}

    def of(self, account: Account, *, limit: float) -> str:
        """The app's token. Raises NotTaken."""
        name = _name(account)
        until, token = self.known.get(name, (0.0, ""))
        if time.monotonic() < until:
            return token
        values = account.values
        form = {"grant_type": "client_credentials", "client_id": values["app_id"], "client_secret": values["secret"], "scope": SCOPE}
        told = chat.call("POST", f"{values['login'].rstrip('/')}/{values['tenant']}/oauth2/v2.0/token", form=form, limit=limit)
        if told.status != 200:
            why = str(told.said.get("error_description") or told.said.get("error") or told.status).splitlines()[0]
            raise chat.NotTaken(Outcome.REFUSED, f"Microsoft does not let the app sign in: {why[:LONGEST_WORDS]}")
        given, lasts = told.said.get("access_token"), told.said.get("expires_in")
        if not isinstance(given, str) or not given or not isinstance(lasts, int):
            raise chat.NotTaken(Outcome.RETRY, "what answered is not Microsoft's sign-in")
        self.known[name] = (time.monotonic() + lasts - SPARE, given)
        return given

    def forget(self, account: Account) -> None:
        """The next call asks for another."""
        self.known.pop(_name(account), None)


tokens = Tokens()


def _name(account: Account) -> str:
    values = account.values
    return hashlib.sha256(" ".join(values[name] for name in ("login", "tenant", "app_id", "secret")).encode()).hexdigest()


def is_ours(account: Account, service: str) -> bool:
    """Whether that address may be shown our token: Microsoft's, by https, or the account's own."""
    try:
        there, own = urlsplit(http.check_url(service)), urlsplit(account.values["service"])
        known = there.scheme == "https" and there.port in (None, 443) and HOSTS.fullmatch(there.hostname or "")
        return bool(known) or (there.scheme, there.netloc) == (own.scheme, own.netloc)
    except ValueError:
        return False


def call(
    account: Account, method: str, service: str, conversation: str, activity: str, body: dict[str, Any], *, posts: bool = False,
    limit: float = chat.CALL_LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """What the Bot Connector answered about an activity of a chat ("": a new one). Raises NotTaken."""
    if not is_ours(account, service):
        raise chat.NotTaken(Outcome.FAILED, "this chat leads to an address that is not Microsoft's")
    url = f"{service.rstrip('/')}/v3/conversations/{quote(conversation, safe='')}/activities"
    url += f"/{quote(activity, safe='')}" if activity else ""
    told = chat.call(method, url, token=tokens.of(account, limit=limit), body=body, posts=posts, limit=limit)
    if told.status == 401:  # revoked before its time, perhaps
        tokens.forget(account)
        told = chat.call(method, url, token=tokens.of(account, limit=limit), body=body, posts=posts, limit=limit)
    if told.status in (200, 201, 202):
        return told.said
    raise _fault(told)


def _fault(told: chat.Told) -> chat.NotTaken:
    """What a refusal means, in plain words with Microsoft's own."""
    error = told.said.get("error")
    said = error if isinstance(error, dict) else {}
    word, text = str(said.get("code") or "")[:60], str(said.get("message") or "")[:LONGEST_WORDS]
    why = ": ".join(part for part in (word, text) if part) or f"status {told.status}"
    if known := ERRORS.get(word):
        return chat.NotTaken(Outcome.FAILED, f"{known[1]} ({why})", gone=known[0])
    match told.status:
        case 401:
            return chat.NotTaken(Outcome.REFUSED, f"Teams does not accept the app; is it the one of the bot? ({why})")
        case 403:
            return chat.NotTaken(Outcome.FAILED, f"Teams does not let the bot write there ({why})")
        case 404 if said:
            return chat.NotTaken(Outcome.FAILED, f"Teams does not know this chat any more ({why})", gone=True)
        case 404 | 408 | 412:
            return chat.NotTaken(Outcome.RETRY, f"the Bot Connector has a fault ({why})")
    return chat.NotTaken(Outcome.FAILED, f"Teams refuses the message ({why})")
