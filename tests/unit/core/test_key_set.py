import json
from typing import Any

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.identity import JwtVerifier
from codelab_core.key_set import MAX_KEYS, KeySet, key_name
from fakes.issuer import Signer, ec_key, jwk, published, rsa_key

RSA, EC = rsa_key("a"), ec_key("a")


def verified(keys: KeySet, token: str) -> str:
    key = keys.find(key_name(token))
    assert key is not None
    return JwtVerifier(key.key, key.algorithm, "https://id.example", "codelab").verify(token)


@pytest.mark.parametrize("key", [pytest.param(RSA, id="RS256"), pytest.param(EC, id="ES256")])
def test_a_token_is_verified_with_the_key_that_it_names(key: Any) -> None:
    keys = KeySet.parse(published(jwk(rsa_key("b"), kid="other"), jwk(key, kid="k1")))

    assert verified(keys, Signer(key, "k1").token()) == "alice"


def test_a_token_without_a_name_is_for_the_only_key() -> None:
    keys = KeySet.parse(published(jwk(EC, kid="k1")))

    assert verified(keys, Signer(EC, None).token()) == "alice"


def test_a_token_without_a_name_fits_none_of_two_keys() -> None:
    keys = KeySet.parse(published(jwk(EC, kid="k1"), jwk(RSA, kid="k2")))

    assert keys.find("") is None
    assert keys.find("k3") is None


def test_a_token_signed_by_another_key_of_that_name_is_refused() -> None:
    keys = KeySet.parse(published(jwk(EC, kid="k1")))

    with pytest.raises(CodelabError) as refused:
        verified(keys, Signer(ec_key("stranger"), "k1").token())

    assert refused.value.code is Code.UNAUTHORIZED


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(jwk(RSA, kid="x", use="enc"), id="for-encryption"),
        pytest.param(jwk(RSA, kid="x", alg="RS512"), id="another-algorithm"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "kid": "x"}, id="secret"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "x"}, id="hs256"),
        pytest.param({"kty": "EC", "crv": "P-384", "kid": "x"}, id="another-curve"),
        pytest.param({"kty": "RSA", "kid": "x"}, id="incomplete"),
        pytest.param({"kty": "RSA", "n": 7, "e": [], "kid": "x"}, id="damaged"),
        pytest.param(jwk(rsa_key("short", 1024), kid="x"), id="short"),
        pytest.param("x", id="no-object"),
    ],
)
def test_a_key_that_we_do_not_use_is_passed_over(key: Any) -> None:
    keys = KeySet.parse(published(key, jwk(EC, kid="k1", use="sig", alg="ES256")))

    assert sorted(keys.keys) == ["k1"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="no-json"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"keys":{}}', id="no-list-of-keys"),
        pytest.param(b'{"keys":[]}', id="no-keys"),
        pytest.param(json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode(), id="too-many"),
    ],
)
def test_what_is_no_usable_key_set_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        KeySet.parse(text)


def test_keys_are_not_shown() -> None:
    assert "kid" not in repr(KeySet.parse(published(jwk(EC, kid="kid"))))


@pytest.mark.parametrize("token", ["", "a.b.c", "x"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(CodelabError) as refused:
        key_name(token)

    assert refused.value.code is Code.UNAUTHORIZED
