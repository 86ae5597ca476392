"""Who is calling: client tokens, the key between services, the `Principal` they stand for."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NewType

import jwt

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError

Principal = NewType("Principal", str)

INTERNAL_PRINCIPAL: Final = Principal("internal")
DEV_PRINCIPAL: Final = Principal("dev")
SAMPLE_INTERNAL_KEY: Final = "internal-poc-key"
MIN_TOKEN_CHARS: Final = 24
LEEWAY_S: Final = 60


def token_digest(token: str) -> str:
    """SHA-256 of a token in hex: the only form in which client tokens are stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def principal_hash(principal: str) -> str:
    """16 hex digits that stand for a principal in keys and logs."""
    return hashlib.sha256(principal.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, repr=False)
class TokenTable:
    """Client tokens of one file: pairs of digest and principal."""

    entries: tuple[tuple[str, Principal], ...]

    @classmethod
    def parse(cls, text: str) -> "TokenTable":
        """Lines `sha256(token) principal`; blank lines and `#` comments are skipped.

        Raises `ValueError` naming the line that is neither.
        """
        entries = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            digest, _, principal = line.strip().partition(" ")
            if len(digest) != len(token_digest("")) or not principal.strip():
                raise ValueError(f"line {number} is not: sha256(token) principal")
            entries.append((digest.lower(), Principal(principal.strip())))
        return cls(tuple(entries))

    def verify(self, token: str) -> Principal:
        """The principal of a token, in time that does not depend on which one matches.

        Raises `UNAUTHORIZED`/invalid for an unknown token.
        """
        digest = token_digest(token)
        found = [name for known, name in self.entries if hmac.compare_digest(known, digest)]
        if not found or len(token) < MIN_TOKEN_CHARS:
            raise CodelabError(Code.UNAUTHORIZED, "invalid")
        return found[0]


@dataclass(frozen=True, slots=True, repr=False)
class JwtVerifier:
    """Checks signed tokens; the algorithm is fixed here, never taken from the token (RFC 8725)."""

    key: str
    algorithm: str
    issuer: str | None
    audience: str | None
    claim: str = "sub"

    def verify(self, token: str) -> Principal:
        """The principal of a token.

        Raises `TOKEN_EXPIRED` for one that was good, `UNAUTHORIZED`/invalid for any other fault.
        """
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[self.algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp"], "verify_aud": self.audience is not None},
            )
        except jwt.ExpiredSignatureError as error:
            raise CodelabError(Code.TOKEN_EXPIRED) from error
        except jwt.InvalidTokenError as error:
            raise CodelabError(Code.UNAUTHORIZED, "invalid") from error
        principal = claims.get(self.claim)
        if not isinstance(principal, str) or not principal:
            raise CodelabError(Code.UNAUTHORIZED, "invalid")
        return Principal(principal)

    def expires_at(self, token: str) -> int:
        """Second since 1970 from which a token that was verified is no longer good."""
        claims = jwt.decode(token, options={"verify_signature": False})
        return int(claims["exp"]) + LEEWAY_S


@dataclass(frozen=True, slots=True, repr=False)
class InternalKeys:
    """The keys that services accept from each other; the first one is the one they send."""

    keys: tuple[str, ...]

    @classmethod
    def load(cls, file: Path, *, allow_sample: bool = False) -> "InternalKeys":
        """Read the file: one key per line, current first, previous below.

        Raises `ValueError` for an empty file and for the published sample key, unless allowed.
        """
        keys = tuple(line.strip() for line in file.read_text().splitlines() if line.strip())
        if not keys:
            raise ValueError(f"{file} holds no internal key")
        if SAMPLE_INTERNAL_KEY in keys and not allow_sample:
            raise ValueError("the sample key needs CODELAB_ALLOW_SAMPLE_KEY=true")
        return cls(keys)

    @property
    def current(self) -> str:
        """The key to send."""
        return self.keys[0]

    def accepts(self, key: str) -> bool:
        """Whether a caller's key is one of ours; constant time in the key's content."""
        return _any_equal(self.keys, key)


def _any_equal(known: Sequence[str], given: str) -> bool:
    """Compare with every key, so that time does not tell which one was close."""
    matches = [hmac.compare_digest(key.encode(), given.encode()) for key in known]
    return any(matches)
