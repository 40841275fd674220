"""The other end of Slack's Socket Mode: a WebSocket server (aiohttp's) that says hello, brings envelopes and waits for each to be acknowledged."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from aiohttp import WSMsgType, web

APP_TOKEN = "xapp-1-of-larkfield"
ACK_LIMIT = 3.0  # seconds that Slack waits


class SlackSocket:
    """`to_bring` is brought at the next connection, one after the other; then Slack asks for a fresh connection, unless it `stays`."""

    def __init__(self, *, stays: bool = False) -> None:
        self.to_bring: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.stays = stays
        self.goodbye = "refresh_requested"
        self.connections = 0
        self.tickets: set[str] = set()
        self.connected, self.acked = threading.Event(), threading.Event()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._serve, args=(ready,), daemon=True).start()
        assert ready.wait(10)

    def ticket(self) -> str:
        """The address of one connection, which is good once."""
        name = f"t{len(self.tickets) + self.connections}"
        self.tickets.add(name)
        return f"ws://127.0.0.1:{self.port}/link/?ticket={name}&app_id=A1"

    def bring(self, kind: str, payload: dict[str, Any]) -> None:
        """Bring that at the next connection, or at once where there is one that stays."""
        envelope = {"envelope_id": f"e{len(self.to_bring)}-{kind}", "type": kind, "accepts_response_payload": False, "payload": payload}
        self.to_bring.append(envelope)
        self.acked.clear()

    def close(self) -> None:
        """Let go of every connection."""

        def end() -> None:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.call_later(0.05, self.loop.stop)

        self.loop.call_soon_threadsafe(end)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)

        async def begin() -> None:
            app = web.Application()
            app.router.add_get("/link/", self._connection)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]

        self.loop.run_until_complete(begin())
        ready.set()
        self.loop.run_forever()

    async def _connection(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("ticket", "")
        if name not in self.tickets:
            return web.Response(status=403)
        self.tickets.discard(name)
        self.connections += 1
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        info = {"app_id": "A1"}
        await socket.send_str(json.dumps({"type": "hello", "num_connections": 1, "debug_info": {"host": "x"}, "connection_info": info}))
        self.connected.set()
        await socket.ping(b"are you there")
        while self.to_bring or (self.stays and not socket.closed):
            if not self.to_bring:
                await asyncio.sleep(0.02)
                continue
            envelope = self.to_bring.pop(0)
            await socket.send_str(json.dumps(envelope))
            heard = await asyncio.wait_for(socket.receive(), ACK_LIMIT)
            if heard.type != WSMsgType.TEXT:
                break  # not acknowledged: the client hung up
            assert json.loads(heard.data) == {"envelope_id": envelope["envelope_id"]}
            self.acknowledged.append(envelope["envelope_id"])
            self.acked.set()
        if not socket.closed:
            await socket.send_str(json.dumps({"type": "disconnect", "reason": self.goodbye, "debug_info": {"host": "x"}}))
            await socket.receive()
        return socket
