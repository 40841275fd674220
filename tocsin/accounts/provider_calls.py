"""How does the sign-in library reach the OpenID provider? By the one guarded client, as everything that goes out."""

from __future__ import annotations

import json
from typing import Any

from tocsin.lib import http, requests_session
from tocsin.lib.requests_session import NoConnection

TIME_LIMIT = 5.0


class ProviderAwayError(Exception):
    """The provider cannot be reached, may not be reached, or does not answer as a provider does."""


class GuardedSession(requests_session.GuardedSession):
    """A session of `requests`, as allauth expects one."""

    def __init__(self) -> None:
        super().__init__(_Provider())
        self.headers["Accept"] = "application/json"


class _Provider(requests_session.GuardedAdapter):
    time_limit = TIME_LIMIT

    def ask(self, request: Any) -> http.Answer:
        try:
            answer = super().ask(request)
        except NoConnection as error:
            if request.method == "POST" and isinstance(error.__cause__, http.UnreachableError):
                raise  # the code may be used up: the person begins again
            raise ProviderAwayError(str(error)) from error
        _check(request, answer)
        return answer


def _check(request: Any, answer: http.Answer) -> None:
    """What is read (discovery, keys, who somebody is) must be there and be JSON; a token that is refused is told by allauth."""
    if request.method != "GET":
        return
    if answer.status >= 500 or answer.status == 404:
        raise ProviderAwayError(f"{request.url} answered {answer.status}")
    try:
        readable = answer.status != 200 or isinstance(json.loads(answer.body), dict)
    except ValueError:
        readable = False
    if not readable:
        raise ProviderAwayError(f"{request.url} did not answer with a JSON object")
