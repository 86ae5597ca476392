from typing import Any

import pytest

from codelab_llmproxy.scripted.answer import Answer, ToolUse
from codelab_llmproxy.scripted.conversation import Conversation
from codelab_llmproxy.scripted.rules import agent
from codelab_llmproxy.scripted.talk_plans import HELP
from fakes.tool_player import ALL_TOOLS

READ_README = [("read_file", {"path": "README.md"})]


def said(text: str) -> Answer:
    tools = [{"function": {"name": name}} for name in ALL_TOOLS]
    return agent(Conversation({"messages": [{"role": "user", "content": text}], "tools": tools}))


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    return [(use.name, dict(use.arguments)) for use in said(text).calls]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("read README.md", READ_README, id="read"),
        pytest.param("Open the file README.md.", READ_README, id="open"),
        pytest.param("Read the README file", READ_README, id="readme"),
        pytest.param("READ readme!", READ_README, id="any-case"),
        pytest.param("please read 'a b.py'", [("read_file", {"path": "a b.py"})], id="polite"),
        pytest.param("Could you open a.py?", [("read_file", {"path": "a.py"})], id="question"),
        pytest.param("read auth.js", [("read_file", {"path": "auth.js"})], id="as-it-is"),
        pytest.param("show the diff", [("git.diff", {})], id="diff"),
        pytest.param("show the diff of src/a.py", [("git.diff", {"path": "src/a.py"})], id="of"),
        pytest.param("Show me the diff staged", [("git.diff", {"staged": True})], id="staged"),
        pytest.param(
            "show the diff of a staged.",
            [("git.diff", {"path": "a", "staged": True})],
            id="both",
        ),
        pytest.param(
            "Show me what changed in the last commit",
            [("git.diff", {"revision": "HEAD~1..HEAD"})],
            id="last-commit",
        ),
        pytest.param(
            'replace "a" with "b" in x.py', [("read_file", {"path": "x.py"})], id="replace"
        ),
        pytest.param(
            r'replace "say \"a\"" with “b” in "x y.py".',
            [("read_file", {"path": "x y.py"})],
            id="replace-quoted",
        ),
        pytest.param(
            "Add logging to auth.js", [("read_file", {"path": "src/auth.js"})], id="logging"
        ),
        pytest.param(
            "add logging to the file lib/a.py",
            [("read_file", {"path": "lib/a.py"})],
            id="logging-to",
        ),
        pytest.param(
            'write "Hello\\n" to a.txt',
            [("write_file", {"path": "a.txt", "content": "Hello\n"})],
            id="write",
        ),
        pytest.param(
            "write 'x' into the file a.txt.",
            [("write_file", {"path": "a.txt", "content": "x"})],
            id="write-into",
        ),
        pytest.param(
            'ask me "Which?" with options red, "dark blue" or green',
            [("prompt_user", {"message": "Which?", "actions": ["red", "dark blue", "green"]})],
            id="ask",
        ),
        pytest.param(
            'call search with {"q": "then and", "n": [1]}',
            [("search", {"q": "then and", "n": [1]})],
            id="call",
        ),
        pytest.param(
            "call read_file and git.diff", [("read_file", {}), ("git.diff", {})], id="two"
        ),
        pytest.param(
            'call a with {"x": 1}, b with {} and c.',
            [("a", {"x": 1}), ("b", {}), ("c.", {})],
            id="three",
        ),
        pytest.param("call a with nonsense", [("a", {})], id="no-json"),
        pytest.param('call a with ["x"]', [("a", {})], id="no-object"),
        pytest.param("call a " + "[" * 5, [("a", {})], id="rubbish-after"),
    ],
)
def test_a_request_becomes_a_call(text: str, expected: list[tuple[str, dict[str, Any]]]) -> None:
    assert calls(text) == expected


@pytest.mark.parametrize(
    ("text", "pieces", "pace"),
    [
        pytest.param("echo a  b.", ("Echo:", " a", "  b."), 0, id="echo"),
        pytest.param("echo", ("Echo:", " "), 0, id="echo-nothing"),
        pytest.param("write 2 tokens", ("t00001", " t00002"), 50, id="tokens"),
        pytest.param("Write 1 token at 2.5 per second.", ("t00001",), 2.5, id="paced"),
        pytest.param("write 1 tokens at 0 per second", ("t00001",), 0, id="unpaced"),
    ],
)
def test_a_request_becomes_a_text(text: str, pieces: tuple[str, ...], pace: float) -> None:
    assert said(text) == Answer(pieces, pace=pace)


def test_a_request_becomes_a_thought() -> None:
    answer = said("think about tea!")

    assert "".join(answer.pieces) == "I thought about tea. It has two sides."
    assert answer.thinking


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "",
        "  ",
        "read",
        "read the fine manual and tell me",
        "replace a with b in c",
        "write something to a.txt",
        "ask me something",
        "call !",
        "my echo is broken",
    ],
)
def test_anything_else_gets_the_list_of_requests(text: str) -> None:
    assert "".join(said(text).pieces) == HELP


def test_requests_are_joined_by_then() -> None:
    answer = said('echo "a then b", then read x.py then echo c')

    assert "".join(answer.pieces) == 'Echo: "a then b"\n\nReading x.py.'
    assert answer.calls == (ToolUse("read_file", {"path": "x.py"}),)


def test_deep_json_in_a_call_does_no_harm() -> None:
    assert calls("call a with " + '{"a":' * 100_000) == [("a", {})]
