"""How deep is JSON nested? Counted without building anything: deep nesting costs a parser its stack."""

from __future__ import annotations

from itertools import accumulate

DEEPEST = 32


def too_deep(body: bytes) -> bool:
    """Is it nested deeper than the limit? Counted without building anything; a small body is done after two counts."""
    if body.count(b"{") + body.count(b"[") <= DEEPEST:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")  # escaped quotes are gone, so the quotes that are left begin and end texts
    outside = b"".join(body.translate(None, _NO_BRACKET).split(b'"')[::2])
    return any(depth > DEEPEST for depth in accumulate(_STEP[byte] for byte in outside))


_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b'{}[]"')
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
