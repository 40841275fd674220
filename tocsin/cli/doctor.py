"""What is wrong with this installation, and what mends it: `tocsin doctor`."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import typer

from tocsin.cli.session import AsJson, Data, Failed, data_dir, database, set_up, show

LEAST_DISK = 1_000_000_000
OLDEST_BACKUP = 2 * 86_400


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `grade`: good, warning or problem; a problem keeps Tocsin from paging somebody."""

    grade: str
    what: str
    fix: str = ""


def register(app: typer.Typer) -> None:
    """Hang the command into `tocsin`."""
    app.command()(doctor)


def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Look at everything that can be wrong, and say what mends it. Exits 1 if there is a problem."""
    folder = data_dir(data)
    findings = list(_folder(folder))
    try:
        with database(folder):
            set_up("shell")
            for look in (_database, _worker, _queues, _settings, _sign_in, _watched, _people, _services):
                findings += _looked(look)
    except Failed as error:
        findings.append(Finding("problem", f"The database cannot be started: {error}", "See postgres/log in the data folder."))
    findings += _backups(folder)
    show([asdict(finding) for finding in findings], as_json, ("grade", "what", "fix"))
    if any(finding.grade == "problem" for finding in findings):
        raise typer.Exit(1)


def _looked(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    from django.db import Error

    try:
        return list(look())
    except Error as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return [Finding("problem", f"The database does not answer ({reason})", "Start it with `tocsin up`, or check TOCSIN_DATABASE_URL.")]


def _folder(folder: Path) -> Iterator[Finding]:
    for name in ("secret-key", "database-passwords"):
        path = folder / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("problem", f"Others can read {path}", f"chmod 600 {path}, then make a new one")
    if not (folder / "secret-key").exists() and not os.environ.get("TOCSIN_SECRET_KEY"):
        yield Finding("warning", "There is no secret key yet", "`tocsin up` makes one.")
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    grade = "good" if free > LEAST_DISK else "problem"
    yield Finding(
        grade,
        f"{free // 1_000_000} MB are free on the disk of {folder}",
        "" if grade == "good" else "Make room: a full disk accepts no events.",
    )


def _database() -> Iterator[Finding]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_setting('fsync')")
        version, number, fsync = cursor.fetchone()
    old = number < 140000
    yield Finding("problem" if old else "good", f"PostgreSQL {version} answers", "Use PostgreSQL 14 or newer." if old else "")
    if fsync != "on":
        yield Finding("problem", "The database runs with fsync off: accepted events can be lost", "Set fsync = on.")
    plan = MigrationExecutor(connection)
    missing = plan.migration_plan(plan.loader.graph.leaf_nodes())
    yield (
        Finding("problem", f"{len(missing)} migrations are to be made", "tocsin migrate")
        if missing
        else Finding("good", "The tables are up to date")
    )


def _worker() -> Iterator[Finding]:
    from tocsin.jobs import heartbeat

    silence = heartbeat.silence()
    if silence is None or silence > heartbeat.FRESH:
        heard = "never" if silence is None else f"last {silence:.0f} s ago"
        yield Finding("problem", f"No worker is running (heard {heard}): nobody is paged", "Start `tocsin up` or `tocsin worker`.")
    else:
        yield Finding("good", f"A worker was heard {silence:.0f} s ago")


def _queues() -> Iterator[Finding]:
    from tocsin.response import lateness

    for loop, late in lateness.by_loop().items():
        if late > 30:
            yield Finding("problem", f"The oldest of {loop} is {late:.0f} s late", "Look at logs/worker.log in the data folder.")


def _settings() -> Iterator[Finding]:
    from django.conf import settings

    from tocsin.integrations.email import services

    if reason := services.wrong():
        yield Finding("problem", "The mail service that is named cannot be used", reason)
    if not settings.EMAIL_HOST and not settings.MAIL_SERVICE:
        yield Finding(
            "warning",
            "Mail cannot be sent: no mail server is named",
            "Set TOCSIN_SMTP_URL=smtp://user:password@host:587?tls=1 and TOCSIN_MAIL_FROM.",
        )
    elif settings.EMAIL_HOST and (reason := _mail_server()):
        yield Finding("problem", f"The mail server {settings.EMAIL_HOST} does not answer: {reason}", "Check TOCSIN_SMTP_URL.")
    if "0.0.0.0/0" in settings.EGRESS_ALLOW or "::/0" in settings.EGRESS_ALLOW:
        yield Finding("problem", "TOCSIN_EGRESS_ALLOW opens every private address to webhooks", "Name only the hosts that are needed.")
    if settings.BOOTSTRAP_TOKEN and len(settings.BOOTSTRAP_TOKEN) < 32:
        yield Finding("warning", "TOCSIN_BOOTSTRAP_TOKEN is short and may do everything", "Use 32 random characters, or unset it.")
    local = settings.TOCSIN_URL.startswith(("http://127.", "http://localhost"))
    if local:
        yield Finding(
            "warning",
            f"Links in pages lead to {settings.TOCSIN_URL}, which works on this machine alone",
            "Set TOCSIN_URL to the address people use.",
        )
    elif not settings.SECURE:
        yield Finding(
            "problem",
            f"{settings.TOCSIN_URL} is not encrypted: passwords can be read on the way",
            "Put a TLS proxy in front and set TOCSIN_URL=https://…",
        )


def _sign_in() -> Iterator[Finding]:
    """Does the provider of single sign-on answer from here, and what must be entered there?"""
    from django.conf import settings
    from django.urls import reverse

    from tocsin.lib import http

    issuer = settings.OIDC_ISSUER.removesuffix("/.well-known/openid-configuration").rstrip("/")
    if not issuer:
        return
    said, back = f"Single sign-on: {issuer}", settings.TOCSIN_URL + reverse("openid_connect_callback", args=["sso"])
    try:
        answer = http.request("GET", f"{issuer}/.well-known/openid-configuration", time_limit=5)
        named = json.loads(answer.body)["issuer"] if answer.status == 200 else ""
    except http.BlockedError as error:
        yield Finding("warning", f"{said} may not be reached: {error}", "Name its host and port in TOCSIN_EGRESS_ALLOW.")
    except (http.UnreachableError, ValueError, KeyError, TypeError) as error:
        yield Finding("warning", f"{said} does not answer as a provider does: {error}", "Check TOCSIN_OIDC_ISSUER.")
    else:
        if str(named).rstrip("/") == issuer:
            yield Finding("good", f"{said} answers; the address to come back to that it has to know is {back}")
        else:
            yield Finding(
                "warning", f"{said} answers {answer.status} and calls itself {str(named or 'nothing')[:200]}", "Check TOCSIN_OIDC_ISSUER."
            )


def _watched() -> Iterator[Finding]:
    """Does somebody outside hear that all is well, and somebody here that it is not?"""
    from django.conf import settings

    from tocsin.lib import http
    from tocsin.response import alarm

    if not settings.HEARTBEAT_URL:
        yield Finding(
            "warning",
            "Nobody outside notices when Tocsin itself stops",
            "Set TOCSIN_HEARTBEAT_URL to a heartbeat of another system, or run `tocsin watch` on another host.",
        )
    alarm.remember()
    if not alarm.targets():
        yield Finding(
            "warning", "Nobody hears the alarm when Tocsin itself is ill", "Set TOCSIN_ALARM=mailto:ops@example.com, or a mail server."
        )
    for target in settings.ALARM:
        try:
            http.check_url(target) if not target.startswith("mailto:") else None
        except ValueError as error:
            yield Finding("problem", f"TOCSIN_ALARM names {target}, which is neither mailto: nor a web address", str(error))


def _mail_server() -> str:
    import smtplib

    from django.core.mail import get_connection

    from tocsin.integrations.email import service

    try:
        mail = get_connection(service.SMTP, fail_silently=False)
        mail.open()
        mail.close()
    except (OSError, smtplib.SMTPException) as error:
        return str(error)[:200]
    return ""


def _people() -> Iterator[Finding]:
    from tocsin.accounts.models import Organisation, User
    from tocsin.paging.people import usable_methods

    people = list(User.objects.filter(is_active=True, removed_at=None).order_by("name"))
    if not any(user.is_administrator for user in people):
        yield Finding(
            "problem",
            "There is no administrator",
            "Open the set-up link of `tocsin up`, or: tocsin user add EMAIL --role administrator --password",
        )
    fallback = Organisation.objects.select_related("fallback_user").filter(pk=1).first()
    if people and (fallback is None or fallback.fallback_user is None):
        yield Finding(
            "problem",
            "The organisation has no fallback contact: a page that reaches nobody is lost",
            "Choose one on the page of the organisation.",
        )
    for user in people:
        if user.may_respond and not usable_methods(user):
            yield Finding("warning", f"{user.name} cannot be paged: no verified contact method", f"{user.name} adds one on their own page.")


def _services() -> Iterator[Finding]:
    from tocsin import clock
    from tocsin.alerts.models import Service
    from tocsin.response.rehearse import rehearse

    now: datetime = clock.now()
    for service in Service.objects.filter(removed_at=None).select_related("escalation_policy", "team").order_by("name"):
        lines = rehearse(service, now=now)[0].lines
        first = next((line for line in lines if line.people), None)
        if first is None:
            yield Finding("problem", f"{service.name}: nobody would be paged now", f"tocsin oncall explain '{service.name}' shows why")
        else:
            yield Finding("good", f"{service.name}: {first.who} would be paged now ({first.how})")


def _backups(folder: Path) -> Iterator[Finding]:
    from tocsin.cli.backups import ENDING

    newest = max((path.stat().st_mtime for path in (folder / "backups").glob(f"*{ENDING}")), default=None)
    if newest is None:
        yield Finding("warning", "There is no backup in the data folder", "tocsin backup, each day, and copy it to another machine")
    elif (age := time.time() - newest) > OLDEST_BACKUP:
        yield Finding("warning", f"The newest backup is {age / 86_400:.0f} days old", "tocsin backup")
    else:
        yield Finding("good", "A backup of the last two days is there")
