"""How is a page sent through any provider with an HTTP interface, and what do its answers and calls mean? As its recipe says."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tocsin.domain import replies
from tocsin.domain.ports import Account, Answer, Callback, Field, Message, Outcome, Receipt, Reply, Report, Said, Sent
from tocsin.integrations import answers
from tocsin.integrations.http_gateway import recipe as recipes
from tocsin.integrations.http_gateway import signatures
from tocsin.integrations.http_gateway.recipe import Recipe
from tocsin.integrations.phone.numbers import e164
from tocsin.integrations.phone.texts import MENU, sms, spoken
from tocsin.lib import http, templates
from tocsin.lib.templates import BadTemplateError

log = logging.getLogger(__name__)
MOST_FIELDS = 200
Proof = Callable[[Mapping[str, str], Callback], None]


class HttpGateway:
    """One provider. `fixed` is its recipe, where it is known; else each account brings its own. `prove` raises ForgedError for a call that the
    provider did not sign, where the account has what it signs with."""

    def __init__(
        self, kind: str, label: str, channel: str, fields: tuple[Field, ...], fixed: Recipe | None = None, prove: Proof = signatures.of_body
    ) -> None:
        self.kind, self.label, self.channel, self.fields, self.fixed, self.prove = kind, label, channel, fields, fixed, prove

    def recipe(self, values: Mapping[str, str]) -> Recipe:
        """The recipe of an account."""
        return self.fixed or Recipe.of(values)

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """A sentence for each field that cannot be."""
        errors = {} if self.fixed else recipes.check(self.recipe(values))
        if values.get("signing_method") and values["signing_method"] not in signatures.METHODS:
            errors["signing_method"] = f"Choose one of {', '.join(signatures.METHODS)}."
        if values.get("signatures") and values["signatures"] not in ("required", "address"):
            errors["signatures"] = "Say required, or address where the signed address is to be the only proof."
        if values.get("base_url"):
            errors |= answers.wrong_address("base_url", values["base_url"])
        return errors

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One request. Too many requests and a provider in trouble are temporary; a recipe that cannot be filled in refuses the account."""
        recipe = self.recipe(account.values)
        replied = bool(recipe.reply_text) and account.values.get("sender", "").lstrip("+").isdigit()
        text = spoken(message) if self.channel == "voice" else sms(message, replies=replied)
        values = {
            **_values(account, key=key),
            "to": address,
            "number": address.lstrip("+"),
            "text": text,
            "title": message.title,
            "link": message.link,
        }
        try:
            method, url, headers, body = recipes.request(recipe, values)
            answer = answers.ask(method, url, headers={**_authorization(account.values), **headers}, content=body)
            if isinstance(answer, Receipt):
                return Receipt(Outcome.REFUSED, answer.reason) if answer.outcome is Outcome.FAILED else answer
            return _receipt(recipe, answer)
        except BadTemplateError as error:
            return Receipt(Outcome.REFUSED, f"the account's recipe fails: {error}")

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply]:
        """A report, a text or a key. Raises ForgedError where the account has what the provider signs with and the call is not signed so.

        Without that secret the address itself is the proof: it is signed by us, and only the provider was told it.
        """
        self.prove(account.values, call)
        recipe, values = self.recipe(account.values), _called(call)
        try:
            return self._read(recipe, values)
        except BadTemplateError as error:
            log.warning("the recipe of the account %s cannot read a call: %s", account.id, error)
            return []

    def _read(self, recipe: Recipe, values: dict[str, Any]) -> list[Report | Reply]:
        if text := recipes.expression(recipe.reply_text, values):
            return [Reply(replies.by_text(str(text)), address=_number(recipes.expression(recipe.reply_from, values)))]
        if (pressed := recipes.expression(recipe.key, values)) not in (None, "", False):
            return [Reply(replies.by_key(str(pressed)[:1]))]
        id = str(recipes.expression(recipe.report_id, values) or "")
        if recipes.expression(recipe.machine, values):
            return [Report(Outcome.FAILED, "an answering machine answered", id)]
        reason = recipes.expression(recipe.report_reason, values)
        if report := _report(recipe, recipes.expression(recipe.report, values), id, reason):
            return [report]
        # a call that nothing is said about yet: its provider asks what to say
        return [Reply(replies.Wish(replies.Verb.REPEAT))] if self.channel == "voice" and recipe.key else []

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """What the recipe answers to a reply or a key; 204 to all else."""
        recipe = self.recipe(account.values)
        if not said or not recipe.answer:
            return Answer(status=204)
        sentence, done = " ".join(one.sentence for one in said), all(one.done for one in said)
        values = {**_values(account), "said": sentence[:1000], "done": done, "menu": "" if done else MENU, "callback": call.url}
        try:
            made = templates.render(recipe.answer, values, form=recipes.FORMS.get(recipe.answer_type, "txt"))
        except BadTemplateError as error:
            log.warning("the account %s cannot answer a call: %s", account.id, error)
            return Answer(status=204)
        return Answer(made.encode(), f"{recipe.answer_type}; charset=utf-8")

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """End a call that nobody needs any more, where the recipe says how."""
        recipe = self.recipe(account.values)
        if not recipe.end_url:
            return Receipt(Outcome.DELIVERED, "it ends by itself")
        values = {**_values(account), "id": sent.provider_id}
        headers = {**_authorization(account.values), **recipes.lines(recipe.headers, ":", values)}
        answer = answers.ask("DELETE", recipes.address(recipe.end_url, values), headers=headers)
        if isinstance(answer, Receipt):
            return answer
        return Receipt(Outcome.DELIVERED, "the call was ended") if answer.status < 300 else answers.refused(answer)

    def ask(self, account: Account, provider_id: str) -> Report | None:
        """What became of a message, where the recipe says how that is asked."""
        recipe = self.recipe(account.values)
        if not recipe.ask_url:
            return None
        values = {**_values(account), "id": provider_id}
        headers = {**_authorization(account.values), **recipes.lines(recipe.headers, ":", values)}
        answer = answers.ask("GET", recipes.address(recipe.ask_url, values), headers=headers)
        if isinstance(answer, Receipt) or answer.status >= 300:
            return None
        seen = _seen(answer)
        return _report(recipe, recipes.expression(recipe.ask, seen), provider_id, recipes.expression(recipe.ask_reason, seen))


def _values(account: Account, key: str = "") -> dict[str, Any]:
    names = ("sender", "user", "password", "token", "base_url")
    return {**{name: account.values.get(name, "") for name in names}, "callback": account.callback, "key": key}


def _authorization(values: Mapping[str, str]) -> dict[str, str]:
    """Basic where there is a user, else the token as bearer; a header of the recipe comes instead of it."""
    if values.get("user"):
        return {"Authorization": "Basic " + base64.b64encode(f"{values['user']}:{values.get('password', '')}".encode()).decode()}
    return {"Authorization": f"Bearer {values['token']}"} if values.get("token") else {}


def _seen(answer: http.Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = {}
    return {"status": answer.status, "body": body, "text": answer.body[:2000].decode("utf-8", "replace")}


def _receipt(recipe: Recipe, answer: http.Answer) -> Receipt:
    seen = _seen(answer)
    reason = str(recipes.expression(recipe.reason, seen) or "")[:300]
    if recipes.expression(recipe.success, seen):
        reports = bool(recipe.report or recipe.ask_url)
        return Receipt(Outcome.ACCEPTED, "the provider took it", str(recipes.expression(recipe.id, seen) or "")[:200], reports=reports)
    said = reason or seen["text"].strip()[:200] or f"answered {answer.status}"
    if recipes.expression(recipe.bad_number, seen):
        return Receipt(Outcome.FAILED, said)
    if recipes.expression(recipe.refused, seen):
        return Receipt(Outcome.REFUSED, said)
    receipt = answers.refused(answer, reason)
    return receipt if receipt.outcome is Outcome.RETRY else Receipt(Outcome.REFUSED, said)  # another account may do better


def _report(recipe: Recipe, word: Any, id: str, reason: Any) -> Report | None:
    if word in (None, ""):
        return None
    state = str(word).lower()
    words = f"{state[:60]}: {str(reason)[:200]}" if reason not in (None, "", 0, "0") else state[:60]
    if state in recipe.words("delivered"):
        return Report(Outcome.DELIVERED, words, id)
    return Report(Outcome.FAILED if state in recipe.words("failed") else Outcome.ACCEPTED, words, id)


def _called(call: Callback) -> dict[str, Any]:
    query = dict(parse_qsl(urlsplit(call.url).query, max_num_fields=MOST_FIELDS))
    try:
        if call.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            return {"body": json.loads(call.body or b"{}"), "query": query}
        return {"body": dict(parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)), "query": query}
    except (ValueError, RecursionError):
        return {"body": {}, "query": query}


def _number(text: Any) -> str:
    """The sender of a text as contact methods are written; providers leave the + out."""
    digits = str(text or "").strip()
    try:
        return e164(digits if digits.startswith(("+", "00")) else f"+{digits}")
    except ValueError:
        return ""
