"""Checks a running system from outside: probes, keys, a WebSocket echo, a tool's round trip.

    python scripts/system_check.py [--gateway URL] [--runtime URL] [--llmproxy URL]
                                   [--token TOKEN] [--key KEY] [--start]

A line per check, ✓ or ✗; exit status 1 if one failed. `--start` starts a system for the occasion.
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from codelab_client.up import Options, stack

TIMEOUT_S: Final = 20.0
NAMES: Final = {"gateway": "gateway", "runtime": "agent-runtime", "llmproxy": "llm-proxy"}


class CheckError(Exception):
    """What was found instead."""


@dataclass(frozen=True, slots=True)
class System:
    """Base URLs by part; the client's token and the key between services, where known."""

    urls: Mapping[str, str]
    token: str | None = None
    key: str | None = None


def fetched(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of a request, a POST where there is a body."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, sent, {"Content-Type": "application/json", **headers})  # noqa: S310 -- addresses of the operator
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def expect(found: object, wanted: object) -> None:
    """Raise unless both are equal."""
    if found != wanted:
        raise CheckError(f"{found!r} instead of {wanted!r}")


async def health(system: System, part: str) -> None:
    """The service is well, by its own name."""
    status, body = await asyncio.to_thread(fetched, f"{system.urls[part]}/health")
    expect((status, body["status"], body["service"]), (200, "healthy", NAMES[part]))


async def refusal(system: System, part: str) -> None:
    """Without a key nobody gets in."""
    path = {"gateway": "/api/v1/sessions", "runtime": "/agent/sessions", "llmproxy": "/llm/models"}
    status, _ = await asyncio.to_thread(fetched, system.urls[part] + path[part])
    expect(status, 401)


async def command(system: System) -> None:
    """The runtime takes a message from who has the key."""
    body = {"session_id": f"check-{secrets.token_hex(6)}", "message": _message("Hello", "echo")}
    url = f"{system.urls['runtime']}/agent/message"
    headers = {"X-Internal-Auth": system.key or ""}
    status, answer = await asyncio.to_thread(fetched, url, body, **headers)
    expect((status, answer["status"], answer["echo"]), (200, "accepted", "Hello"))


async def echo(system: System) -> None:
    """A message comes back through all services."""
    async with _socket(system) as socket:
        await socket.send(json.dumps(_message("Привет", "echo")))
        expect(await _answer(socket), "Echo: Привет")


async def tool(system: System) -> None:
    """The agent asks for a file, gets it, and uses it."""
    marker = f"marker {secrets.token_hex(8)}"
    async with _socket(system) as socket:
        await socket.send(json.dumps(_message("read README.md")))
        call = await _frame(socket, "tool_call")
        expect((call["tool_name"], call["arguments"]["path"]), ("read_file", "README.md"))
        result = {"success": True, "content": f"{marker}\n", "total_lines": 1}
        answer = {"type": "tool_result", "call_id": call["call_id"], "result": result}
        await socket.send(json.dumps(answer))
        text = await _answer(socket)
    if marker not in text:
        raise CheckError(f"the answer does not hold what the file does: {text!r}")


def _message(text: str, model: str | None = None) -> dict[str, str]:
    """A message of a person."""
    return {"type": "user_message", "content": text} | ({"model": model} if model else {})


def _socket(system: System) -> connect:
    """A WebSocket to a session of its own."""
    url = f"ws{system.urls['gateway'].removeprefix('http')}/ws/check-{secrets.token_hex(6)}"
    headers = {"Authorization": f"Bearer {system.token}"} if system.token else {}
    return connect(url, additional_headers=headers, open_timeout=TIMEOUT_S, proxy=None)


async def _frame(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of a type. Raises `CheckError` for an error frame before it."""
    while True:
        frame: dict[str, Any] = json.loads(await socket.recv())
        if frame["type"] == kind:
            return frame
        if frame["type"] == "error":
            raise CheckError(f"{frame['code']}: {frame['message']}")


async def _answer(socket: ClientConnection) -> str:
    """The text of the agent up to the end of its turn."""
    text, is_over = "", False
    while not is_over:
        frame = await _frame(socket, "assistant_message")
        text += str(frame["token"])
        is_over = frame["is_final"] is True
    return text


def checks(system: System) -> dict[str, Callable[[], Awaitable[None]]]:
    """What is looked at, in order; without token or key, what needs them is left out."""
    chosen: dict[str, Callable[[], Awaitable[None]]] = {}
    for part, name in NAMES.items():
        chosen[f"{name} is healthy"] = partial(health, system, part)
    for part in NAMES if system.token else ("runtime", "llmproxy"):
        chosen[f"{NAMES[part]} answers 401 without a key"] = partial(refusal, system, part)
    if system.key:
        chosen["agent-runtime takes a command with the key"] = partial(command, system)
    chosen["WebSocket echo"] = partial(echo, system)
    chosen["tool round trip"] = partial(tool, system)
    return chosen


async def passed(name: str, check: Callable[[], Awaitable[None]]) -> bool:
    """Run one check, print its line."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await check()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the check has failed
        sys.stdout.write(f"✗ {name}: {type(error).__name__} {error}\n")
        return False
    sys.stdout.write(f"✓ {name}\n")
    return True


@asynccontextmanager
async def system_of(chosen: argparse.Namespace) -> AsyncIterator[System]:
    """The system that was named, or one for the occasion."""
    if not chosen.start:
        urls = {part: getattr(chosen, part).rstrip("/") for part in NAMES}
        yield System(urls, chosen.token, chosen.key)
        return
    with tempfile.TemporaryDirectory(prefix="codelab-check-") as folder:
        options = Options(Path(folder), gateway_port=0, runtime_port=0, llmproxy_port=0)
        async with stack(options) as up:
            urls = {"gateway": up.gateway_url, "runtime": up.runtime_url}
            key = (await asyncio.to_thread(up.internal_token_file.read_text)).strip()
            yield System(urls | {"llmproxy": up.llmproxy_url}, up.token, key)


async def check_all(chosen: argparse.Namespace) -> int:
    """Run every check; the exit status."""
    async with system_of(chosen) as system:
        outcomes = [await passed(name, check) for name, check in checks(system).items()]
    sys.stdout.write(f"{sum(outcomes)} of {len(outcomes)} checks passed\n")
    return 0 if all(outcomes) else 1


def main() -> int:
    """Check what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    for port, part in enumerate(NAMES, 8000):
        parser.add_argument(f"--{part}", default=f"http://127.0.0.1:{port}", metavar="URL")
    parser.add_argument("--token", help="client token")
    parser.add_argument("--key", help="key between the services")
    parser.add_argument("--start", action="store_true", help="start a system for the occasion")
    return asyncio.run(check_all(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
