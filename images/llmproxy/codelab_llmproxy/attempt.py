"""One upstream call: request out, bytes in, chunks into the record."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.chunks import Chunk, Finish
from codelab_llmproxy.faults import is_providers
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.metrics import Metrics
from codelab_llmproxy.translate_openai_request import encode_request, names_of
from codelab_llmproxy.translate_openai_stream import OpenAIStreamDecoder

FIRST: Final = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call that is ready to run; holds the stream, not the request."""

    target: Target
    stream: AsyncGenerator[bytes]
    decoder: OpenAIStreamDecoder
    deadline_s: float


def prepare(request: InferenceRequest, target: Target) -> Attempt:
    """Encode a request for its target. Nothing is sent before the attempt runs."""
    names = names_of(request)
    provider = target.provider
    body = encode_request(request, target.model, provider.name, names)
    return Attempt(
        target,
        provider.stream(body, FIRST),
        OpenAIStreamDecoder(provider.name, names),
        request.deadline_ms / 1000,
    )


async def run(attempt: Attempt, inference: Inference, metrics: Metrics) -> None:
    """Read the provider to the end; every way in which that can end, ends the inference."""
    outcome = "ok"
    try:
        async with asyncio.timeout(attempt.deadline_s):
            await _transfer(attempt, inference, metrics)
        metrics.show_available(attempt.target.provider, is_available=True)
    except TimeoutError:
        outcome = "deadline"
        inference.fail(CodelabError(Code.PROVIDER_TIMEOUT, "deadline"))
    except CodelabError as error:
        outcome = error.reason or "internal"
        metrics.show_available(attempt.target.provider, is_available=not is_providers(error))
        inference.fail(error)
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    except Exception:  # the boundary of the task: a fault must end this inference only
        outcome = "internal"
        log.exception("inference failed")
        inference.fail(CodelabError(Code.INTERNAL))
    finally:
        metrics.count_attempt(attempt.target, outcome, attempt.decoder.malformed)


async def _transfer(attempt: Attempt, inference: Inference, metrics: Metrics) -> None:
    """Decode what comes, piece by piece. Hot: once per token."""
    decoder = attempt.decoder
    async with aclosing(attempt.stream) as stream:
        async for piece in stream:
            before = decoder.pieces
            chunks = decoder.feed(piece)
            metrics.count_tokens(decoder.pieces - before)
            if chunks and not inference.record.head:
                metrics.observe_first_chunk(inference.began)
            if _record(chunks, inference):
                return
    _record(decoder.close(), inference)


def _record(chunks: list[Chunk], inference: Inference) -> bool:
    """Append chunks; returns whether the last of them was the end."""
    for chunk in chunks:
        if isinstance(chunk, Finish):
            inference.finish(chunk)
            return True
        inference.append(chunk)
    return False
