"""The login form of older clients, in `dev` mode, where nobody is asked who they are."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from codelab_core.clock import random_token
from codelab_core.service import json_response
from codelab_gateway.authentication import Authenticator

PATHS: Final = ("/oauth/token", "/auth/oauth/token")
EXPIRES_IN_S: Final = 900


@dataclass(frozen=True, slots=True)
class DevLogin:
    """Answers every login with tokens that nobody reads (RFC 6749, 5.1)."""

    authenticator: Authenticator

    async def token(self, request: Request) -> Response:
        """A pair of tokens; the form is not looked at."""
        self.authenticator.check_origin(request.scope)
        body = {
            "access_token": random_token(),
            "refresh_token": random_token(),
            "token_type": "bearer",
            "expires_in": EXPIRES_IN_S,
        }
        response = json_response(body)
        response.headers["cache-control"] = "no-store"
        return response

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(tags=["login"])
        for path in PATHS:
            router.add_api_route(path, self.token, methods=["POST"])
        return router
