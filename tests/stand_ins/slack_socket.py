"""The other end of Slack's Socket Mode: a WebSocket server (aiohttp's) that says hello, brings envelopes and waits for each to be acknowledged."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from aiohttp import WSMsgType, web

APP_TOKEN = "xapp-1-of-larkfield"
ACK_LIMIT = 60.0  # seconds; Slack itself waits for three


class SlackSocket:
    """`to_bring` is brought at the next connection, one after the other; then it ends, by the word `goodbye` where there is one, unless it
    `stays`. With `hands_over` the first one asks to be replaced, brings what is `late` once another is there, and ends."""

    def __init__(self, *, stays: bool = False, hands_over: bool = False) -> None:
        self.to_bring: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.stays = stays
        self.hands_over = hands_over
        self.late: list[dict[str, Any]] = []
        self.goodbye = ""
        self.connections = 0
        self.tickets: set[str] = set()
        self.connected, self.acked = threading.Event(), threading.Event()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._serve, args=(ready,), daemon=True).start()
        assert ready.wait(60)

    def ticket(self) -> str:
        """The address of one connection, which is good once."""
        name = f"t{len(self.tickets) + self.connections}"
        self.tickets.add(name)
        return f"ws://127.0.0.1:{self.port}/link/?ticket={name}&app_id=A1"

    def bring(self, kind: str, payload: dict[str, Any]) -> None:
        """Bring that at the next connection, or at once where there is one that stays."""
        envelope = {"envelope_id": f"e{len(self.to_bring)}-{kind}", "type": kind, "accepts_response_payload": False, "payload": payload}
        self.acked.clear()
        self.to_bring.append(envelope)

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
        replaced = self.hands_over and self.connections == 1
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        info = {"app_id": "A1"}
        await socket.send_str(json.dumps({"type": "hello", "num_connections": 1, "debug_info": {"host": "x"}, "connection_info": info}))
        self.connected.set()
        await socket.ping(b"are you there")
        while self.to_bring or (self.stays and not replaced and not socket.closed):
            if not self.to_bring:
                await asyncio.sleep(0.02)
            elif not await self._took(socket, self.to_bring.pop(0)):
                break
        if replaced:
            await socket.send_str(json.dumps({"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "x"}}))
            while self.connections == 1 and not socket.closed:
                await asyncio.sleep(0.02)
            while self.late and await self._took(socket, self.late.pop(0)):
                pass
        elif self.goodbye and not socket.closed:
            await socket.send_str(json.dumps({"type": "disconnect", "reason": self.goodbye, "debug_info": {"host": "x"}}))
            await socket.receive()
        return socket

    async def _took(self, socket: web.WebSocketResponse, envelope: dict[str, Any]) -> bool:
        """Bring it; whether it was acknowledged, else the client hung up."""
        await socket.send_str(json.dumps(envelope))
        heard = await asyncio.wait_for(socket.receive(), ACK_LIMIT)
        if heard.type != WSMsgType.TEXT:
            return False
        assert json.loads(heard.data) == {"envelope_id": envelope["envelope_id"]}
        self.acknowledged.append(envelope["envelope_id"])
        self.acked.set()
        return True
