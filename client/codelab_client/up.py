"""The whole system in one process: three services on loopback and a private store.

Without a key of a provider in the environment it needs no network.

The only module of the client that knows the services.
"""

import asyncio
import fcntl
import logging
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codelab_core.clock import random_token
from codelab_core.identity import token_digest
from codelab_core.llm_names import SCRIPTED
from codelab_core.provider_settings import ProviderFields
from codelab_core.server import Running, bind, cancelled_at_end, serve
from codelab_core.settings import (
    LOOPBACK_HOSTS,
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_gateway.app import gateway
from codelab_llmproxy.app import llmproxy, who_answers
from codelab_runtime.app import runtime

URL_FILE: Final = "gateway-url"
DRAIN_S: Final = 8.0
NO_PROVIDERS: Final[Mapping[str, Any]] = {
    name: field.default for name, field in ProviderFields.model_fields.items()
}
"""Settings by which only the built-in provider answers."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `state_dir` keeps sessions, `redis_url` uses a server that is there already.

    Ports that are taken are replaced by free ones.
    """

    state_dir: Path
    redis_url: str = "embedded://"
    host: str = "127.0.0.1"
    gateway_port: int = 8000
    runtime_port: int = 8001
    llmproxy_port: int = 8002
    log_level: str = "WARNING"
    scripted_only: bool = False
    """Keys and addresses of providers in the environment are left alone."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running system: base URLs of the services, and the token where one is needed."""

    gateway_url: str
    runtime_url: str
    llmproxy_url: str
    token: str | None
    internal_token_file: Path
    provider: str = SCRIPTED
    model: str = ""
    """Who answers where a session names no model."""


@asynccontextmanager
async def stack(options: Options) -> AsyncIterator[Stack]:
    """Start everything; at the end drain gateway, runtime and proxy, in this order."""
    async with AsyncExitStack() as closing:
        folder = closing.enter_context(_state_folder(options.state_dir))
        listeners = _Listeners.open(options)
        keys = _secret(folder / "internal-token", random_token())
        proxy_settings = _proxy_settings(options, keys)
        proxy = await closing.enter_async_context(
            llmproxy(proxy_settings, listener=listeners.llmproxy)
        )
        runtime_settings = RuntimeSettings.load(
            host="127.0.0.1",
            port=0,
            internal_token_file=keys,
            embedded=True,
            drain_s=DRAIN_S,
            llmproxy_url=f"http://127.0.0.1:{proxy.port}",
            redis_url=options.redis_url,
            state_dir=folder,
        )
        turns = await closing.enter_async_context(
            runtime(runtime_settings, listener=listeners.runtime)
        )
        token = None if options.host in LOOPBACK_HOSTS else random_token()
        gateway_settings = _gateway_settings(options, folder, keys, turns.port, token)
        front = await closing.enter_async_context(
            gateway(gateway_settings, listener=listeners.gateway)
        )
        services = (
            _Served(front, gateway_settings),
            _Served(turns, runtime_settings),
            _Served(proxy, proxy_settings),
        )
        await closing.enter_async_context(_serving(services))
        provider, model = who_answers(proxy.app)
        running = Stack(
            gateway_url=f"http://{_in_url(options.host)}:{front.port}",
            runtime_url=f"http://127.0.0.1:{turns.port}",
            llmproxy_url=f"http://127.0.0.1:{proxy.port}",
            token=token,
            internal_token_file=keys,
            provider=provider,
            model=model,
        )
        closing.enter_context(_announced(folder, running))
        yield running


@dataclass(frozen=True, slots=True)
class _Listeners:
    """Sockets of the three services, on the ports asked for or on free ones."""

    gateway: socket.socket
    runtime: socket.socket
    llmproxy: socket.socket

    @classmethod
    def open(cls, options: Options) -> "_Listeners":
        """Bind all three; only the gateway may listen beyond loopback."""
        return cls(
            _bind_near(options.host, options.gateway_port),
            _bind_near("127.0.0.1", options.runtime_port),
            _bind_near("127.0.0.1", options.llmproxy_port),
        )


def _bind_near(host: str, port: int) -> socket.socket:
    """The port, or a free one where it is taken."""
    try:
        return bind(host, port)
    except OSError:
        return bind(host, 0)


def _in_url(host: str) -> str:
    """A host as URLs write it; every address is reached as loopback from here."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 -- recognised here, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _proxy_settings(options: Options, keys: Path) -> LLMProxySettings:
    """Providers are those of the environment, where they are wanted."""
    providers = NO_PROVIDERS if options.scripted_only else {}
    return LLMProxySettings.load(
        host="127.0.0.1",
        port=0,
        internal_token_file=keys,
        embedded=True,
        drain_s=DRAIN_S,
        **providers,
    )


def _gateway_settings(
    options: Options, folder: Path, keys: Path, runtime_port: int, token: str | None
) -> GatewaySettings:
    """On loopback nobody is asked who they are; beyond it a token is needed."""
    tokens_file = None
    if token:
        tokens_file = _secret(folder / "client-tokens", f"{token_digest(token)} local\n")
    return GatewaySettings.load(
        host=options.host,
        port=0,
        internal_token_file=keys,
        embedded=True,
        drain_s=DRAIN_S,
        runtime_url=f"http://127.0.0.1:{runtime_port}",
        auth_mode="token" if token else "dev",
        tokens_file=tokens_file,
    )


@dataclass(frozen=True, slots=True)
class _Served:
    """A service and the settings that it is served by."""

    running: Running
    settings: ServiceSettings


@asynccontextmanager
async def _serving(services: tuple[_Served, ...]) -> AsyncIterator[None]:
    """Serve all; at the end stop one after the other, the first one first."""
    async with cancelled_at_end() as tasks:
        stops = [asyncio.Event() for _ in services]
        served = [
            tasks.create_task(serve(service.running, stop, service.settings))
            for service, stop in zip(services, stops, strict=True)
        ]
        try:
            yield
        finally:
            for stop, task in zip(stops, served, strict=True):
                stop.set()
                await asyncio.wait({task})


@contextmanager
def _state_folder(wanted: Path) -> Iterator[Path]:
    """The folder, ours alone while the block runs; a temporary one where another process has it."""
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        (wanted / "lock").open("w") as lock,
        tempfile.TemporaryDirectory(prefix="codelab-") as spare,
    ):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            log.warning("sessions are not kept: another codelab uses the state folder")
            yield Path(spare)
            return
        yield wanted


def _secret(file: Path, text: str) -> Path:
    """A file that only this user can read."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
        stream.write(text)
    return file


@contextmanager
def _announced(folder: Path, running: Stack) -> Iterator[None]:
    """While it runs, other commands on this machine find the gateway by a file."""
    file = _secret(folder / URL_FILE, f"{running.gateway_url}\n{running.token or ''}\n")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
