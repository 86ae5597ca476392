import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from codelab_client.journal import CallKey
from codelab_core.paths import path_problem
from codelab_core.protocol.frames import Hello
from codelab_core.tools import BUILT_IN, ReadFileArguments
from fakes.memory import memory_folder
from fakes.repository import Repository
from fakes.tool_bench import ToolBench, answer_of, guard, tool_call

PATCH = "diff --git a/x {0}\nnew file mode 100644\n--- /dev/null\n+++ {0}\n@@ -0,0 +1 @@\n+x\n"


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    return ToolBench(tmp_path)


def test_hello_declares_the_six_and_two_more(bench: ToolBench) -> None:
    declared = bench.toolbox.declarations

    hello = {"type": "hello", "version": 1, "client": {"id": "a"}, "tools": declared}
    read = Hello.model_validate_json(json.dumps(hello))
    assert [*BUILT_IN] == [name for name in read.tools or [] if isinstance(name, str)]
    assert [tool.name for tool in read.tools or [] if not isinstance(tool, str)] == [
        "list_files",
        "search_in_code",
    ]


async def test_an_unknown_tool_is_told_with_those_there_are(bench: ToolBench) -> None:
    error = (await bench.ask("execute_command", command="rm -rf /"))["error"]

    assert error["code"] == "TOOL_NOT_FOUND"
    assert ("execute_command", [*BUILT_IN, "list_files", "search_in_code"]) == (
        error["details"]["tool"],
        error["details"]["available"],
    )


async def test_a_large_diff_comes_in_parts(bench: ToolBench) -> None:
    """G-13, on this side."""
    repository = await Repository.made(bench.root)
    for number in range(8):
        repository.write(f"f{number}", "one\n")
    await repository.commit()
    for number in range(8):
        repository.write(f"f{number}", ("x" * 99 + "\n") * 9_000)

    sent = await bench.toolbox.run(tool_call("git.diff"))

    result = answer_of(sent)["result"]
    assert len(sent) > 10
    assert 5 << 20 >= len(result["diff"]) > 4 << 20
    assert result["truncated"]


# The same call twice.


async def test_five_deliveries_at_once_have_one_effect_and_one_result(bench: ToolBench) -> None:
    """docs/tools.md: the same call delivered five times."""
    steps: list[str] = []
    bench = bench.restarted(on_step=steps.append)
    call = tool_call("write_file", path="a", content="x")

    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(bench.toolbox.run(call)) for _ in range(5)]

    assert steps.count("effect:after") == 1
    assert [runs[0].result()] * 5 == [run.result() for run in runs]


async def test_two_connections_of_a_session_have_one_effect(bench: ToolBench) -> None:
    steps: list[str] = []
    clients = [bench.restarted(on_step=steps.append) for _ in range(2)]
    call = tool_call("write_file", path="a", content="x")

    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(clients[number % 2].answer(call)) for number in range(5)]

    assert steps.count("effect:after") == 1
    assert bench.files() == {"a": b"x"}
    results = [run.result()["result"] for run in runs]
    assert [result["success"] for result in results] == [True] * 5
    assert {results[0]["post_sha"]} == {result["post_sha"] for result in results}


async def test_five_questions_at_once_are_one_dialog(bench: ToolBench) -> None:
    call = tool_call("prompt_user", message="?", actions=["yes"])
    bench.dialogs.answers[call.call_id] = {"action": "yes"}

    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(bench.answer(call)) for _ in range(5)]

    assert [call.call_id] == bench.dialogs.asked
    assert [run.result() for run in runs] == [{"result": {"action": "yes"}}] * 5


@pytest.mark.parametrize("restart", [False, True])
async def test_a_write_is_answered_again_from_the_record(
    bench: ToolBench, *, restart: bool
) -> None:
    call = tool_call("write_file", path="a", content="x")
    first = await bench.toolbox.run(call)
    bench.write("a", "edited since")

    client = bench.restarted() if restart else bench

    assert first == await client.toolbox.run(call)
    assert bench.files() == {"a": b"edited since"}


async def test_a_refusal_is_answered_again_even_when_it_would_work_now(bench: ToolBench) -> None:
    """The server has the refusal; an effect now would be one that nobody knows of."""
    bench.write("a", "edited")
    call = tool_call("write_file", path="a", content="new", guard=guard(("a", b"old", b"new")))
    first = await bench.toolbox.run(call)
    bench.write("a", "old")

    assert first == await bench.restarted().toolbox.run(call)
    assert bench.files() == {"a": b"old"}


async def test_an_answer_of_a_person_is_not_asked_for_again(bench: ToolBench) -> None:
    call = tool_call("prompt_user", message="?", actions=["yes"])
    bench.dialogs.answers[call.call_id] = {"action": "yes"}
    await bench.answer(call)

    client = bench.restarted()

    assert await client.answer(call) == {"result": {"action": "yes"}}
    assert client.dialogs.asked == []


async def test_a_read_is_answered_again_until_it_is_acknowledged(bench: ToolBench) -> None:
    bench.write("a", "one")
    call = tool_call("read_file", path="a")
    first = await bench.answer(call)
    bench.write("a", "two")

    again = await bench.answer(call)
    bench.toolbox.acknowledged(call.call_id)
    later = await bench.answer(call)

    assert tuple(answer["result"]["content"] for answer in (first, again, later)) == (
        "one",
        "one",
        "two",
    )


async def test_an_edited_call_is_another_call(bench: ToolBench) -> None:
    await bench.ask("write_file", path="a", content="proposed")

    await bench.ask("write_file", path="a", content="edited")

    assert bench.files() == {"a": b"edited"}


async def test_another_session_has_its_own_calls(bench: ToolBench) -> None:
    call = tool_call("write_file", path="a", content="x")
    await bench.answer(call)
    (bench.root / "a").unlink()

    await ToolBench(bench.folder, session="s2").answer(call)

    assert bench.files() == {"a": b"x"}


async def test_answers_that_were_not_acknowledged_are_sent_after_a_restart(
    bench: ToolBench,
) -> None:
    sent = [
        await bench.toolbox.run(tool_call("write_file", call_id=name, path=name, content=name))
        for name in ("c1", "c2", "c3")
    ]
    bench.toolbox.acknowledged("c1")
    await bench.toolbox.run(tool_call("read_file", call_id="c4", path="c1"))
    await bench.ask("write_file", call_id="c5", path="../x", content="")
    bench.toolbox.acknowledged("c5")
    await bench.ask("write_file", call_id="c6", path="y", content="")
    bench.toolbox.acknowledged("c6")

    frames = await bench.restarted().toolbox.resume()

    assert [*sent[1], *sent[2]] == [
        frame for frame in frames if frame["call_id"] in {"c1", "c2", "c3", "c5"}
    ]


async def test_what_a_dead_client_left_is_cleared_away(bench: ToolBench) -> None:
    file = {"path": "src/a", "op": "create", "pre_sha": "absent", "post_sha": "0" * 64}
    call = tool_call("write_file", call_id="c9", path="src/a", content="x")
    bench.journal.intend(CallKey(call.call_id, call.digest), [file])
    bench.write("src/.codelab-c9-0", "staged")

    await bench.toolbox.resume()

    assert bench.files() == {}


async def test_a_record_that_cannot_be_read_stops_what_must_be_recorded(
    bench: ToolBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.write("a", "one")
    bench.state.write_text("a file in place of the folder")

    codes = [
        await bench.code("write_file", path="b", content="x"),
        await bench.code("prompt_user", message="?", actions=["yes"]),
        await bench.code("read_file", path="a"),
    ]

    assert codes == ["IO_ERROR", "IO_ERROR", ""]
    assert await bench.toolbox.resume() == []
    assert caplog.messages == ["record of calls not readable"]
    assert bench.files() == {"a": b"one"}


# Calls side by side.


async def test_readers_of_a_file_wait_for_its_writer(bench: ToolBench) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def pause(step: str) -> None:
        if step == "intent:after":
            begun.set()
            go_on.wait(5)

    bench = bench.restarted(on_step=pause)
    bench.write("other", "other")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.ask("write_file", call_id="c1", path="a", content="new"))
        await asyncio.to_thread(begun.wait, 5)
        same = tasks.create_task(bench.ask("read_file", call_id="c2", path="a"))
        other = await bench.ask("read_file", call_id="c3", path="other")
        waited = not same.done()
        go_on.set()

    assert waited
    assert other["result"]["content"] == "other"
    assert same.result()["result"]["content"] == "new"


async def test_a_cancelled_write_is_complete_and_on_record(bench: ToolBench) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def pause(step: str) -> None:
        if step == "intent:after":
            begun.set()
            go_on.wait(5)

    call = tool_call("write_file", path="a", content="x")
    pausing = bench.restarted(on_step=pause)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(pausing.toolbox.run(call))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait([task])

    assert task.cancelled()
    assert bench.files() == {"a": b"x"}
    frames = await bench.toolbox.resume()
    assert [frame["result"]["created"] for frame in frames] == [True]


async def test_a_cancelled_question_is_withdrawn_and_may_be_asked_again(bench: ToolBench) -> None:
    """T-14."""
    call = tool_call("prompt_user", message="?", actions=["yes"])
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(bench.toolbox.run(call))
        await bench.dialogs.opened.wait()
        task.cancel()
        await asyncio.wait([task])
    bench.dialogs.answers[call.call_id] = {"action": "yes"}

    again = await bench.answer(call)

    assert [call.call_id] == bench.dialogs.withdrawn
    assert again == {"result": {"action": "yes"}}


# Paths that no tool may take.

_PARTS = (
    *("..", ".", "../canary", "../../canary", "a/../../canary", "a/..", "./a", "a/./b", "a//b"),
    *("/canary", "/etc/passwd", "//server/share", "a/", "/", "", "C:\\canary", "C:/canary", "c:x"),
    *("\\\\server\\share", "..\\canary", "a\\b", "\\canary", "a\0b", "a\nb", "a\rb", "a\tb"),
    *("\x1b[2J", "a\x7f", "a\x85b", "a\u2028b", "a\u2029b", "\ud800", "a\udfffb", "\udcff"),
    *(".git", ".git/config", ".GIT/config", ".Git", "a/.git/hooks/x", ".git./x", ".git /x"),
    *(
        "git~1",
        "GIT~1/config",
        "git~2",
        "a/git~1/x",
        ".g\u200cit/config",
        ".gi\u200dt",
        "\ufeff.git",
    ),
    *(".git\u200f", ".g\u00adit", ".gi\u2060t/x", "\u206a.git", ".git...", ".git. ."),
    *("a.", "a ", "a. ", "dir./x", "dir /x", "...", "a...", " ", ". "),
    *("con", "CON", "nul", "NUL.txt", "aux.py", "prn", "com1", "COM9.log", "lpt1", "lpt9.x"),
    *("com\u00b9", "lpt\u00b3.txt", "conin$", "CONOUT$", "dir/nul", "nul/x", "a/con.py/b"),
    *("e\u0301", "abce\u0301/x", "a\u030a", "\u212b", "\u2126", "\uf900"),
    *("x" * 256, "a/" + "x" * 256, "\u00e9" * 128, "a/" * 512 + "a", "x/" * 600, "y" * 1025),
)
HOSTILE = sorted(
    {
        *_PARTS,
        *(f"src/{part}" for part in _PARTS if part != "" and not part.startswith(("C:", "c:"))),
        *(f"{part}/x" for part in _PARTS if part),
        *("../" * depth + "canary" for depth in range(1, 20)),
        *("a/" * depth + "../" * (depth + 1) + "canary" for depth in range(1, 10)),
    }
)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but those of the client's own state."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "state" not in path.parts
    }


@pytest.fixture
def outer() -> Iterator[Path]:
    """The folder around a workspace."""
    with memory_folder() as folder:
        yield Path(folder)


@pytest.fixture
def fortress(outer: Path) -> ToolBench:
    """A workspace with a canary in each folder above it."""
    folder = outer / "one" / "two" / "three"
    folder.mkdir(parents=True)
    for above in (folder, *folder.parents[:3]):
        (above / "canary").write_text("secret\n")
    made = ToolBench(folder)
    made.write("src/a.py", "ours\n")
    return made


def is_argument(path: str) -> bool:
    """Whether the text gets as far as the rules for paths."""
    try:
        ReadFileArguments(path=path)
    except ValidationError:
        return False
    return True


def test_there_are_two_hundred_hostile_names() -> None:
    assert len(HOSTILE) >= 200
    assert [path for path in HOSTILE if path_problem(path) is None] == []


async def test_no_hostile_name_gets_past_any_tool(fortress: ToolBench, outer: Path) -> None:
    """docs/tools.md: 200 hostile names; the canary outside is never touched."""
    before = tree(outer)

    wrong = [
        (tool, path, code)
        for path in HOSTILE
        for tool, more in (
            ("read_file", {}),
            ("write_file", {"content": "x"}),
            ("git.diff", {}),
            ("list_files", {}),
            ("search_in_code", {"query": "secret"}),
        )
        if path != "." or tool.endswith("_file")
        for code in [await fortress.code(tool, path=path, **more)]
        if code != "INVALID_PATH" and (is_argument(path) or code != "INVALID_ARGUMENTS")
    ]

    assert wrong == []
    assert before == tree(outer)


async def test_no_hostile_name_gets_past_a_patch(fortress: ToolBench, outer: Path) -> None:
    """A header may quote a name, and its end may be read in more than one way."""
    inside = fortress.root.relative_to(outer)
    before = tree(outer)

    for path in HOSTILE:
        coded = f"b/{path}".encode(errors="replace")
        for name in (f"b/{path}", '"' + "".join(f"\\{byte:03o}" for byte in coded) + '"'):
            await fortress.ask("apply_patch", diff=PATCH.format(name))

    made = [Path(path) for path in tree(outer) if path not in before]
    assert before == {path: content for path, content in tree(outer).items() if path in before}
    assert [str(p) for p in made if path_problem(str(p.relative_to(inside))) is not None] == []


async def test_no_link_out_of_the_workspace_is_read_or_written(
    fortress: ToolBench, outer: Path
) -> None:
    outside = fortress.folder / "canary"
    targets = (Path("../canary"), outside, Path("../../canary"))
    for number, target in enumerate(targets):
        (fortress.root / f"file{number}").symlink_to(target)
        (fortress.root / f"dir{number}").symlink_to(target.parent)
    before = tree(outer)

    paths = [f"{name}{number}" for number in range(3) for name in ("file", "dir")]
    paths = [path if "file" in path else f"{path}/canary" for path in paths]
    codes = {
        path: [
            await fortress.code("read_file", path=path),
            await fortress.code("write_file", path=path, content="x"),
            await fortress.code("apply_patch", diff=PATCH.format(f"b/{path}")),
        ]
        for path in [*paths, "dir0/new", "dir1/new"]
    }

    assert {path: ["PATH_OUTSIDE_WORKSPACE"] * 3 for path in codes} == codes
    assert before == tree(outer)
