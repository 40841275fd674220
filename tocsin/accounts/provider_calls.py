"""How does the sign-in library reach the OpenID provider? By the one guarded client, as everything that goes out."""

from __future__ import annotations

import json
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as NoConnection

from tocsin.lib import http

TIME_LIMIT = 5.0


class ProviderAwayError(Exception):
    """The provider cannot be reached, may not be reached, or does not answer as a provider does."""


class GuardedSession(Session):
    """A session of `requests`, as allauth expects one, whose every request is one of lib.http. Redirects are not followed."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        self.headers.update({"User-Agent": "Tocsin", "Accept": "application/json", "Accept-Encoding": "identity"})
        self.adapters.clear()
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Guarded())


class _Guarded(BaseAdapter):
    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        body: Any = request.body or b""
        try:
            answer = http.request(
                request.method or "GET", request.url or "", headers={name: str(value) for name, value in request.headers.items()},
                content=body.encode() if isinstance(body, str) else body, time_limit=TIME_LIMIT,
            )  # fmt: skip
        except http.BlockedError as error:
            raise ProviderAwayError(str(error)) from error
        except http.UnreachableError as error:
            if request.method == "POST":
                raise NoConnection(str(error), request=request) from error  # the code may be used up: the person begins again
            raise ProviderAwayError(str(error)) from error
        _check(request, answer)
        response = Response()
        response.status_code, response.url, response.request, response.encoding = answer.status, request.url or "", request, "utf-8"
        response.headers.update(answer.headers)
        response._content = answer.body
        return response

    def close(self) -> None:
        """Nothing is kept open."""


def _check(request: PreparedRequest, answer: http.Answer) -> None:
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
