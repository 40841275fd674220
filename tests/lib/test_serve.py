"""What does the server stand? Real sockets against it in this process: slow heads, huge heads, pipelines, pieces, and the end of the process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import asynccontextmanager

import pytest
import uvicorn

from tests import loops
from tests.live import free_port
from tocsin.lib import serve


def application():
    """Says what it was asked; takes POSTs below /in/ as a whole."""
    asked = []

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked.append(("asgi", scope["method"], scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    async def whole(path, query, headers, body):
        asked.append(("whole", path, query, body))
        if body == b"break":
            raise ValueError("broken on purpose")
        await asyncio.sleep(0)
        return 202, [(b"content-length", str(len(body)).encode()), (b"x-host", dict(headers)[b"host"])], body

    app.whole = (b"/in/", whole)
    app.asked = asked
    return app


@asynccontextmanager
async def served(app):
    config = serve.configured(app)
    config.port, config.lifespan = free_port(), "off"
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield config.port
    finally:
        server.should_exit = True
        await running


async def rounds(seconds):
    """Let so much time pass, in which the server of this process had its turn many times: also where the process stood still for all of it."""
    for _ in range(20):
        await asyncio.sleep(seconds / 20)


def talk(app, *pieces, pause=0.02):
    """All that the server says to a connection on which these pieces arrive one after the other, until it closes or has nothing to say."""

    async def run():
        async with served(app) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await rounds(pause)
            said, more = b"", asyncio.ensure_future(reader.read(65536))
            while True:
                await rounds(0.15)
                if not more.done() or not (piece := more.result()):
                    break
                said, more = said + piece, asyncio.ensure_future(reader.read(65536))
            more.cancel()
            writer.close()
            return said

    return loops.run(run())


def post(path, body, *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: here", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_request_in_one_piece_is_taken_whole_and_the_connection_serves_the_next():
    app = application()
    said = talk(app, post("/in/a?b=c", b"one"), post("/in/a", b""), post("/elsewhere", b"three"))
    assert app.asked == [("whole", b"/in/a", b"b=c", b"one"), ("whole", b"/in/a", b"", b""), ("asgi", "POST", "/elsewhere", b"three")]
    assert said.count(b"HTTP/1.1 202 Accepted\r\n") == 2 and said.count(b"HTTP/1.1 200 OK\r\n") == 1 and b"x-host: here\r\n\r\none" in said
    assert said.count(b"\r\ndate: ") == 3


def test_what_comes_in_pieces_is_an_ordinary_request_and_nothing_of_it_is_lost():
    app = application()
    whole = post("/in/a", b"0123456789")
    said = talk(app, whole[:-7], whole[-7:-2], whole[-2:])
    assert app.asked == [("asgi", "POST", "/in/a", b"0123456789")] and said.endswith(b"0123456789")
    chunked = b"POST /in/a HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    app = application()
    talk(app, chunked, b"2\r\nde\r\n0\r\n\r\n")
    assert app.asked == [("asgi", "POST", "/in/a", b"abcde")]


def test_requests_sent_without_waiting_are_answered_in_their_order():
    app = application()
    said = talk(app, post("/in/a", b"1") + post("/x", b"2") + post("/in/a", b"3") + post("/in/a", b"4", "Connection: close"))
    assert [int(line[-1:]) for line in said.split(b"HTTP/1.1 ")[1:]] == [1, 2, 3, 4]
    assert [one[-1] for one in app.asked] == [b"1", b"2", b"3", b"4"]


def test_other_methods_and_expectations_go_the_ordinary_way():
    app = application()
    said = talk(
        app,
        b"GET /in/a HTTP/1.1\r\nHost: here\r\n\r\n",
        post("/in/a", b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 2"),
        b"ok",
    )
    assert [one[0] for one in app.asked] == ["asgi", "asgi"] and b"100 Continue" in said and said.endswith(b"ok")


def test_the_connection_ends_where_the_client_wants_it_or_speaks_http_1_0():
    for request in (post("/in/a", b"x", "Connection: close"), post("/in/a", b"x").replace(b"HTTP/1.1", b"HTTP/1.0")):
        said = talk(application(), request, post("/in/a", b"never"))
        assert said.count(b"HTTP/1.1 202") == 1 and b"connection: close\r\n" in said


def test_what_breaks_in_the_application_is_a_500_and_the_connection_lives():
    said = talk(application(), post("/in/a", b"break"), post("/in/a", b"fine"))
    assert b"HTTP/1.1 500" in said and said.endswith(b"fine")


@pytest.mark.parametrize("sent", [b"", b"POST /in/a HTT", b"POST /in/a HTTP/1.1\r\nHost: here\r\nX-Slow: "])
def test_a_head_that_does_not_come_in_time_ends_the_connection(monkeypatch, sent):
    monkeypatch.setattr(serve, "HEAD_SECONDS", 0.1)
    app = application()
    assert talk(app, sent, pause=0.3).startswith(b"HTTP/1.1 408 ") and app.asked == []


def test_a_slow_head_after_a_good_request_ends_the_connection_too(monkeypatch):
    monkeypatch.setattr(serve, "HEAD_SECONDS", 0.1)
    said = talk(application(), post("/in/a", b"x"), b"POST /in", pause=0.3)
    assert b"HTTP/1.1 202" in said and b"HTTP/1.1 408" in said


def test_a_head_that_does_not_end_is_refused():
    app = application()
    said = talk(app, b"POST /in/a HTTP/1.1\r\n", *[b"X-More: " + b"y" * 20_000 + b"\r\n"] * 5)
    assert said.startswith(b"HTTP/1.1 431 ") and app.asked == []


def test_what_is_no_http_is_refused():
    app = application()
    assert talk(app, b"\x16\x03\x01\x02\x00\x01\x00").startswith(b"HTTP/1.1 400 ")
    assert talk(app, b"POST /in/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab").startswith(
        b"HTTP/1.1 400 "
    )


def test_one_of_several_processes_that_dies_is_started_again(tmp_path):
    (tmp_path / "several.py").write_text(
        "import os\n"
        "async def app(scope, receive, send):\n"
        "    message = await receive()\n"
        "    if message['type'] == 'lifespan.startup':\n"
        "        await send({'type': 'lifespan.startup.complete'})\n"
        "        await receive()\n"
        "        return await send({'type': 'lifespan.shutdown.complete'})\n"
        "    body = str(os.getpid()).encode()\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'connection', b'close')]})\n"
        "    await send({'type': 'http.response.body', 'body': body})\n"
    )
    port = free_port()
    command = [sys.executable, "-c", f"from tocsin.lib.serve import serve; serve('several:app', '127.0.0.1', {port}, 2)"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}, start_new_session=True)
    try:
        first = _process_that_answers(port)
        os.kill(first, signal.SIGKILL)
        until = time.monotonic() + 90
        while len({_process_that_answers(port) for _ in range(10)} - {first}) < 2:
            assert time.monotonic() < until
        process.terminate()
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _process_that_answers(port):
    until = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as reply:
                return int(reply.read())
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
