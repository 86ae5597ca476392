"""What every service answers beside its own routes: the state for people, and failures."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from codelab_core.protocol.frames import Outgoing


class Health(Outgoing):
    """`GET /health`; a check says `ok`, `timeout` or `error: …`."""

    status: Literal["healthy", "unhealthy"]
    service: str
    version: str
    uptime_s: int
    timestamp: str
    checks: dict[str, str]


class ProblemDetails(Outgoing):
    """Why a request failed; `code` decides what to do next, `class` says why."""

    code: str
    class_: Annotated[str | None, Field(alias="class")] = None
    message: str
    details: dict[str, JsonValue] | None = None
    retryable: bool
    retry_after_ms: int | None = None
    request_id: str


class Problem(Outgoing):
    """Body of every refusal, `application/problem+json`."""

    error: ProblemDetails
