"""Who opens a connection: the credential in header, subprotocol or query, and its origin."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from codelab_core.clock import SYSTEM_CLOCK, Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import DEV_PRINCIPAL, JwtVerifier, Principal, TokenTable
from codelab_core.middleware import Scope, header
from codelab_core.protocol.frames import BEARER_SUBPROTOCOL
from codelab_core.settings import GatewaySettings, SettingsError
from codelab_gateway.sources import Network, Sources, parse_networks, source_of

LOCAL_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)

Verify = Callable[[str], Principal]


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller; `expires_s` is the second since 1970 at which the token ends."""

    principal: Principal
    expires_s: int | None = None


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Checks credentials as the settings say; `jwt` and `table` are tried where they are set."""

    dev: bool
    table: TokenTable | None
    jwt: JwtVerifier | None
    origins: frozenset[str]
    allow_query_token: bool
    proxies: tuple[Network, ...] = ()
    clock: Clock = SYSTEM_CLOCK
    sources: Sources = field(default_factory=Sources)

    @classmethod
    def load(cls, settings: GatewaySettings, clock: Clock = SYSTEM_CLOCK) -> "Authenticator":
        """Read what the settings name. Raises `SettingsError` for files that cannot be used."""
        modes = settings.auth_mode.split(",")
        return cls(
            dev=settings.auth_mode == "dev",
            table=_token_table(settings.tokens_file) if "token" in modes else None,
            jwt=_jwt_verifier(settings) if "jwt" in modes else None,
            origins=frozenset(origins_of(settings)),
            allow_query_token=settings.allow_query_token,
            proxies=_proxies(settings.trusted_proxies),
            clock=clock,
        )

    def admit(self, scope: Scope) -> Identity:
        """The caller of a request or a WebSocket, from a place that may ask.

        Raises `FORBIDDEN`/origin or /host, `RATE_LIMIT`/auth for an address that was wrong too
        often, `UNAUTHORIZED`/missing or /invalid, `TOKEN_EXPIRED`.
        """
        self.check_origin(scope)
        source, now = source_of(scope, self.proxies), self.clock.monotonic()
        self.sources.check(source, now)
        try:
            return self.identify(scope)
        except CodelabError as error:
            if error.reason == "invalid":
                self.sources.failed(source, now)
            raise

    def check_origin(self, scope: Scope) -> None:
        """Refuse web pages from elsewhere, and in `dev` other host names (DNS rebinding).

        Raises `FORBIDDEN`/origin or /host.
        """
        origin = header(scope, b"origin")
        if origin is not None and origin.decode("latin-1") not in self.origins:
            raise CodelabError(Code.FORBIDDEN, "origin")
        host = (header(scope, b"host") or b"").decode("latin-1")
        if self.dev and not LOCAL_HOST.fullmatch(host):
            raise CodelabError(Code.FORBIDDEN, "host")

    def identify(self, scope: Scope) -> Identity:
        """The caller of a request or a WebSocket.

        Raises `UNAUTHORIZED`/missing or /invalid, `TOKEN_EXPIRED`.
        """
        if self.dev:
            return Identity(DEV_PRINCIPAL)
        token = credential(scope, allow_query=self.allow_query_token)
        if not token:
            raise CodelabError(Code.UNAUTHORIZED, "missing")
        return self.verify(token)

    def verify(self, token: str) -> Identity:
        """The caller that a token stands for; raises as `identify` does."""
        if self.jwt and (token.count(".") == 2 or not self.table):  # noqa: PLR2004 -- RFC 7519
            principal = self.jwt.verify(token)
            return Identity(principal, self.jwt.expires_at(token))
        if self.table:
            return Identity(self.table.verify(token))
        raise CodelabError(Code.UNAUTHORIZED, "invalid")


def credential(scope: Scope, *, allow_query: bool) -> str:
    """The token of a request: bearer header, bearer subprotocol, or, if allowed, `?token=`."""
    scheme, _, token = (header(scope, b"authorization") or b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered: list[str] = scope.get("subprotocols", [])
    for name in offered:
        if name.startswith(BEARER_SUBPROTOCOL):
            return _from_base64url(name.removeprefix(BEARER_SUBPROTOCOL))
    if allow_query:
        query: bytes = scope["query_string"]
        return parse_qs(query.decode("latin-1")).get("token", [""])[0]
    return ""


def origins_of(settings: GatewaySettings) -> list[str]:
    """Web origins that may connect."""
    return [origin.strip() for origin in settings.allowed_origins.split(",") if origin.strip()]


def _from_base64url(text: str) -> str:
    """A token behind the subprotocol's prefix; what cannot be decoded is no token."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        return ""


def _proxies(text: str) -> tuple[Network, ...]:
    """The proxies in front of us."""
    try:
        return parse_networks(text)
    except ValueError as error:
        raise SettingsError(f"CODELAB_TRUSTED_PROXIES: {error}") from error


def _token_table(file: Path | None) -> TokenTable:
    """The tokens of a file."""
    if file is None:
        raise SettingsError("CODELAB_TOKENS_FILE: needed by auth mode token")
    try:
        return TokenTable.parse(file.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"CODELAB_TOKENS_FILE: {error}") from error


def _jwt_verifier(settings: GatewaySettings) -> JwtVerifier:
    """Verifier of HS256 tokens."""
    if settings.jwt_secret_file is None:
        raise SettingsError("CODELAB_JWT_SECRET_FILE: needed by auth mode jwt")
    try:
        return JwtVerifier(
            settings.jwt_secret_file.read_text().strip(),
            "HS256",
            settings.jwt_issuer,
            settings.jwt_audience,
            settings.principal_claim,
        )
    except (OSError, ValueError) as error:
        raise SettingsError(f"CODELAB_JWT_SECRET_FILE: {error}") from error
