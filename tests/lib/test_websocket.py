"""A held connection: what does not keep to the protocol ends it, with a sentence; addresses that may not be reached are not."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Callable

import pytest

from tocsin.lib import http, websocket


def serve(frames: bytes, *, status: str = "101 Switching Protocols", accept: Callable[[bytes], bytes] | None = None) -> str:
    """One connection is taken, greeted and sent those bytes; the address."""
    door = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        line, _ = door.accept()
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += line.recv(4096)
        key = next(row.split(b": ")[1] for row in asked.split(b"\r\n") if row.lower().startswith(b"sec-websocket-key"))
        proof = (accept or (lambda key: base64.b64encode(hashlib.sha1(key + websocket.MAGIC).digest())))(key)
        head = f"HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\nSec-WebSocket-Accept: ".encode()
        line.sendall(head + proof + b"\r\n\r\n" + frames)
        line.recv(4096)
        line.close()
        door.close()

    threading.Thread(target=take, daemon=True).start()
    return f"ws://127.0.0.1:{door.getsockname()[1]}/"


def test_a_text_in_pieces_with_a_ping_between_them_is_one_text():
    with websocket.connected(serve(b"\x01\x03Hel\x89\x02hi\x80\x02lo\x81\x7e\x01\x00" + b"x" * 256)) as line:
        assert line.receive(60) == "Hello" and line.receive(60) == "x" * 256
        with pytest.raises(websocket.ClosedError, match="hung up"):  # once our answer to the ping has come
            line.receive(60)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (b"\x88\x05\x03\xe8bye", "the other side ended it: bye"),
        (b"\x81\x85\0\0\0\0Hello", "does not keep to the protocol"),
        (b"\xc1\x05Hello", "does not keep to the protocol"),
        (b"\x82\x02ab", "what is no text"),
        (b"\x81\x7f\0\0\0\0\x7f\xff\xff\xff", "larger than 1,024 KiB"),
    ],
)
def test_what_does_not_keep_to_the_protocol_ends_it(frames, words):
    with websocket.connected(serve(frames)) as line, pytest.raises(websocket.ClosedError, match=words):
        line.receive(60)


@pytest.mark.parametrize("wrong", [{"status": "403 Forbidden"}, {"accept": lambda key: b"AAAA"}])
def test_who_does_not_answer_as_a_websocket_is_not_spoken_to(wrong):
    with pytest.raises(websocket.ClosedError, match="no connection"), websocket.connected(serve(b"", **wrong)):
        pass


@pytest.mark.parametrize("url", ["https://slack.example/", "ws://user:pw@127.0.0.1/", "ws://10.0.0.1/"])
def test_addresses_that_may_not_be_reached_are_not(url):
    with pytest.raises(http.BlockedError), websocket.connected(url):
        pass


def test_nobody_there_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(websocket.ClosedError, match="no connection"), websocket.connected(f"ws://127.0.0.1:{port}/"):
        pass
