"""What the runtime's answers mean: a refusal, a pod in trouble, or its last word. Pure."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError, from_wire

CLIENT_ERROR: Final = 400
SERVER_ERROR: Final = 500
UNAUTHORIZED: Final = 401
_OTHERS_MAY_DO_BETTER: Final = frozenset({"draining", "store_unavailable", "agent", None})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime answered: status and body as it came."""

    status: int
    body: bytes
    content_type: str

    def json(self) -> Any:
        """The decoded body. Raises `UNAVAILABLE`/agent for what is no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise CodelabError(Code.UNAVAILABLE, "agent") from error

    def refusal(self) -> CodelabError | None:
        """The error of ours in the body, if it holds one."""
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        fields = body.get("error") if isinstance(body, dict) else None
        return from_wire(fields) if isinstance(fields, dict) else None


def is_final(answer: Answer) -> bool:
    """Whether this is the runtime's last word; otherwise the pod itself is in trouble.

    A 5xx with a code of ours comes from a pod that works: the store is full, a provider failed.
    """
    if answer.status < SERVER_ERROR:
        return True
    refusal = answer.refusal()
    if refusal is None or refusal.code is Code.INTERNAL:
        return False
    return refusal.code is not Code.UNAVAILABLE or refusal.reason not in _OTHERS_MAY_DO_BETTER


def checked(answer: Answer) -> Answer:
    """An answer that is no refusal; a refusal is raised.

    One that is not of ours, such as that of a proxy in between, is `UNAVAILABLE`/agent.
    """
    if answer.status < CLIENT_ERROR:
        return answer
    raise answer.refusal() or CodelabError(Code.UNAVAILABLE, "agent", retry_after_ms=1000)
