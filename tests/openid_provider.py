"""A stand-in OpenID provider, in a process of its own: discovery, authorise, token, user information, keys; RS256, nonce, PKCE.

    python -m tests.openid_provider PORT

Whoever comes to /authorize is signed in as the person of `login_as` (POST /as, JSON claims); each code works once.
Every request is counted by path at /seen.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "tocsin", "a secret of tests: 7"


class Provider(BaseHTTPRequestHandler):
    """One issuer with one client and one key."""

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer = ""
    person: dict[str, Any] = {}
    twist: dict[str, Any] = {}  # claims of the id_token that differ from what they should be
    codes: dict[str, dict[str, Any]] = {}
    tokens: dict[str, dict[str, Any]] = {}
    seen: list[str] = []

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.seen.append(parts.path)
        given = dict(parse_qsl(parts.query))
        if parts.path == "/.well-known/openid-configuration":
            return self._say(200, self._discovery())
        if parts.path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return self._say(200, {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]})
        if parts.path == "/authorize":
            return self._authorise(given)
        if parts.path == "/userinfo":
            claims = self.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            return self._say(200, claims) if claims else self._say(401, {"error": "invalid_token"})
        if parts.path == "/seen":
            return self._say(200, {"seen": self.seen})
        return self._say(404, {"error": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.seen.append(self.path)
        if self.path == "/as":
            said = json.loads(body)
            Provider.twist = said.pop("id_token", {})
            Provider.person = said
            return self._say(200, {})
        if self.path == "/token":
            return self._token(dict(parse_qsl(body)))
        return self._say(404, {"error": "not_found"})

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo", "jwks_uri": f"{self.issuer}/keys", "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"], "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }  # fmt: skip

    def _authorise(self, given: dict[str, str]) -> None:
        demanded = {"client_id": CLIENT_ID, "response_type": "code", "code_challenge_method": "S256"}
        wrong = [name for name, value in demanded.items() if given.get(name) != value]
        wrong += [name for name in ("redirect_uri", "state", "nonce", "code_challenge") if not given.get(name)]
        if wrong or "openid" not in given.get("scope", "").split():
            return self._say(400, {"error": "invalid_request", "wrong": wrong})
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**given, "person": dict(self.person)}
        self.send_response(302)
        self.send_header("Location", f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}")
        self.end_headers()

    def _token(self, given: dict[str, str]) -> None:
        asked = self.codes.pop(given.get("code", ""), None)
        if asked is None or given.get("grant_type") != "authorization_code" or given.get("redirect_uri") != asked["redirect_uri"]:
            return self._say(400, {"error": "invalid_grant"})
        if (given.get("client_id"), given.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return self._say(401, {"error": "invalid_client"})
        hashed = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() != asked["code_challenge"]:
            return self._say(400, {"error": "invalid_grant", "error_description": "PKCE"})
        access, now = secrets.token_urlsafe(16), int(time.time())
        self.tokens[access] = asked["person"]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **asked["person"],
            **self.twist,
        }
        token = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "one"})
        return self._say(200, {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def _say(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class RunningProvider:
    """The provider's process, from the side of a test."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.openid_provider", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
        assert self.process.stdout
        self.issuer = self.process.stdout.readline().strip()

    def settings(self, domains: str = "larkfield.example") -> dict[str, str]:
        """What an installation needs to know of it."""
        return {
            "TOCSIN_OIDC_ISSUER": self.issuer, "TOCSIN_OIDC_CLIENT_ID": CLIENT_ID, "TOCSIN_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "TOCSIN_OIDC_NAME": "Larkfield SSO", "TOCSIN_OIDC_DOMAINS": domains,
        }  # fmt: skip

    def login_as(self, sub: str, email: str, *, verified: bool = True, name: str = "", id_token: dict[str, Any] | None = None) -> None:
        """The next who comes is this person; `id_token` bends its claims."""
        claims = {"sub": sub, "email": email, "email_verified": verified, "name": name or sub.title(), "id_token": id_token or {}}
        urllib.request.urlopen(f"{self.issuer}/as", json.dumps(claims).encode(), timeout=10).close()

    def seen(self) -> list[str]:
        """The paths that were asked for so far."""
        with urllib.request.urlopen(f"{self.issuer}/seen", timeout=10) as reply:
            return json.load(reply)["seen"]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider)
    Provider.issuer = f"http://127.0.0.1:{server.server_port}"
    print(Provider.issuer, flush=True)
    server.serve_forever()
