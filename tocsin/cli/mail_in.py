"""What does the process do that takes mail in? It listens at TOCSIN_SMTP_LISTEN and hands the mails of integrations to the intake's writer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
from urllib.parse import urlsplit

from tocsin.cli.session import Failed
from tocsin.cli.web import refuse_to_start


def where(said: str) -> tuple[str, int]:
    """Host and port of `host:port`, `[::1]:port` or `:port` (all addresses). Raises ValueError."""
    host, colon, port = said.strip().rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65_536 or (":" in host and not host.startswith("[")):
        raise ValueError(f"TOCSIN_SMTP_LISTEN has to be host:port, such as 0.0.0.0:25, and is {said!r}")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104


def domain() -> str:
    """The domain that mail comes in for."""
    return os.environ.get("TOCSIN_MAIL_DOMAIN") or urlsplit(os.environ.get("TOCSIN_URL", "")).hostname or "localhost"


def certificate() -> ssl.SSLContext | None:
    """What STARTTLS needs, where it is set. Raises ValueError."""
    path, key = os.environ.get("TOCSIN_SMTP_TLS_CERT"), os.environ.get("TOCSIN_SMTP_TLS_KEY")
    if not path:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(path, key or None)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the certificate TOCSIN_SMTP_TLS_CERT with TOCSIN_SMTP_TLS_KEY cannot be used: {error}") from None
    return context


def main(listen: str) -> None:
    """Take mail until told to stop."""
    from tocsin.lib import logs

    logs.configure("mail")
    try:
        host, port = where(listen)
        tls = certificate()
    except ValueError as wrong:
        refuse_to_start(str(wrong))
    try:
        asyncio.run(_run(host, port, tls))
    except OSError as error:
        raise Failed(f"no mail can be taken at {listen} ({error.strerror or error})") from error


async def _run(host: str, port: int, tls: ssl.SSLContext | None) -> None:
    from tocsin.intake.mail import serve
    from tocsin.intake.state import stop

    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    server = await serve(host, port, domain(), tls)
    try:
        await told.wait()
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop(), 4)
