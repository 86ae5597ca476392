"""Whom to believe, as the settings say: token files, signing keys, proxies, origins."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from codelab_core.clock import Clock
from codelab_core.identity import JwtVerifier, TokenTable
from codelab_core.settings import LOOPBACK_HOSTS, GatewaySettings, SettingsError
from codelab_core.watched_file import WatchedFile
from codelab_gateway.jwks import Jwks
from codelab_gateway.sources import Network, parse_networks

Verifier = Callable[[str], Awaitable[JwtVerifier]]
"""What verifies a signed token; raises where there is no key for it."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Where tokens are looked up; `files` are to be watched."""

    tokens: WatchedFile[TokenTable] | None = None
    jwt: Verifier | None = None
    files: tuple[WatchedFile[Any], ...] = ()

    @classmethod
    def load(cls, settings: GatewaySettings, clock: Clock) -> "Trust":
        """Read what the settings name. Raises `SettingsError` for files that cannot be used."""
        modes = settings.auth_mode.split(",")
        tokens = secret = jwt = None
        if "token" in modes:
            tokens = _watched("CODELAB_TOKENS_FILE", settings.tokens_file, TokenTable.parse)
        if "jwt" in modes and bool(settings.jwt_secret_file) == bool(settings.jwt_jwks_url):
            raise SettingsError(
                "CODELAB_JWT_SECRET_FILE, CODELAB_JWT_JWKS_URL: auth mode jwt needs exactly one"
            )
        if "jwt" in modes and settings.jwt_jwks_url:
            jwt = _jwks(settings.jwt_jwks_url, settings, clock).verifier
        elif "jwt" in modes:
            parse = partial(_by_secret, settings)
            secret = _watched("CODELAB_JWT_SECRET_FILE", settings.jwt_secret_file, parse)
            jwt = partial(_of_file, secret)
        return cls(tokens, jwt, tuple(file for file in (tokens, secret) if file))


def origins_of(settings: GatewaySettings) -> list[str]:
    """Web origins that may connect."""
    return [origin.strip() for origin in settings.allowed_origins.split(",") if origin.strip()]


def proxies_of(settings: GatewaySettings) -> tuple[Network, ...]:
    """The proxies in front of us. Raises `SettingsError`."""
    try:
        return parse_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsError(f"CODELAB_TRUSTED_PROXIES: {error}") from error


def _watched[Value](
    variable: str, file: Path | None, parse: Callable[[str], Value]
) -> WatchedFile[Value]:
    """A file that must be there and make sense at the start."""
    if file is None:
        raise SettingsError(f"{variable}: needed by this auth mode")
    try:
        return WatchedFile(file, parse)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{variable}: {error}") from error


def _by_secret(settings: GatewaySettings, text: str) -> JwtVerifier:
    """What verifies HS256 tokens with the secret in a file."""
    issuer, audience = settings.jwt_issuer, settings.jwt_audience
    return JwtVerifier(text.strip(), "HS256", issuer, audience, settings.principal_claim)


async def _of_file(file: WatchedFile[JwtVerifier], _token: str) -> JwtVerifier:
    """The verifier of the secret as it is now."""
    return file.value


def _jwks(url: str, settings: GatewaySettings, clock: Clock) -> Jwks:
    """Published keys: of an address that nobody can forge, for tokens that were made for us."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
        raise SettingsError("CODELAB_JWT_JWKS_URL: must begin with https://")
    issuer, audience = settings.jwt_issuer, settings.jwt_audience
    if not issuer or not audience:
        raise SettingsError("CODELAB_JWT_ISSUER, CODELAB_JWT_AUDIENCE: needed with published keys")
    rules = JwtVerifier(None, "RS256", issuer, audience, settings.principal_claim)
    return Jwks(url, rules, clock)
