"""An identity provider: key pairs, the key set that it publishes, tokens that it signs."""

import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://id.example"
AUDIENCE = "codelab"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of that name; slow to make, so every test has the same."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: PrivateKey, **fields: Any) -> dict[str, Any]:
    """The public half, as a key set holds it."""
    public: Any = key.public_key()
    kind: Any = (
        jwt.algorithms.RSAAlgorithm
        if isinstance(key, rsa.RSAPrivateKey)
        else jwt.algorithms.ECAlgorithm
    )
    return {**kind.to_jwk(public, as_dict=True), **fields}


def published(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


@dataclass(frozen=True)
class Signer:
    """Signs tokens with one key."""

    key: PrivateKey
    kid: str | None
    headers: dict[str, Any] = field(default_factory=dict)

    def token(self, **claims: Any) -> str:
        now = int(time.time())  # noqa: TID251 -- the library reads this clock too
        usual = {"sub": "alice", "iss": ISSUER, "aud": AUDIENCE, "exp": now + 600}
        algorithm = "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"
        headers = self.headers | ({"kid": self.kid} if self.kid else {})
        return jwt.encode(usual | claims, self.key, algorithm=algorithm, headers=headers)
