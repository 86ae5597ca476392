"""Who is calling: client tokens, the key between services, the `Principal` they stand for."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NewType

import jwt

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError

Principal = NewType("Principal", str)

INTERNAL_PRINCIPAL: Final = Principal("internal")
DEV_PRINCIPAL: Final = Principal("dev")
SAMPLE_INTERNAL_KEY: Final = "internal-poc-key"
MIN_TOKEN_CHARS: Final = 24
LEEWAY_S: Final = 60
MIN_SECRET_BYTES: Final = 32
"""RFC 7518, 3.2: a key of HS256 is at least as long as the hash."""
MAX_PRINCIPAL_CHARS: Final = 255
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")


def token_digest(token: str) -> str:
    """SHA-256 of a token in hex: the only form in which client tokens are stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def principal_hash(principal: str) -> str:
    """16 hex digits that stand for a principal in keys and logs."""
    return hashlib.sha256(principal.encode()).hexdigest()[:16]


def principal_of(name: object) -> Principal | None:
    """The principal of that name, or `None` for what cannot be one.

    It travels as a header, which loses blanks at its ends and cannot hold control characters: two
    names would become one. The name of the services themselves is nobody's.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MAX_PRINCIPAL_CHARS:
        return None
    fits = name.isprintable() and name == name.strip() and name != INTERNAL_PRINCIPAL
    return Principal(name) if fits else None


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
            digest, _, name = line.strip().partition(" ")
            principal = principal_of(name.strip())
            if not _DIGEST.fullmatch(digest) or principal is None:
                raise ValueError(f"line {number} is not: sha256(token) principal")
            entries.append((digest.lower(), principal))
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
    """Checks signed tokens; the algorithm is fixed here, never taken from the token (RFC 8725).

    `key` is a secret, or the public key of a `codelab_core.key_set`. Raises `ValueError` for a
    secret that can be guessed.
    """

    key: Any
    algorithm: str
    issuer: str | None
    audience: str | None
    claim: str = "sub"

    def __post_init__(self) -> None:
        """Refuse a short secret: whoever guesses it is everybody."""
        if isinstance(self.key, str) and len(self.key.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret has less than {MIN_SECRET_BYTES} bytes")

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
        except jwt.PyJWTError as error:
            raise CodelabError(Code.UNAUTHORIZED, "invalid") from error
        principal = principal_of(claims.get(self.claim))
        if principal is None:
            raise CodelabError(Code.UNAUTHORIZED, "invalid")
        return principal

    def expires_at(self, token: str) -> int:
        """Second since 1970 from which a token that was verified is no longer good."""
        claims = jwt.decode(token, options={"verify_signature": False})
        return int(claims["exp"]) + LEEWAY_S


@dataclass(frozen=True, slots=True, repr=False)
class InternalKeys:
    """The keys that services accept from each other; the first one is the one they send."""

    keys: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, allow_sample: bool = False) -> "InternalKeys":
        """One key per line, current first, previous below.

        Raises `ValueError` where there is none and for the published sample key, unless allowed.
        """
        keys = tuple(line.strip() for line in text.splitlines() if line.strip())
        if not keys:
            raise ValueError("the file holds no internal key")
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
