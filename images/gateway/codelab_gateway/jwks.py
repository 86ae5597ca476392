"""Signed client tokens, verified with the keys that their issuer publishes."""

import asyncio
import logging
import math
from dataclasses import replace
from typing import Final

import aiohttp

from codelab_core.clock import Clock
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import JwtVerifier
from codelab_core.key_set import KeySet, PublicKey, key_name

FRESH_S: Final = 600.0
RETRY_S: Final = 30.0
"""Between two fetches, whatever tokens come in: unknown names of keys cost a stranger nothing."""
FIRST_RETRY_S: Final = 1.0
"""While there are no keys at all, and so nobody is let in."""
FETCH_TIMEOUT_S: Final = 5.0
MAX_BYTES: Final = 262_144

log = logging.getLogger(__name__)


class Jwks:
    """The keys behind one address, kept for ten minutes, and longer while it does not answer.

    `rules` says what a token must claim; its key and algorithm are those of the key found.
    """

    def __init__(self, url: str, rules: JwtVerifier, clock: Clock) -> None:
        self._url = url
        self._rules = rules
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = self._asked_at = -math.inf
        self._fetching = asyncio.Lock()

    async def verifier(self, token: str) -> JwtVerifier:
        """What verifies this token.

        Raises `UNAUTHORIZED`/invalid for a key that the issuer does not have, `UNAVAILABLE` while
        its keys could not be fetched even once.
        """
        kid = key_name(token)
        now = self._clock.monotonic()
        key = self._keys.find(kid) if self._keys else None
        is_stale = now >= self._fetched_at + FRESH_S
        if key is None or (is_stale and not self._fetching.locked()):
            key = await self._fetched(kid)
        if key is None:
            raise CodelabError(Code.UNAUTHORIZED, "invalid")
        return replace(self._rules, key=key.key, algorithm=key.algorithm)

    async def _fetched(self, kid: str) -> PublicKey | None:
        """A key of the newest set that can be had; one caller fetches, the others wait for it."""
        async with self._fetching:
            now = self._clock.monotonic()
            if now >= self._asked_at + (RETRY_S if self._keys else FIRST_RETRY_S):
                self._asked_at = now
                await self._fetch(now)
        if self._keys is None:
            raise CodelabError(Code.UNAVAILABLE, retry_after_ms=1000)
        return self._keys.find(kid)

    async def _fetch(self, now: float) -> None:
        """Replace the keys; where that fails, those we have go on to count."""
        try:
            self._keys = KeySet.parse(await self._read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("signing keys not fetched", extra={"cause": type(error).__name__})
            return
        self._fetched_at = now

    async def _read(self) -> bytes:
        """The answer's body. Raises `ValueError` for one that is too large."""
        timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as http,
            http.get(self._url, allow_redirects=False, raise_for_status=True) as response,
        ):
            body = await response.content.read(MAX_BYTES)
            while len(body) <= MAX_BYTES and (more := await response.content.readany()):
                body += more
        if len(body) > MAX_BYTES:
            raise ValueError("the key set is too large")
        return body
