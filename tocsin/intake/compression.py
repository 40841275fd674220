"""How large is a compressed body when it is unpacked, and what does it hold? Never unpacked further than the largest body that is taken."""

from __future__ import annotations

import zlib

WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # for zlib: a gzip header is expected, or whichever header there is


class UnknownEncodingError(ValueError):
    """The body is packed in a form that is not taken."""


class UnpackedTooLargeError(ValueError):
    """Unpacked, the body would be larger than what is taken."""


class BrokenPackingError(ValueError):
    """The body is not packed as its header says, or it ends too early."""


def encoding_of(headers: list[tuple[bytes, bytes]]) -> str:
    """The content encoding in small letters; nothing where the body comes as it is."""
    for name, value in headers:
        if name == b"content-encoding":
            said = value.decode("latin-1").strip().lower()
            return "" if said == "identity" else said
    return ""


def unpacked(body: bytes, encoding: str, largest: int) -> bytes:
    """The body unpacked, of at most `largest` bytes. Raises UnknownEncodingError, UnpackedTooLargeError, BrokenPackingError."""
    if not encoding:
        return body
    if encoding not in WINDOWS:
        raise UnknownEncodingError(encoding[:60])
    unpacker = zlib.decompressobj(WINDOWS[encoding])
    try:
        content = unpacker.decompress(body, largest + 1)
    except zlib.error:
        raise BrokenPackingError(encoding) from None
    if len(content) > largest:
        raise UnpackedTooLargeError(encoding)
    if not unpacker.eof:
        raise BrokenPackingError(encoding)
    return content
