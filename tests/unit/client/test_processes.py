import asyncio
import os
import sys
from pathlib import Path

import pytest

from codelab_client.processes import Command, Ended, run, started


def python(code: str, **environment: str) -> Command:
    return Command([sys.executable, "-I", "-S", "-c", code], Path("/"), environment)


async def collected(command: Command) -> tuple[Ended, bytes]:
    output = bytearray()

    def keep(chunk: bytes) -> bool:
        output.extend(chunk)
        return True

    return await run(command, keep), bytes(output)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_output_errors_and_exit_code_come_back() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"

    assert (Ended(3, "err\n", stopped=False), b"out\n") == await collected(python(code))


async def test_a_process_gets_the_given_environment_and_nothing_else() -> None:
    _, output = await collected(python("import os; print(sorted(os.environ))", HOME="/x"))

    assert b"HOME" in output
    assert b"PATH" not in output


async def test_a_process_has_no_input_and_no_terminal() -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())"

    assert (await collected(python(code)))[1] == b"'' True\n"


async def test_reading_stops_when_enough_came() -> None:
    chunks: list[int] = []

    def enough(chunk: bytes) -> bool:
        chunks.append(len(chunk))
        return sum(chunks) < 100_000

    async with asyncio.timeout(10):
        ended = await run(python("while True: print('x' * 1000)"), enough)

    assert ended.stopped
    assert sum(chunks) < 300_000


async def test_a_flood_of_errors_is_read_and_only_its_start_kept() -> None:
    code = "import sys; sys.stderr.write('e' * 1_000_000); print('done')"

    ended, output = await collected(python(code))

    assert (len(ended.errors), output) == (8192, b"done\n")


async def test_what_cannot_be_started_raises() -> None:
    with pytest.raises(FileNotFoundError):
        await collected(Command(["/no/such/program"], Path("/"), {}))


async def test_a_deadline_kills_the_process_and_its_children(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\n"
        "child = os.fork() or time.sleep(60)\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child}}')\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    ready = asyncio.Event()

    def note(_chunk: bytes) -> bool:
        ready.set()
        return True

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run(python(code), note))
        async with asyncio.timeout(10):
            await ready.wait()
        task.cancel()
        await asyncio.wait([task])

    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    for _ in range(200):
        if not any(map(is_running, pids)):
            break
        await asyncio.sleep(0.01)
    assert [is_running(pid) for pid in pids] == [False, False]


async def test_a_process_is_gone_after_its_block() -> None:
    async with started(python("import sys; sys.stdin.read()"), stdin=True) as process:
        pid = process.pid

    assert not is_running(pid)
    assert process.returncode is not None
    assert os.getpid() != pid
