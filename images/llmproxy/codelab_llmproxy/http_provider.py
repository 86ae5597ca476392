"""A provider behind HTTP, of any dialect: one call, its key, its refusals."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.llm_config import ProviderConfig
from codelab_core.observability import REQUEST_ID
from codelab_core.service import release
from codelab_llmproxy.clocks import Limits, Phase, Watch
from codelab_llmproxy.dialect import Dialect
from codelab_llmproxy.egress import Call, Egress, Reply
from codelab_llmproxy.keys import Key, KeyRing, SecretError
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.providers import Hold, Sending
from codelab_llmproxy.redaction import redact
from codelab_llmproxy.refusals import complaint_of, error_of

REFUSAL_BYTES: Final = 65_536
CHECK_S: Final = 30.0
"""How long the outcome of a health check is believed."""
BUSY_RETRY_MS: Final = 1_000
KEY_MISSING: Final = "The provider's key is not there yet."
_OK: Final = 200
_UNAUTHORIZED: Final = 401
FULL_S: Final = 0.25
"""How long until a place may be free where all calls are taken."""
REFUSED_S: Final = 300.0
"""How long a key that was refused is left alone, unless it changes."""

log = logging.getLogger(__name__)


class HttpProvider:
    """One provider of the configuration."""

    def __init__(
        self,
        config: ProviderConfig,
        dialect: Dialect,
        models: Sequence[ModelFacts],
        keys: KeyRing,
        egress: Egress,
    ) -> None:
        self.config = config
        self.name = config.name
        self.kind = config.kind
        self.dialect = dialect
        self.keys = keys
        self._models: Mapping[str, ModelFacts] = {model.id: model for model in models}
        self._egress = egress
        self._running = 0
        self._checked: tuple[float, Exception | None] | None = None

    def models(self) -> Sequence[ModelFacts]:
        """The configured models."""
        return [*self._models.values()]

    def find(self, model: str) -> ModelFacts | None:
        """A configured model."""
        return self._models.get(model)

    def redact(self, text: str) -> str:
        """The text without the keys of this provider."""
        return redact(text, self.keys.values())

    def blame(self, error: CodelabError, sending: Sending) -> None:
        """Leave a key alone that was refused, or for one model where it is at its limit."""
        now = self._egress.clock.monotonic()
        if error.code is Code.PROVIDER_AUTH:
            self.keys.bench(sending.key_id, now + REFUSED_S)
        elif error.code is Code.RATE_LIMIT:
            self.keys.bench(sending.key_id, now + (error.retry_after_ms or 0) / 1000, sending.model)

    def doubt(self) -> None:
        """Believe the last health check no more: a key has changed."""
        self._checked = None

    def hold(self, model: str) -> Hold:
        """What keeps a call of a model back: its keys, or too many calls at once."""
        held = self.keys.hold(model, self._egress.clock.monotonic())
        if self._running < self.config.max_concurrent:
            return held
        return Hold(max(FULL_S, held.wait_s))

    async def stream(self, body: bytes, sending: Sending) -> AsyncGenerator[bytes]:
        """Send one request; yields the bytes of the answer as they come.

        Raises `MODEL_UNAVAILABLE` at the limit of calls, else what the provider or the way there
        says. Hot: once per piece.
        """
        if self._running >= self.config.max_concurrent:
            raise CodelabError(Code.MODEL_UNAVAILABLE, "no_target", retry_after_ms=BUSY_RETRY_MS)
        self._running += 1
        try:
            async with self._answer(body, sending) as reply:
                sending.watch.enter(Phase.FIRST_CONTENT)
                async for piece in reply.pieces:
                    yield piece
        finally:
            self._running -= 1

    @asynccontextmanager
    async def _answer(self, body: bytes, sending: Sending) -> AsyncGenerator[Reply]:
        """An answer that is one; a key that was refused is read again, once."""
        now = self._egress.clock.monotonic()
        key = self.keys.pick(sending.affinity, sending.model, now)
        sending.key_id = key.id if key else ""
        async with self._egress.answer(self._call(body, key), sending.watch) as reply:
            if reply.status == _OK:
                yield reply
                return
            error = await self._refusal(reply)
        if reply.status != _UNAUTHORIZED or key is None or not await _is_renewed(key):
            raise error
        async with self._egress.answer(self._call(body, key), sending.watch) as reply:
            if reply.status != _OK:
                raise await self._refusal(reply)
            yield reply

    def _call(self, body: bytes | None, key: Key | None) -> Call:
        """The request to send; its headers are built from nothing of the caller's but its id.

        Raises `PROVIDER_AUTH`/key_missing while no key is there yet.
        """
        if self.keys.is_waiting:
            raise CodelabError(Code.PROVIDER_AUTH, "key_missing", message=KEY_MISSING)
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/x-ndjson, application/json",
            "Accept-Encoding": "identity",  # a compressed stream comes in large pieces
            "User-Agent": f"codelab-llmproxy/{release()}",
            **self.dialect.headers(key.value if key else None),
        }
        if request_id := REQUEST_ID.get():
            headers["X-Request-Id"] = request_id
        path = self.dialect.path if body is not None else self.dialect.health_path
        method = "POST" if body is not None else "GET"
        url = f"{self.config.base_url}{path}"
        return Call(url, headers, body, self.config.allow_private, method)

    async def _refusal(self, reply: Reply) -> CodelabError:
        """The error in an answer that is none."""
        body = await reply.body(REFUSAL_BYTES)
        return error_of(complaint_of(reply.status, reply.headers, body), self.name)

    async def check(self) -> None:
        """Ask for the list of models, every 30 s at most; raises what the last outcome was."""
        now = self._egress.clock.monotonic()
        if self._checked is None or now - self._checked[0] >= CHECK_S:
            self._checked = (now, await self._outcome())
        if self._checked[1]:
            raise self._checked[1]

    async def _outcome(self) -> Exception | None:
        """What is wrong with the provider now; an answer of any kind but these is good enough."""
        watch = Watch(Limits(), CHECK_S, self._egress.clock)
        try:
            async with self._egress.answer(self._call(None, self.keys.pick("")), watch) as reply:
                error = error_of(complaint_of(reply.status, reply.headers, b""), self.name)
                is_fault = error.code in {Code.PROVIDER_AUTH, Code.PROVIDER_ERROR}
                return error if reply.status != _OK and is_fault else None
        except CodelabError as error:
            return error


async def _is_renewed(key: Key) -> bool:
    """Whether a key that was refused is another one by now."""
    try:
        return await asyncio.to_thread(key.reread)
    except SecretError:
        log.warning("a refused key cannot be read again", extra={"key_id": key.id})
        return False
