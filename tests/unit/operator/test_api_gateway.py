from typing import Any

import pytest
from pydantic import ValidationError

from codelab_operator.api_gateway import GatewaySpec


def test_tokens_are_the_way_in_by_default() -> None:
    auth = GatewaySpec().auth

    assert (auth.modes, auth.tokens_secret_name, auth.jwt) == (["token"], None, None)


def test_the_caller_of_a_signed_token_is_its_subject() -> None:
    jwt = {"issuer": "https://id.example.com", "audience": "codelab"}
    spec = GatewaySpec.model_validate({"auth": {"modes": ["jwt"], "jwt": jwt}})

    assert spec.auth.jwt is not None
    assert (spec.auth.jwt.principal_claim, spec.auth.jwt.jwks_url) == ("sub", None)


@pytest.mark.parametrize(
    "spec",
    [
        {"auth": {"modes": ["dev"]}},
        {"auth": {"modes": ["token", "jwt", "token"]}},
        {"auth": {"jwt": {"issuer": "https://id.example.com"}}},
        {"auth": {"jwt": {"issuer": "https://id.example.com", "audience": ""}}},
        {"allowedOrigins": ["ide.example.com"]},
        {"allowedOrigins": ["https://a.example,https://b.example"]},
        {"allowedOrigins": ["https://a.example"] * 33},
    ],
    ids=lambda spec: str(spec)[:60],
)
def test_bounds_of_the_gateway_hold(spec: Any) -> None:
    with pytest.raises(ValidationError):
        GatewaySpec.model_validate(spec)
