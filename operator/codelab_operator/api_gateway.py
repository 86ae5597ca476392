"""Fields of the gateway: who may connect. Pure."""

from typing import Annotated, Literal

from pydantic import Field

from codelab_operator.api_component import ComponentSpec
from codelab_operator.api_config import GATEWAY_CONFIG, GatewayConfig
from codelab_operator.api_shapes import HttpsUrl, ObjectName, SecretKeyRef, Shape, ShortText


class Jwt(Shape):
    """Signed tokens; exactly one of `jwksUrl` and `secretRef`."""

    issuer: HttpsUrl
    """Required `iss` claim."""
    audience: Annotated[str, Field(min_length=1, max_length=253)]
    """Required `aud` claim."""
    jwks_url: HttpsUrl | None = None
    """Where the issuer publishes its keys (RS256, ES256)."""
    secret_ref: SecretKeyRef | None = None
    """Shared secret (HS256)."""
    principal_claim: Annotated[str, Field(min_length=1, max_length=128)] = "sub"
    """Claim that names the caller."""


class Auth(Shape):
    """How clients prove who they are."""

    modes: Annotated[
        list[Literal["token", "jwt"]],
        Field(min_length=1, max_length=2, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = ["token"]
    """Accepted kinds of credentials."""
    tokens_secret_name: ObjectName | None = None
    """Secret whose key `tokens` has lines `sha256(token) principal`; absent: one is made."""
    jwt: Jwt | None = None
    """Signed tokens; goes with mode `jwt`."""


class GatewaySpec(ComponentSpec):
    """The gateway: client connections."""

    auth: Auth = Auth()
    """How clients prove who they are."""
    allowed_origins: (
        Annotated[
            list[Annotated[ShortText, Field(pattern=r"^https?://[^/\s,]+$")]], Field(max_length=32)
        ]
        | None
    ) = None
    """Web pages that may connect, such as `https://ide.example.com`."""
    config: GatewayConfig = GATEWAY_CONFIG()
    """Settings of the service; absent ones keep the service's own defaults."""
