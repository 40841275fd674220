"""How do mails get in? An SMTP server that takes mail for integrations alone, and says yes after the commit."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from typing import Any

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

from tocsin.intake.headers import NONE
from tocsin.intake.rate import ThrottledError
from tocsin.intake.state import integration_of, start, state
from tocsin.intake.turns import OverloadedError
from tocsin.intake.writer import RejectedError, Row

log = logging.getLogger(__name__)
LARGEST_MAIL = 1_000_000  # bytes
LONGEST_LINE = 100_000  # bytes; the standard says 1,000, and those who write HTML do not keep to it
MOST_CONNECTIONS = 100
MOST_OF_ONE_ADDRESS = 20  # connections
MOST_RECIPIENTS = 20  # of one mail
MOST_UNKNOWN = 5  # recipients that nobody knows; then the connection ends
MOST_PASSED = 16_000_000  # bytes of one mail that are read to its end though it is too large
MOST_COMMANDS = 500  # of one sort, in one connection
IDLE_SECONDS = 60.0  # between two commands, and for a whole mail to arrive
CONNECTION_SECONDS = 900.0
PROTOCOL = "mail"
MAIL_TYPE = "message/rfc822"
MAILBOX = ":mailbox"  # kept among the headers: what stands before the + of the address
LONGEST_MAILBOX = 64
AGAIN = "451 4.3.0 The database does not answer; send it again later"
_ADDRESS = re.compile(r"(?:(?P<name>[^@]*)\+)?(?P<key>[^@+]+)@[^@]*")


def parts_of(address: str) -> tuple[str, str]:
    """Key and mailbox name of `KEY@anything` or `name+KEY@anything`; no key where it is neither."""
    found = _ADDRESS.fullmatch(address.strip().strip("<>"))
    # Keys are written in small letters; some mail programs do not care for letters' sizes.
    return (found["key"].lower(), (found["name"] or "")[:LONGEST_MAILBOX]) if found else ("", "")


class Recipients:
    """Who takes a mail: aiosmtpd calls these at each step of a connection."""

    async def handle_EHLO(self, server: Connection, session: Session, envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:
        """What this server can; signing in is not among it."""
        session.host_name = hostname
        return [line for line in responses if line[4:8] != "AUTH"]

    async def handle_MAIL(self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """Any sender; also none, as programs write that want no answer."""
        envelope.mail_from = address or "<>"
        envelope.mail_options.extend(options)
        server.passed = 0
        server.taken = {}
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """An integration's key, while it may send: 550 for any other, so nothing is ever passed on."""
        if len(server.taken) >= MOST_RECIPIENTS:
            return f"452 4.5.3 At most {MOST_RECIPIENTS} recipients of one mail"
        key, name = parts_of(address)
        try:
            await start(hearing=False)
            integration = await integration_of(key)
        except Exception as error:  # asyncpg has many ways to say that the database is away; the sender comes again after each
            log.warning("a recipient could not be looked up: %s: %s", type(error).__name__, error)
            return AGAIN
        if integration is None:
            server.unknown += 1
            if server.unknown > MOST_UNKNOWN:
                server.end()
                return "421 4.7.0 Too many recipients that nobody knows"
            return "550 5.1.1 No integration has this address"
        try:
            if integration not in server.taken and (bucket := state.keys.buckets.get(integration)) is not None:
                bucket.take(1, time.monotonic())
        except ThrottledError as throttled:
            return f"450 4.7.1 {throttled}"
        server.taken[integration] = (key, name)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Connection, session: Session, envelope: Envelope) -> str:
        """Store the mail once for each integration; 250 after the last commit. A mail that comes again folds into the same alerts."""
        content = bytes(envelope.original_content or b"")
        for key, _ in server.taken.values():  # whoever reads the event need not learn the key
            content = re.sub(re.escape(key.encode()), b"KEY", content, flags=re.IGNORECASE)
        rows = [Row(one, PROTOCOL, MAIL_TYPE, content, "", _beside(name)) for one, (_, name) in server.taken.items()]
        try:
            assert state.writer is not None
            await asyncio.gather(*(state.writer.store(row) for row in rows))
        except RejectedError:
            return "554 5.6.0 The mail holds a value that cannot be stored"
        except OverloadedError:
            return "451 4.3.2 Too much is waiting; send it again later"
        except Exception as error:
            log.warning("a mail was not accepted: %s: %s", type(error).__name__, error)
            return AGAIN
        return "250 2.0.0 Stored"

    async def handle_exception(self, error: Exception) -> str:
        """Whatever else goes wrong: the sender comes again."""
        log.error("a mail connection failed", exc_info=error)
        return "451 4.3.0 It could not be taken; send it again later"


def _beside(name: str) -> str:
    clean = name.replace("\0", "").encode("utf-8", "replace").decode()
    return msgspec.json.encode({MAILBOX: clean}).decode() if clean else NONE


class Connections:
    """How many connections are open, in all and from each address."""

    def __init__(self) -> None:
        self.open: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """Count one in; False where there are too many."""
        if sum(self.open.values()) >= MOST_CONNECTIONS or self.open.get(address, 0) >= MOST_OF_ONE_ADDRESS:
            return False
        self.open[address] = self.open.get(address, 0) + 1
        return True

    def leave(self, address: str) -> None:
        """Count one out."""
        self.open[address] -= 1
        if not self.open[address]:
            del self.open[address]


class Connection(SMTP):
    """One connection, bounded in number, time and bytes."""

    line_length_limit = LONGEST_LINE

    def __init__(self, connections: Connections, domain: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            Recipients(), data_size_limit=LARGEST_MAIL, enable_SMTPUTF8=True, hostname=domain, ident="ESMTP Tocsin", tls_context=tls,
            timeout=IDLE_SECONDS, auth_exclude_mechanism=("LOGIN", "PLAIN"), command_call_limit=MOST_COMMANDS, loop=asyncio.get_running_loop(),
        )  # fmt: skip
        self.connections = connections
        self.counted = ""
        self.passed = self.unknown = 0
        self.taken: dict[int, tuple[str, str]] = {}  # integration → key, mailbox
        self.ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Count it; one too many is told to come later."""
        if not self.counted:
            address = str((transport.get_extra_info("peername") or ("?",))[0])
            if not self.connections.enter(address):
                transport.write(b"421 4.7.0 Too many connections; come again later\r\n")
                transport.close()
                self.refused = True
                return
            self.counted = address
            self.ends = self.loop.call_later(CONNECTION_SECONDS, self.end)
        super().connection_made(transport)

    refused = False

    def connection_lost(self, error: Exception | None) -> None:
        """Count it out."""
        if self.refused:
            return
        if self.ends is not None:
            self.ends.cancel()
            self.ends = None
            self.connections.leave(self.counted)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """What is too large is read to its end, but not for ever."""
        if self.refused:
            return
        self.passed += len(data)
        if self.passed > MOST_PASSED:
            self.end()
            return
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """The other side has said all."""
        return None if self.refused else super().eof_received()

    def end(self) -> None:
        """Close it once what was answered is sent."""
        if self.transport is not None:
            self.loop.call_later(0.2, self.transport.close)


async def serve(host: str, port: int, domain: str, tls: ssl.SSLContext | None) -> asyncio.Server:
    """Listen. Raises OSError where the address cannot be had."""
    logging.getLogger("mail").setLevel(logging.ERROR)  # aiosmtpd would write each command down, and with it the keys
    connections = Connections()
    await start(hearing=False)
    return await asyncio.get_running_loop().create_server(lambda: Connection(connections, domain, tls), host, port)
