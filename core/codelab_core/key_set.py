"""Public keys of whoever signs client tokens: a JSON Web Key Set (RFC 7517), parsed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError

MAX_KEYS: Final = 64
MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3."""


@dataclass(frozen=True, slots=True, repr=False)
class PublicKey:
    """One key, and the only algorithm that it is good for."""

    key: Any
    algorithm: str


@dataclass(frozen=True, slots=True, repr=False)
class KeySet:
    """Keys by their `kid`; a key without one has the empty name."""

    keys: Mapping[str, PublicKey]

    @classmethod
    def parse(cls, text: bytes) -> "KeySet":
        """The keys that can verify RS256 or ES256; keys for anything else are passed over.

        Raises `ValueError` for what is no key set, and for one without a key that we can use.
        """
        body = json.loads(text)
        given = body.get("keys") if isinstance(body, dict) else None
        if not isinstance(given, list) or len(given) > MAX_KEYS:
            raise ValueError("no JSON Web Key Set")
        usable = {str(key.get("kid", "")): _public_key(key) for key in given if _is_for_us(key)}
        keys = {name: key for name, key in usable.items() if key}
        if not keys:
            raise ValueError("no key for RS256 or ES256")
        return cls(keys)

    def find(self, kid: str) -> PublicKey | None:
        """The key of that name; a token that names none is for the only key there is."""
        if not kid and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(kid)


def key_name(token: str) -> str:
    """The `kid` in the head of a token that nobody has verified yet; empty where it has none.

    Raises `UNAUTHORIZED`/invalid for what is no token.
    """
    try:
        kid = jwt.get_unverified_header(token).get("kid", "")
    except jwt.PyJWTError as error:
        raise CodelabError(Code.UNAUTHORIZED, "invalid") from error
    return str(kid)


def _is_for_us(key: object) -> bool:
    """Whether a key is meant for signatures, of a kind that we speak."""
    if not isinstance(key, dict) or key.get("use", "sig") != "sig":
        return False
    return key.get("alg", _algorithm(key)) == _algorithm(key) is not None


def _algorithm(key: Mapping[str, Any]) -> str | None:
    """The algorithm by the kind of key: a secret is never taken from a public set (RFC 8725)."""
    if key.get("kty") == "RSA":
        return "RS256"
    return "ES256" if (key.get("kty"), key.get("crv")) == ("EC", "P-256") else None


def _public_key(key: Mapping[str, Any]) -> PublicKey | None:
    """The key itself; `None` for one that is damaged, or too short to be trusted."""
    algorithm = str(_algorithm(key))
    public = {name: value for name, value in key.items() if name != "d"}
    try:
        parsed = jwt.PyJWK(public, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    is_short = algorithm == "RS256" and parsed.key_size < MIN_RSA_BITS
    return None if is_short else PublicKey(parsed, algorithm)
