"""One upstream call: request out, bytes in, chunks into the record. It never ends the inference."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.chunks import Chunk, Finish
from codelab_llmproxy.clocks import Ticker
from codelab_llmproxy.dialect import Decoder
from codelab_llmproxy.faults import is_providers
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.providers import Sending

READ_ON_S: Final = 0.25
_SAY_NOTHING: Final = frozenset({"deadline", "no_target"})
"""Failures that do not tell how the provider is doing."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call that is ready to run; holds the stream, not the request."""

    target: Target
    stream: AsyncGenerator[bytes]
    decoder: Decoder
    sending: Sending


async def run(
    attempt: Attempt, inference: Inference, metrics: Metrics, ticker: Ticker
) -> CodelabError | None:
    """Read the provider to the end; returns how it failed, or `None` for a whole answer."""
    outcome, provider, began = "ok", attempt.target.provider, metrics.now()
    try:
        async with ticker.watching(attempt.sending.watch):
            await _transfer(attempt, inference, metrics)
        metrics.show_available(provider.name, is_available=True)
    except CodelabError as error:
        outcome = error.reason or "internal"
        error.message = provider.redact(error.message)
        if error.reason not in _SAY_NOTHING:
            metrics.show_available(provider.name, is_available=not is_providers(error))
        return error
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    except Exception:  # the boundary of the task: a fault must end this inference only
        outcome = "internal"
        log.exception("inference failed")
        return CodelabError(Code.INTERNAL)
    finally:
        metrics.count_attempt(attempt.target, outcome, attempt.decoder.malformed)
        metrics.calls.observe(attempt.target, metrics.since(began), outcome, inference.usage)
    return None


async def _transfer(attempt: Attempt, inference: Inference, metrics: Metrics) -> None:
    """Decode what comes, piece by piece. Hot: once per token."""
    decoder, watch = attempt.decoder, attempt.sending.watch
    async with aclosing(attempt.stream) as stream:
        async for piece in stream:
            before = decoder.pieces
            chunks = _decoded(decoder, piece, inference)
            if decoder.pieces != before:
                watch.content(metrics.count_tokens(decoder.pieces - before))
            if chunks and not inference.record.head:
                metrics.calls.observe_first_chunk(metrics.since(inference.began))
            if _record(chunks, inference):
                await _read_on(stream)
                return
    _record(decoder.close(), inference)


def _decoded(decoder: Decoder, piece: bytes, inference: Inference) -> list[Chunk]:
    """The chunks in a piece; those before an error in it are recorded. Hot: once per token."""
    try:
        return decoder.feed(piece)
    except CodelabError:
        _record(decoder.rest(), inference)
        raise


async def _read_on(stream: AsyncGenerator[bytes]) -> None:
    """Wait a moment for the end of the bytes: the connection can be used again then."""
    try:
        async with asyncio.timeout(READ_ON_S):
            async for _ in stream:
                pass
    except (TimeoutError, CodelabError):
        log.debug("a provider left its answer open")


def _record(chunks: list[Chunk], inference: Inference) -> bool:
    """Append chunks; returns whether the last of them was the end."""
    for chunk in chunks:
        if isinstance(chunk, Finish):
            inference.finish(chunk)
            return True
        inference.append(chunk)
    return False
