"""How do libraries go out that bring `requests` with them? By sessions of it whose every request is one of lib.http."""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, RequestException, Response, Session, codes
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as NoConnection

from tocsin.lib import http

__all__ = ["GuardedAdapter", "GuardedSession", "NoConnection", "PreparedRequest", "RequestException", "Response", "codes"]


class GuardedAdapter(BaseAdapter):
    """What carries a session's requests. Time limits and certificate checks are lib.http's, whatever the caller asks for."""

    time_limit = http.TIME_LIMIT

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """One request through the egress gate."""
        answer = self.ask(request)
        response = Response()
        response.status_code, response.url, response.request, response.encoding = answer.status, request.url or "", request, "utf-8"
        response.headers.update(answer.headers)
        response._content = answer.body
        return response

    def ask(self, request: PreparedRequest) -> http.Answer:
        """The answer. Raises the exception of `requests` for what was not answered; its cause is lib.http's."""
        body: Any = request.body or b""
        try:
            return http.request(
                request.method or "GET", request.url or "", headers={name: _text(value) for name, value in request.headers.items()},
                content=body.encode() if isinstance(body, str) else body, time_limit=self.time_limit,
            )  # fmt: skip
        except (http.BlockedError, http.UnreachableError) as error:
            raise NoConnection(str(error), request=request) from error

    def close(self) -> None:
        """Nothing is kept open."""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class GuardedSession(Session):
    """A session that goes out by `adapter` alone: no redirects, no proxies or passwords from this machine's environment."""

    def __init__(self, adapter: GuardedAdapter | None = None) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        self.headers.update({"User-Agent": "Tocsin", "Accept-Encoding": "identity"})
        self.adapters.clear()
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter or GuardedAdapter())
