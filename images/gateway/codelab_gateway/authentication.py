"""Who opens a connection: the credential in header, subprotocol or query, and its origin."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from codelab_core.clock import SYSTEM_CLOCK, Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import DEV_PRINCIPAL, Principal
from codelab_core.middleware import Scope, header
from codelab_core.protocol.frames import BEARER_SUBPROTOCOL
from codelab_core.settings import GatewaySettings
from codelab_gateway.sources import Network, Sources, source_of
from codelab_gateway.trust import Trust, origins_of, proxies_of

LOCAL_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller; `expires_s` is the second since 1970 at which the token ends."""

    principal: Principal
    expires_s: int | None = None


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Checks credentials as the settings say; in `dev` nobody is asked."""

    dev: bool
    trust: Trust
    origins: frozenset[str]
    allow_query_token: bool
    proxies: tuple[Network, ...] = ()
    clock: Clock = SYSTEM_CLOCK
    sources: Sources = field(default_factory=Sources)

    @classmethod
    def load(cls, settings: GatewaySettings, clock: Clock = SYSTEM_CLOCK) -> "Authenticator":
        """Read what the settings name. Raises `SettingsError` for files that cannot be used."""
        return cls(
            dev=settings.auth_mode == "dev",
            trust=Trust.load(settings, clock),
            origins=frozenset(origins_of(settings)),
            allow_query_token=settings.allow_query_token,
            proxies=proxies_of(settings),
            clock=clock,
        )

    async def admit(self, scope: Scope) -> Identity:
        """The caller of a request or a WebSocket, from a place that may ask.

        Raises `FORBIDDEN`/origin or /host, `RATE_LIMIT`/auth for an address that was wrong too
        often, `UNAUTHORIZED`/missing or /invalid, `TOKEN_EXPIRED`, `UNAVAILABLE` where signing
        keys cannot be had.
        """
        self.check_origin(scope)
        if self.dev:
            return Identity(DEV_PRINCIPAL)
        return await self.verify(scope, credential(scope, allow_query=self.allow_query_token))

    async def verify(self, scope: Scope, token: str) -> Identity:
        """The caller that a token from this place stands for; raises as `admit` does."""
        source, now = source_of(scope, self.proxies), self.clock.monotonic()
        self.sources.check(source, now)
        if not token:
            raise CodelabError(Code.UNAUTHORIZED, "missing")
        try:
            return await self._identity(token)
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

    async def _identity(self, token: str) -> Identity:
        """The caller that a token stands for; a signed one has two dots (RFC 7519)."""
        tokens, jwt = self.trust.tokens, self.trust.jwt
        if jwt and (token.count(".") == 2 or not tokens):  # noqa: PLR2004 -- see above
            verifier = await jwt(token)
            return Identity(verifier.verify(token), verifier.expires_at(token))
        if tokens:
            return Identity(tokens.value.verify(token))
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


def _from_base64url(text: str) -> str:
    """A token behind the subprotocol's prefix; what cannot be decoded is no token."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        return ""
