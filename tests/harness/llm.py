"""The proxy on a real socket, and a client that speaks to it as the runtime does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from codelab_core.server import cancelled_at_end, serve
from codelab_core.settings import LLMProxySettings
from codelab_core.sse import SseEvent, SseParser
from codelab_llmproxy.app import llmproxy

KEY = "key-between-services-now"
OLD_KEY = "key-between-services-before"


def user(text: str) -> list[dict[str, Any]]:
    """A conversation of one message."""
    return [{"role": "user", "content": text}]


@dataclass
class Answer:
    """One stream that was read: its bytes and events."""

    raw: bytes = b""
    events: list[SseEvent] = field(default_factory=list)

    def values(self, kind: bytes) -> list[Any]:
        """The data of all events of a kind."""
        return [orjson.loads(event.data) for event in self.events if event.kind == kind]

    @property
    def text(self) -> str:
        """All tokens joined."""
        return "".join(value["token"] for value in self.values(b"token"))

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """Names and arguments of the calls."""
        return [(call["name"], call["arguments"]) for call in self.values(b"tool_call")]


class Client:
    """Talks to one proxy; `stop` is the order to drain."""

    def __init__(self, http: aiohttp.ClientSession, url: str, stop: asyncio.Event) -> None:
        self.http = http
        self.url = url
        self.stop = stop
        self.headers = {"X-Internal-Auth": KEY}

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """A request that is on its way; use as a context manager."""
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.http.post(self.url + path, data=sent, headers=self.headers | headers)

    async def stream(self, body: Mapping[str, Any], **headers: str) -> Answer:
        """A whole stream."""
        async with self.post("/llm/stream", body, **headers) as response:
            assert response.status == 200, await response.text()
            raw = await response.read()
        parser = SseParser()
        return Answer(raw, parser.feed(raw) + parser.close())

    async def refusal(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and error of a request that is refused."""
        async with self.post(path, body, **headers) as response:
            return response.status, orjson.loads(await response.read())["error"]

    async def get(self, path: str) -> Any:
        """The JSON of a GET; text where it is none."""
        async with self.http.get(self.url + path, headers=self.headers) as response:
            text = await response.text()
        return text if path == "/metrics" else orjson.loads(text)

    async def delete(self, inference_id: str, **headers: str) -> int:
        """Status of a DELETE."""
        url = f"{self.url}/llm/inferences/{inference_id}"
        async with self.http.delete(url, headers=self.headers | headers) as response:
            return response.status

    async def gauge(self, name: str) -> float:
        """One value of the metrics."""
        lines = (await self.get("/metrics")).splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


@asynccontextmanager
async def proxy_of(folder: Path, **fields: Any) -> AsyncIterator[Client]:
    """A proxy with these settings, served until the block ends."""
    keys = folder / "keys"
    keys.write_text(f"{KEY}\n{OLD_KEY}\n")
    settings = LLMProxySettings.load(port=0, internal_token_file=keys, drain_s=0.5, **fields)
    stop = asyncio.Event()
    async with llmproxy(settings) as service, cancelled_at_end() as tasks:
        serving = tasks.create_task(serve(service, stop, settings))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            yield Client(http, f"http://127.0.0.1:{service.port}", stop)
        stop.set()
        await serving
