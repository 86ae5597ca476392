import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import httpx2
import pytest
from fastapi import FastAPI

from codelab_core.server import (
    RestartOrder,
    Running,
    bind,
    cancelled_at_end,
    run,
    run_main,
    serve,
)
from codelab_core.settings import GatewaySettings, SettingsError

SETTINGS = GatewaySettings(drain_s=0.05)


async def nothing() -> None:
    """A drain with nothing to do."""


def service(drain: Callable[[], Awaitable[None]] = nothing) -> Running:
    app = FastAPI()

    @app.get("/")
    async def root() -> str:
        return "here"

    return Running(app, bind("127.0.0.1", 0), drain, {"http": "h11"})


async def fetch(running: Running) -> int:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return (await http.get(f"http://127.0.0.1:{running.port}/")).status_code


def test_port_0_takes_a_free_port_without_delay_for_small_packets() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert listener.getblocking() is False


def test_an_address_with_colons_is_ipv6() -> None:
    with bind("::1", 0) as listener:
        assert listener.family == socket.AF_INET6


def test_a_taken_port_is_an_error_and_leaves_no_socket() -> None:
    with bind("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", listener.getsockname()[1])


def test_nobody_but_our_settings_decides_whom_a_forwarding_header_is_believed() -> None:
    running = service()

    config = running.server().config
    running.socket.close()

    assert config.proxy_headers is False
    assert (config.access_log, config.server_header) == (False, False)


async def test_a_service_is_served_until_it_is_told_to_stop() -> None:
    stop, running = asyncio.Event(), service()
    status: list[int] = []

    with anyio.fail_after(5):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(running, stop, SETTINGS))
            status.append(await fetch(running))
            stop.set()

    assert status == [200]


async def test_requests_are_answered_while_it_drains() -> None:
    status: list[int] = []

    async def drain() -> None:
        status.append(await fetch(running))

    running, stop = service(drain), asyncio.Event()
    stop.set()

    with anyio.fail_after(5):
        await serve(running, stop, GatewaySettings(drain_s=5))

    assert status == [200]


async def test_a_drain_that_hangs_ends_after_its_time(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()
    stop.set()

    with anyio.fail_after(5):
        await serve(service(asyncio.Event().wait), stop, SETTINGS)  # type: ignore[arg-type] # never returns

    assert "drain took too long" in caplog.messages


async def test_a_signal_stops_the_process_in_order() -> None:
    drained = asyncio.Event()

    async def drain() -> None:
        drained.set()

    with anyio.fail_after(5):
        async with asyncio.TaskGroup() as tasks:
            running = service(drain)
            tasks.create_task(run(running, SETTINGS))
            assert await fetch(running) == 200
            os.kill(os.getpid(), signal.SIGTERM)

    assert drained.is_set()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_a_developers_signal_drains_and_asks_for_a_new_start() -> None:
    drained = asyncio.Event()

    async def drain() -> None:
        drained.set()

    async def lived() -> None:
        running = service(drain)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run(running, SETTINGS))
            assert await fetch(running) == 200
            os.kill(os.getpid(), signal.SIGUSR1)

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as ended:
        await lived()

    assert [type(error) for error in ended.value.exceptions] == [RestartOrder]
    assert drained.is_set()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_the_new_start_runs_the_program_as_it_is_on_disk_now(tmp_path: Path) -> None:
    program, same = tmp_path / "program.py", "import os; print(os.getpid())\n"
    program.write_text(
        "import os, pathlib\n"
        "from codelab_core.server import RestartOrder, run_main\n"
        "async def main():\n"
        "    print(os.getpid(), flush=True)\n"
        f"    pathlib.Path(__file__).write_text({same!r})\n"
        "    raise RestartOrder\n"
        "run_main(main)\n"
    )

    said = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)

    before, after = said.stdout.split()
    assert before == after


class TestCancelledAtEnd:
    """A task group whose tasks end with its block."""

    async def test_tasks_are_cancelled_when_the_block_ends(self) -> None:
        async with cancelled_at_end() as tasks:
            task = tasks.create_task(asyncio.Event().wait())
            await asyncio.sleep(0)

        assert task.cancelled()

    async def test_an_error_of_the_block_is_raised_as_it_is(self) -> None:
        async def block() -> None:
            async with cancelled_at_end() as tasks:
                tasks.create_task(asyncio.Event().wait())
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await block()

    async def test_an_error_of_a_task_ends_the_block(self) -> None:
        async def fail() -> None:
            raise KeyError("of a task")

        async def block() -> None:
            async with cancelled_at_end() as tasks:
                tasks.create_task(fail())
                await asyncio.Event().wait()

        with pytest.raises(KeyError, match="of a task"):
            await block()

    async def test_several_errors_are_raised_as_a_group(self) -> None:
        async def fail() -> None:
            raise KeyError("of a task")

        async def block() -> None:
            async with cancelled_at_end() as tasks:
                tasks.create_task(fail())
                tasks.create_task(fail())
                await asyncio.Event().wait()

        with pytest.raises(ExceptionGroup) as failed:
            await block()

        assert len(failed.value.exceptions) == 2

    async def test_cancellation_passes_through(self) -> None:
        with anyio.move_on_after(0.01) as scope:
            async with cancelled_at_end() as tasks:
                tasks.create_task(asyncio.Event().wait())
                await asyncio.Event().wait()

        assert scope.cancelled_caught


class OtherRefusalError(Exception):
    """What a service may raise besides settings that cannot be used."""


@pytest.mark.parametrize(
    "refusal", [SettingsError("port: not a number"), OtherRefusalError("no file")]
)
def test_a_refusal_to_start_is_told_without_a_traceback(refusal: Exception) -> None:
    async def main() -> None:
        raise refusal

    with pytest.raises(SystemExit) as ended:
        run_main(main, OtherRefusalError)

    assert ended.value.code == str(refusal)


def test_other_errors_of_a_process_are_not_hidden() -> None:
    async def main() -> None:
        raise OtherRefusalError

    with pytest.raises(OtherRefusalError):
        run_main(main)
