"""How do apprise's plugins go out? Each has, instead of the module `requests`, one that leads through the egress gate and keeps the answers.

Replaced is the name in the plugin's own module, for good: there is no moment and no thread in which a plugin has the other one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from tocsin.lib import http
from tocsin.lib.requests_session import GuardedAdapter, GuardedSession, NoConnection, PreparedRequest, RequestException, Response, codes

TIME_LIMIT = 15.0  # seconds for all requests of one message
MOST_REQUESTS = 6  # of one message: a sign-in, the message, and a few that a service asks for


@dataclass
class Call:
    """What one message has asked and heard: answers, or why there was none, in order."""

    until: float
    heard: list[http.Answer | Exception] = field(default_factory=list)


_here = threading.local()


@contextmanager
def listening() -> Iterator[Call]:
    """Keep what the plugin in this thread hears."""
    _here.call = Call(time.monotonic() + TIME_LIMIT)
    try:
        yield _here.call
    finally:
        _here.call = None


class _Heard(GuardedAdapter):
    def ask(self, request: PreparedRequest) -> http.Answer:
        call: Call | None = getattr(_here, "call", None)
        if call is None:
            raise NoConnection("nothing is being sent", request=request)  # a plugin that tidies up behind itself
        left = call.until - time.monotonic()
        if left <= 0 or len(call.heard) >= MOST_REQUESTS:
            raise NoConnection("one message has asked too much", request=request)
        self.time_limit = min(http.TIME_LIMIT, left)
        try:
            answer = super().ask(request)
        except NoConnection as error:
            call.heard.append(error.__cause__ if isinstance(error.__cause__, Exception) else error)
            raise
        call.heard.append(answer)
        return answer


class Requests:
    """The part of the module `requests` that the plugins use."""

    RequestException = RequestException
    codes = codes

    def request(self, method: str, url: str, **said: Any) -> Response:
        """As `requests.request`; `verify`, `timeout` and `allow_redirects` change nothing."""
        said |= {"allow_redirects": False}
        with GuardedSession(_Heard()) as session:
            return session.request(method, url, **said)

    def get(self, url: str, params: Any = None, **said: Any) -> Response:
        """As `requests.get`."""
        return self.request("GET", url, params=params, **said)

    def post(self, url: str, data: Any = None, json: Any = None, **said: Any) -> Response:
        """As `requests.post`."""
        return self.request("POST", url, data=data, json=json, **said)

    def put(self, url: str, data: Any = None, **said: Any) -> Response:
        """As `requests.put`."""
        return self.request("PUT", url, data=data, **said)

    def delete(self, url: str, **said: Any) -> Response:
        """As `requests.delete`."""
        return self.request("DELETE", url, **said)


REQUESTS = Requests()


def plugin_module(name: str) -> ModuleType:
    """A module of apprise.plugins that goes out by the gate alone."""
    module = import_module(f"apprise.plugins.{name}")
    module.requests = REQUESTS  # type: ignore[attr-defined]
    return module
