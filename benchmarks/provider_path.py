"""CPU of the LLM proxy per token of a provider: over HTTP, decoded, recorded, sent on.

An upstream of each dialect paces its tokens in this process; the proxy is a process of its own.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import orjson

from harness import Report, options
from processes import spent

PACE: Final = 50.0
BAR_US: Final = 80.0
START_S: Final = 20.0
PADDING: Final = {
    "id": "chatcmpl-0123456789abcdef",
    "created": 1,
    "object": "chat.completion.chunk",
}
_SSE: Final = b"data: %b\n\n"


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams at once, of so many tokens each."""

    streams: int
    tokens: int


def openai(number: int, *, last: bool) -> bytes:
    """One token, or the end, of a chat completion."""
    if last:
        return _SSE % orjson.dumps({"choices": [{"finish_reason": "stop"}]}) + b"data: [DONE]\n\n"
    choice = {"index": 0, "delta": {"content": f" t{number:05d}"}, "finish_reason": None}
    return _SSE % orjson.dumps({**PADDING, "model": "m-1", "choices": [choice]})


def anthropic(number: int, *, last: bool) -> bytes:
    """One token, the beginning or the end of a message."""
    if last:
        delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
        return _SSE % orjson.dumps(delta) + _SSE % b'{"type":"message_stop"}'
    text = {"type": "text_delta", "text": f" t{number:05d}"}
    begin = {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}
    head = _SSE % orjson.dumps(begin) if number == 0 else b""
    piece = orjson.dumps({"type": "content_block_delta", "index": 0, "delta": text})
    return head + b"event: content_block_delta\n" + _SSE % piece


def ollama(number: int, *, last: bool) -> bytes:
    """One line of a chat."""
    message = {"role": "assistant", "content": "" if last else f" t{number:05d}"}
    return orjson.dumps({"model": "m-1", "message": message, "done": last}) + b"\n"


DIALECTS: Final[Mapping[str, Callable[..., bytes]]] = {
    "openai-compatible": openai,
    "anthropic": anthropic,
    "ollama": ollama,
}


async def answer(
    write: Callable[..., bytes],
    load: Load,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """One paced answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number in range(load.tokens + 1):
        writer.write(write(number, last=number == load.tokens))
        await writer.drain()
        await asyncio.sleep(max(0.0, begun + (number + 1) / PACE - loop.time()))
    writer.close()


def _configured(folder: Path, kind: str, port: int) -> Path:
    """A configuration of one provider; JSON is YAML too."""
    provider = {
        "name": "real",
        "kind": kind,
        "base_url": f"http://127.0.0.1:{port}",
        "allow_private": True,
        "max_concurrent": 10_000,
        "models": [{"id": "m-1"}],
    }
    file = folder / "config.yaml"
    file.write_bytes(orjson.dumps({"version": 1, "providers": [provider]}))
    return file


@asynccontextmanager
async def proxy(config: Path) -> AsyncIterator[tuple[str, int]]:
    """Address and process of a proxy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {  # noqa: TID251 -- of the child
        "CODELAB_CONFIG_FILE": str(config),
        "CODELAB_PORT": str(port),
        "CODELAB_LOG_LEVEL": "WARNING",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "codelab_llmproxy", env=environment
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(START_S), aiohttp.ClientSession() as http:
            while not await _is_ready(http, url):  # noqa: ASYNC110 -- another process
                await asyncio.sleep(0.05)
        yield url, child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        await child.wait()


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    """Whether it takes requests."""
    try:
        async with http.get(f"{url}/health/ready") as response:
            return response.ok
    except aiohttp.ClientError:
        return False


async def read(http: aiohttp.ClientSession, url: str, number: int) -> int:
    """Read one recorded answer; the tokens that came."""
    body = {"inference_id": f"i-{number}", "messages": [{"role": "user", "content": "go"}]}
    tokens = 0
    async with http.post(f"{url}/llm/stream", data=orjson.dumps(body)) as response:
        async for piece in response.content.iter_any():
            tokens += piece.count(b"event: token")
    return tokens


async def measured(kind: str, load: Load) -> dict[str, str | int | float]:
    """The row of one dialect."""
    acting = await asyncio.start_server(partial(answer, DIALECTS[kind], load), "127.0.0.1", 0)
    port = acting.sockets[0].getsockname()[1]
    connector = aiohttp.TCPConnector(limit=0)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            acting,
            proxy(_configured(Path(folder), kind, port)) as (url, pid),
            aiohttp.ClientSession(connector=connector) as http,
        ):
            before = spent(pid)
            async with asyncio.TaskGroup() as tasks:
                reads = [tasks.create_task(read(http, url, n)) for n in range(load.streams)]
            after = spent(pid)
    tokens = load.streams * load.tokens
    return {
        "dialect": kind,
        "streams": load.streams,
        "tokens": tokens,
        "events": sum(task.result() for task in reads),
        "us per token": (after.cpu_s - before.cpu_s) / tokens * 1e6,
        "MiB": after.rss / 2**20,
    }


def main() -> int:
    """Measure every dialect."""
    chosen = options(__doc__ or "").parse_args()
    load = Load(50, 100 if chosen.smoke else 500)
    report = Report("CPU of the LLM proxy per token of a provider, 50 tokens/s a stream")
    for kind in DIALECTS:
        row = asyncio.run(measured(kind, load))
        report.add(row)
        figure = float(row["us per token"])
        report.check(f"{kind}: at most {BAR_US:.0f} us per token", holds=figure <= BAR_US)
    return report.finish(chosen)


if __name__ == "__main__":
    sys.exit(main())
