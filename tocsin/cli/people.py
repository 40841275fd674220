"""Who may come in: `tocsin user` and `tocsin token`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Annotated, Any

import typer

from tocsin.cli.session import AsJson, Data, Failed, actor, django, show

users = typer.Typer(help="People who can sign in.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens for the API.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    app.add_typer(users, name="user")
    app.add_typer(tokens, name="token")


@users.command("add")
def add_user(
    email: Email,
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    role: Annotated[str, typer.Option(help="administrator, responder or observer.")] = "responder",
    time_zone: Annotated[str, typer.Option(help="The person's time zone, such as Europe/Berlin.")] = "",
    password: Annotated[
        bool, typer.Option("--password", help="Set a password: read from TOCSIN_PASSWORD, standard input or the terminal.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add a person."""
    secret = _password() if password else None
    with django(data):
        from tocsin import clock
        from tocsin.accounts import operations

        added = operations.add_user(
            name=name or email.partition("@")[0].replace(".", " ").title(), email=email, role=role, time_zone=time_zone, password=secret,
            by=actor(), now=clock.now(),
        )  # fmt: skip
        show([_user(added)], as_json, ("id", "email", "name", "role"))


@users.command("list")
def list_users(data: Data = None, as_json: AsJson = False) -> None:
    """Show everybody."""
    with django(data):
        from tocsin.accounts.models import User

        rows = [_user(user) for user in User.objects.filter(removed_at=None).order_by("name")]
        show(rows, as_json, ("id", "email", "name", "role", "time_zone", "active"))


@users.command("password")
def set_password(email: Email, data: Data = None) -> None:
    """Set a person's password; all their sessions end."""
    secret = _password()
    with django(data):
        from tocsin import clock
        from tocsin.accounts import operations

        operations.set_password(found(email), secret, by=actor(), now=clock.now())
        typer.echo(f"the password of {email} is set")


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="read, respond, administer or watch; can be given several times.")] = None,
    user: Annotated[str, typer.Option(help="E-mail address of the person that it acts for.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0 for never.")] = 0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a token; it is shown this once."""
    with django(data):
        from tocsin import clock
        from tocsin.accounts.operations_tokens import add_token

        now = clock.now()
        row, secret = add_token(
            name=name, scopes=scope or ["read"], user_id=found(user).pk if user else None,
            expires_at=now + timedelta(days=days) if days else None, by=actor(), now=now,
        )  # fmt: skip
        if as_json:
            show({**_token(row), "token": secret}, True)
        else:
            typer.echo(secret)


@tokens.command("list")
def list_tokens(data: Data = None, as_json: AsJson = False) -> None:
    """Show the tokens (not their secrets)."""
    with django(data):
        from tocsin.accounts.models import ApiToken

        rows = [_token(row) for row in ApiToken.objects.filter(revoked_at=None).select_related("user").order_by("id")]
        show(rows, as_json, ("id", "name", "prefix", "scopes", "user", "expires_at", "last_used_at"))


@tokens.command("revoke")
def revoke(token: Annotated[int, typer.Argument(help="The token's id, as `token list` shows it.")], data: Data = None) -> None:
    """End a token at once."""
    with django(data):
        from tocsin import clock
        from tocsin.accounts.operations_tokens import revoke_token

        typer.echo(f"the token {revoke_token(token, by=actor(), now=clock.now()).name} is revoked")


def found(email: str) -> Any:
    """The person with that address; an error in words where there is none."""
    from tocsin.accounts.models import User

    user = User.objects.filter(email__iexact=email.strip(), removed_at=None).first()
    if user is None:
        raise Failed(f"there is nobody with the address {email}")
    return user


def _password() -> str:
    if given := os.environ.get("TOCSIN_PASSWORD"):
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _user(user: Any) -> dict[str, Any]:
    return {
        "id": user.pk, "email": user.email, "name": user.name, "role": str(user.role), "time_zone": user.time_zone, "active": user.is_active,
    }  # fmt: skip


def _token(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk, "name": row.name, "prefix": row.prefix, "scopes": list(row.scopes), "user": row.user.email if row.user else None,
        "expires_at": row.expires_at, "last_used_at": row.last_used_at,
    }  # fmt: skip
