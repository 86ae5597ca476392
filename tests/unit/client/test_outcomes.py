import asyncio
import errno
from typing import Any

import pytest

from codelab_client.outcomes import outcome
from codelab_client.path_locks import Claim, PathLocks
from codelab_client.tool import Job, Result, Tool
from codelab_core.protocol.events import ToolCall
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import ReadFileArguments, ToolKind
from fakes.tool_bench import guard, tool_call


def tool(
    run: Any, *, kind: ToolKind = "read", timeout_ms: int | None = 5000
) -> Tool[ReadFileArguments]:
    return Tool(
        "read_file",
        kind,
        ReadFileArguments,
        timeout_ms,
        claim=lambda job: Claim.writing(job.arguments.path),
        run=run,
    )


async def answered(run: Any, call: ToolCall | None = None, **options: Any) -> Any:
    call = call or tool_call("read_file", path="a")
    return await outcome(tool(run, **options), call, PathLocks())


def raising(error: BaseException) -> Any:
    async def run(_job: Job[ReadFileArguments]) -> Result:
        raise error

    return run


async def echo(job: Job[ReadFileArguments]) -> Result:
    return {"path": job.arguments.path, "guarded": job.guard is not None}


async def never(_job: Job[ReadFileArguments]) -> Result:
    await asyncio.Event().wait()
    return {}


async def test_a_result_is_the_answer() -> None:
    assert await answered(echo) == {"result": {"path": "a", "guarded": False}}


@pytest.mark.parametrize(("kind", "guarded"), [("write", True), ("read", False)])
async def test_a_guard_counts_for_writes(kind: ToolKind, *, guarded: bool) -> None:
    call = tool_call("read_file", path="a", guard=guard(("a", None, b"")))

    assert guarded is (await answered(echo, call, kind=kind))["result"]["guarded"]


async def test_an_unreadable_guard_of_a_read_is_no_matter() -> None:
    assert "result" in await answered(echo, tool_call("read_file", path="a", guard={"x": 1}))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            ToolError(ToolCode.NOT_A_FILE, "no", path="a"),
            {"code": "NOT_A_FILE", "message": "no", "details": {"path": "a"}},
            id="tool-error",
        ),
        pytest.param(
            OSError(errno.EIO, "Input/output error"),
            {
                "code": "IO_ERROR",
                "message": "the workspace: Input/output error",
                "details": {"path": "the workspace", "errno": errno.EIO, "rolled_back": True},
            },
            id="system",
        ),
        pytest.param(
            TimeoutError(errno.ETIMEDOUT, "another program holds the lock"),
            {
                "code": "IO_ERROR",
                "message": "the workspace: another program holds the lock",
                "details": {"path": "the workspace", "errno": errno.ETIMEDOUT, "rolled_back": True},
            },
            id="a-timeout-that-is-not-ours",
        ),
        pytest.param(
            PermissionError(errno.EACCES, "Permission denied"),
            {
                "code": "PERMISSION_DENIED",
                "message": "the workspace: Permission denied",
                "details": {"path": "the workspace"},
            },
            id="denied",
        ),
    ],
)
async def test_a_failure_is_the_answer_too(error: Exception, expected: dict[str, Any]) -> None:
    """T-09."""
    assert {"error": expected} == await answered(raising(error))


async def test_the_unexpected_is_logged_and_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = await answered(raising(KeyError("secret")))

    message = "The tool failed for an unknown reason."
    assert {"error": {"code": "TOOL_FAILED", "message": message, "details": {}}} == answer
    assert caplog.messages == ["tool failed"]


@pytest.mark.parametrize(
    ("arguments", "errors"),
    [
        pytest.param({}, [{"loc": "path", "msg": "Field required"}], id="missing"),
        pytest.param(
            {"path": 1}, [{"loc": "path", "msg": "Input should be a valid string"}], id="type"
        ),
        pytest.param(
            {"path": "a", "x" * 300: 1},
            [{"loc": "x" * 200, "msg": "Extra inputs are not permitted"}],
            id="unknown",
        ),
    ],
)
async def test_arguments_are_checked_and_their_values_not_repeated(
    arguments: dict[str, Any], errors: list[dict[str, str]]
) -> None:
    call = tool_call("read_file").model_copy(update={"arguments": arguments})

    answer = await answered(echo, call)

    message = "The arguments of read_file are not valid."
    assert {"code": "INVALID_ARGUMENTS", "message": message, "details": {"errors": errors}} == (
        answer["error"]
    )


async def test_ten_faults_are_enough() -> None:
    many = {f"x{number}": 1 for number in range(50)}
    call = tool_call("read_file").model_copy(update={"arguments": many})

    assert len((await answered(echo, call))["error"]["details"]["errors"]) == 10


async def test_an_unreadable_guard_of_a_write_is_a_fault() -> None:
    call = tool_call("read_file", path="a", guard={"files": [{"path": "a"}]})

    error = (await answered(echo, call, kind="write"))["error"]

    assert (
        error["code"],
        error["details"]["errors"][0]["loc"],
    ) == ("INVALID_ARGUMENTS", "files.0.op")


@pytest.mark.parametrize("timeout_ms", [1, None])
async def test_a_tool_that_takes_too_long_is_ended(timeout_ms: int | None) -> None:
    call = tool_call("read_file", path="a").model_copy(update={"timeout_ms": timeout_ms})

    answer = await answered(never, call, timeout_ms=2)

    limit = timeout_ms or 2
    assert {
        "code": "TOOL_TIMEOUT",
        "message": f"The tool did not end within {limit} ms.",
        "details": {"timeout_ms": limit},
    } == answer["error"]


async def test_waiting_for_a_path_counts_as_well() -> None:
    paths = PathLocks()

    async with paths.hold(Claim.writing("a")):
        call = tool_call("read_file", path="a").model_copy(update={"timeout_ms": 1})
        answer = await outcome(tool(echo), call, paths)

    assert answer["error"]["code"] == "TOOL_TIMEOUT"


@pytest.mark.parametrize(
    ("tool_ms", "call_ms"), [pytest.param(1, 0, id="call"), pytest.param(None, 1, id="tool")]
)
async def test_there_may_be_no_deadline(tool_ms: int | None, call_ms: int) -> None:
    begun = asyncio.Event()

    async def slow(_job: Job[ReadFileArguments]) -> Result:
        begun.set()
        await asyncio.sleep(0.02)
        return {}

    call = tool_call("read_file", path="a").model_copy(update={"timeout_ms": call_ms})

    assert await answered(slow, call, timeout_ms=tool_ms) == {"result": {}}


async def test_a_cancelled_call_has_no_answer_and_holds_nothing() -> None:
    paths = PathLocks()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(outcome(tool(never), tool_call("read_file", path="a"), paths))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
    async with asyncio.timeout(5), paths.hold(Claim.writing("a")):
        pass
