"""How is the example played into a running installation? Through its public API, like anybody would."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tocsin.cli.session import Failed


def play(address: str, token: str) -> None:
    """Make the example organisation and play its incident; does nothing where there are people already."""
    from tocsin.cli.demo import run

    target = urlsplit(address)

    def call(method: str, path: str, body: Any = None, token_wanted: bool = True, **more: Any) -> Any:
        connection = http.client.HTTPConnection(target.hostname or "127.0.0.1", target.port or 80, timeout=30)
        headers = {"Content-Type": "application/json"}
        if more.get("token", token_wanted):
            headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        if reply.status >= 400:
            raise Failed(f"{method} {path} was answered with {reply.status}: {text[:300]}")
        return json.loads(text) if text.strip() else {}

    if call("GET", "/api/v1/teams").get("items"):
        print("the example is there already", flush=True)
        return
    run(call, say=lambda line: print(line, flush=True))
