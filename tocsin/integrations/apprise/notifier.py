"""How is a page sent to a service that only apprise knows? By its plugin: one way, with the link that acknowledges.

https://appriseit.com/services/ - apprise is imported when the first such address is given or used (docs/decisions/0016).
"""

from __future__ import annotations

import hashlib
import logging
import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tocsin.domain.ports import Abilities, Message, Outcome, Receipt
from tocsin.integrations import answers
from tocsin.integrations.apprise.services import SERVICES, why_not
from tocsin.lib import http

LONGEST_URL = 1_000
LONGEST_TEXT = 3_500  # characters, where a service would take more
SHORTEST_ROOM = 500  # characters that a service must take: the link needs most of them
LONGEST_WORDS = 200  # of what a service answered, as it is shown
NOT_TAKEN = {"template": "templates are files", "verify": "certificates are always checked"}
WRONG = "Give an apprise URL such as discord://WEBHOOK-ID/WEBHOOK-TOKEN or gotifys://gotify.example.com/TOKEN."


class Apprise:
    """One address of one of the services that are reached over HTTP. The whole URL is a secret."""

    kind = "apprise"
    label = "Another service, by its apprise URL"
    abilities = Abilities(
        note="One-way. Whether it wakes a phone depends on the service and its app: nobody can promise it, so keep another way beside it.",
    )

    def check_address(self, address: str) -> str:
        """The URL. Raises ValueError."""
        address = address.strip()
        scheme = re.match(r"([A-Za-z0-9]{2,30})://", address)
        if not scheme:
            raise ValueError(WRONG)
        if scheme[1].lower() not in SERVICES:
            raise ValueError(why_not(scheme[1].lower()))
        if len(address) > LONGEST_URL or re.search(r"[\s,;|]\S*://", address[len(scheme[0]) :]) or re.search(r"[\x00-\x20\x7f]", address):
            raise ValueError(f"Give one URL of at most {LONGEST_URL:,} characters, without spaces.")
        for name, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True):
            if name.strip().lower() in NOT_TAKEN:
                raise ValueError(f"Leave {name.strip().lower()} out of the URL: {NOT_TAKEN[name.strip().lower()]}.")
        plugin = _plugin(address)
        if plugin is None:
            raise ValueError(
                f"This is not how a URL of {scheme[1].lower()}:// looks; apprise's page about the service says what belongs in it."
            )
        if len(plugin) > 1:
            raise ValueError("The URL names several receivers: a way leads to one; add one way for each.")
        return address

    def visible(self, address: str) -> str:
        """The service, and a mark that differs from address to address."""
        return f"{address.partition('://')[0].lower()}://…{hashlib.sha256(address.encode()).hexdigest()[:8]}"

    def service(self, address: str) -> tuple[str, str]:
        """The scheme, and the host where that is a server of one's own: elsewhere what stands in its place may be a secret."""
        scheme, plugin = address.partition("://")[0].lower(), _plugin(address)
        name = str(plugin.service_name) if plugin else scheme
        host = str(getattr(plugin, "host", "") or "").lower() if plugin and "host" in plugin.template_tokens else ""
        if not host or any(token.get("private") for token in [plugin.template_tokens["host"]]):
            return f"{scheme}://", name
        where = f"{host}:{plugin.port}" if getattr(plugin, "port", None) else host
        return f"{scheme}://{where}", f"{name} at {where}"

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """One message. The services know no idempotency keys: what was cut after sending is unknown."""
        from tocsin.integrations.apprise.egress import listening

        plugin = _plugin(address)
        if plugin is None or plugin.body_maxlen < SHORTEST_ROOM:
            return Receipt(Outcome.FAILED, "apprise no longer takes this URL; give it again")
        name = str(plugin.service_name)
        with listening() as call:
            try:
                done = plugin.notify(**_said(plugin, message))
            except Exception as error:  # a plugin stumbles over an answer that it did not expect
                done = False
                call.heard.append(error)
        last = call.heard[-1] if call.heard else None
        if done and isinstance(last, http.Answer):
            return Receipt(Outcome.ACCEPTED, f"{name} took it (it answered {last.status})")
        return _refusal(name, last, address)


@cache
def _quiet() -> Any:
    """What apprise is told about us: no files, no templates, nothing stored, and no logs, which hold addresses."""
    from apprise import AppriseAsset
    from apprise.common import PersistentStoreMode

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return AppriseAsset(
        app_id="Tocsin", app_desc="Tocsin", app_url="", image_url_mask="", image_url_logo="", image_path_mask="", allow_templates=False,
        http_redirects=False, interpret_emojis=False, storage_mode=PersistentStoreMode.MEMORY, pem_autogen=False, pgp_autogen=False,
    )  # fmt: skip


def _plugin(address: str) -> Any:
    """The plugin made from a URL; None where it is not one of its service."""
    from tocsin.integrations.apprise.egress import plugin_module

    asset, scheme = _quiet(), address.partition("://")[0].lower()
    made = _class_of(plugin_module(SERVICES[scheme]), scheme) if scheme in SERVICES else None
    if made is None:
        return None
    try:
        found = made.parse_url(address.replace("/#", "/%23"))  # as apprise writes rooms
        if not found or any(name in NOT_TAKEN for name in found["qsd"]):
            return None
        plugin = made(**found, asset=asset)
    except Exception:  # its own refusals, and what its parsers stumble over
        return None
    plugin.throttle = lambda *_, **__: None  # one message, nothing to wait for; a claim lasts 20 s
    return plugin


def _class_of(module: Any, scheme: str) -> Any:
    for one in vars(module).values():
        if isinstance(one, type) and one.__module__ == module.__name__ and scheme in _schemes(one):
            return one
    return None


def _schemes(plugin: Any) -> list[str]:
    found: list[str] = []
    for given in (getattr(plugin, "protocol", None), getattr(plugin, "secure_protocol", None)):
        found += [given] if isinstance(given, str) else list(given or ())
    return found


def _said(plugin: Any, message: Message) -> dict[str, Any]:
    """The message in the form that the plugin sends: what people wrote cannot become a link or a mention, ours stand whole at its end."""
    from apprise.common import NotifyFormat, NotifyType, OverflowMode
    from apprise.conversion import convert_between

    form = plugin.resolve_format(NotifyFormat.TEXT)
    title, text = _harmless(" ".join(message.title.split())), _harmless(message.text)
    first, _, rest = text.partition("\n")
    if rest and title.startswith(first):
        text = rest  # a page begins with its title
    if plugin.title_maxlen <= 0:
        title, text = "", f"{title}\n{text}"
    room = min(int(plugin.body_maxlen), LONGEST_TEXT) - len(title)
    links = [("Acknowledge", message.link), ("Details", message.facts.get("subject_url") or "")]
    if form == NotifyFormat.HTML:
        tail = "".join(f'<br/><a href="{url}">{words}</a>' for words, url in links if url)
        text = convert_between(NotifyFormat.TEXT, form, answers.cut(text, LONGEST_TEXT))
    else:
        tail = "".join(f"\n{words}: {url}" for words, url in links if url and (words == "Acknowledge" or len(url) < room / 4))
        # Markdown differs from service to service and some show what is escaped: only what would hide a link is taken apart
        text = re.sub(r"<(?=\S)|\](?=\()", lambda found: found[0] + "\u200b", text) if form == NotifyFormat.MARKDOWN else text
        text = answers.cut(text, max(40, room - len(tail)))
    return {
        "title": answers.cut(title, plugin.title_maxlen) if title else "", "body": text + tail, "body_format": form,
        "notify_type": NotifyType.FAILURE if message.link else NotifyType.INFO, "overflow": OverflowMode.TRUNCATE,
    }  # fmt: skip


def _harmless(text: str) -> str:
    """A name in an alert must not call a whole room: a mention is broken by a space without width."""
    return text.replace("@", "@\u200b")


def _refusal(name: str, last: Any, address: str) -> Receipt:
    if isinstance(last, http.Answer):
        words = _words(last, address)
        if 200 <= last.status < 300:
            return Receipt(Outcome.FAILED, f"{name} answered {last.status}, and did not take it" + (f": {words}" if words else ""))
        if 300 <= last.status < 400:
            return Receipt(Outcome.FAILED, f"{name} answered {last.status}: it sends us elsewhere, where we do not follow")
        receipt = answers.refused(last, words)
        return Receipt(receipt.outcome, f"{name} {receipt.reason}", retry_after=receipt.retry_after, gone=last.status == 410)
    if isinstance(last, http.BlockedError):
        return Receipt(Outcome.FAILED, str(last))
    if isinstance(last, http.UnreachableError):
        return Receipt(Outcome.UNKNOWN if last.sent else Outcome.RETRY, f"no answer of {name}: {last}")
    return Receipt(Outcome.FAILED, f"apprise sent nothing to {name}" + (f": {type(last).__name__}" if last else ""))


def _words(answer: http.Answer, address: str) -> str:
    """What a service says, as one line without what is secret in the address."""
    said = answers.plain(answer)
    found = next((said[name] for name in ("message", "error", "errors", "errorDescription", "detail", "description") if said.get(name)), "")
    text = str(found) if found else answer.body[:2000].decode("utf-8", "replace")
    text = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    for part in sorted(set(re.split(r"[^A-Za-z0-9_-]+", address)), key=len, reverse=True):
        if len(part) >= 8:
            text = text.replace(part, "…")
    return answers.cut(text, LONGEST_WORDS)


NOTIFIER = Apprise()
