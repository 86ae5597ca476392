"""Whole conversations with the scripted model over real sockets: every row of its table."""

from typing import Any

import pytest

from fakes.dialogue import Dialogue
from fakes.tool_player import ToolPlayer, take_none
from harness.llm import Client, user

FILES = {
    "README.md": "# Sample\n\nold words\n",
    "src/auth.js": "function login(user) {\n  return old(user);\n}\n",
    "src/a.py": "old = 1\n",
}


async def converse(proxy: Client, dialogue: Dialogue, text: str) -> str:
    """Ask, run every call, return the last answer."""
    dialogue.ask(text)
    while True:
        answer = await proxy.stream(dialogue.request())
        finish = answer.values(b"done")[0]
        assert finish["finish_reason"] == ("tool_calls" if answer.calls else "stop")
        if not dialogue.take(answer.text, answer.calls):
            return dialogue.last


@pytest.mark.parametrize(
    ("text", "called", "answer"),
    [
        pytest.param("echo Привет мир", [], "Echo: Привет мир", id="echo"),
        pytest.param(
            "read the README file",
            ["read_file"],
            "README.md has 3 lines. The first 3:\n\n```\n# Sample\n\nold words\n```",
            id="read",
        ),
        pytest.param("open nothing.py", ["read_file"], "FILE_NOT_FOUND", id="open"),
        pytest.param(
            "show the diff staged", ["git.diff"], "1 files changed:\n- a (+1 -2)", id="diff"
        ),
        pytest.param(
            "Show me what changed in the last commit", ["git.diff"], "- a (+1 -2)", id="commit"
        ),
        pytest.param(
            'replace "old" with "new" in README.md, src/*',
            ["list_files", *["read_file"] * 3, "apply_patch_review", "apply_patch"],
            "Applied 3 of 3 hunks in 3 files.",
            id="replace",
        ),
        pytest.param(
            'replace "old" with "new" in src/a.py then read src/a.py',
            ["read_file", "apply_patch_review", "apply_patch", "read_file"],
            "```\nnew = 1\n```",
            id="replace-then-read",
        ),
        pytest.param(
            "Add logging to auth.js",
            ["read_file", "apply_patch_review", "apply_patch"],
            "Applied 1 of 1 hunks in 1 file.",
            id="logging",
        ),
        pytest.param(
            'write "é" to new.txt', ["write_file"], "Wrote 2 bytes to new.txt.", id="write"
        ),
        pytest.param(
            "write 'x' to README.md",
            ["write_file", "read_file", "write_file"],
            "Wrote 1 bytes to README.md.",
            id="write-again",
        ),
        pytest.param(
            'ask me "Sure?" with options yes, no', ["prompt_user"], "You chose yes.", id="ask"
        ),
        pytest.param("write 3 tokens at 9 per second", [], "t00001 t00002 t00003", id="tokens"),
        pytest.param("think about x", [], "I thought about x. It has two sides.", id="think"),
        pytest.param(
            'call read_file with {"path": "src/a.py"} and git.diff',
            ["read_file", "git.diff"],
            "read_file answered:",
            id="call",
        ),
        pytest.param("Hello", [], "Ask me to: echo TEXT", id="anything-else"),
    ],
)
async def test_a_request_is_carried_out(
    shared_proxy: Client, text: str, called: list[str], answer: str
) -> None:
    changed = {"path": "a", "additions": 1, "deletions": 2}
    player = ToolPlayer(dict(FILES), diff={"diff": "x", "files": [changed]})

    said = await converse(shared_proxy, Dialogue(player), text)

    assert answer in said
    assert player.names == called


async def test_several_turns_of_one_session(shared_proxy: Client) -> None:
    player = ToolPlayer(dict(FILES))
    dialogue = Dialogue(player)

    first = await converse(shared_proxy, dialogue, 'replace "old" with "new" in src/a.py')
    second = await converse(shared_proxy, dialogue, 'replace "new" with "old" in src/a.py')
    player.select = take_none
    third = await converse(shared_proxy, dialogue, 'replace "old" with "new" in src/a.py')

    assert [first, second, third] == [*["Applied 1 of 1 hunks in 1 file."] * 2, "Nothing changed."]
    assert player.files == FILES


async def test_a_call_is_one_event_with_name_index_and_whole_arguments(
    shared_proxy: Client,
) -> None:
    """P-14."""
    tools = [{"name": "git.diff", "parameters": {}}]
    body = {"messages": user('call git.diff and x with {"a": [1]}'), "tools": tools}

    answer = await shared_proxy.stream(body)

    assert answer.values(b"tool_call") == [
        {"index": 0, "name": "git.diff", "arguments": {}},
        {"index": 1, "name": "x", "arguments": {"a": [1]}},
    ]
    assert answer.text == ""


async def test_chat_answers_with_one_json(shared_proxy: Client) -> None:
    """P-03."""
    tools = [{"name": "git.diff", "parameters": {}}]
    bodies: list[dict[str, Any]] = [
        {"model": "echo", "messages": user("a b")},
        {"messages": user("echo a then show the diff"), "tools": tools, "inference_id": "i-1"},
    ]
    answers = []
    for body in bodies:
        async with shared_proxy.post("/llm/chat", body) as response:
            answers.append(await response.json())

    assert answers[0]["message"] == {"role": "assistant", "content": "Echo: a b", "tool_calls": []}
    assert (answers[0]["model"], answers[0]["provider"]) == ("echo", "scripted")
    assert answers[0]["usage"]["completion_tokens"] == 3
    assert answers[1]["inference_id"] == "i-1"
    assert answers[1]["finish_reason"] == "tool_calls"
    assert answers[1]["message"]["tool_calls"] == [
        {"index": 0, "name": "git.diff", "arguments": {}}
    ]


async def test_chat_and_stream_of_one_id_are_one_inference(shared_proxy: Client) -> None:
    body = {"messages": user("echo a b"), "inference_id": "i-2"}

    streamed = await shared_proxy.stream(body)
    async with shared_proxy.post("/llm/chat", body) as response:
        chatted = await response.json()

    assert chatted["message"]["content"] == streamed.text
    assert chatted["usage"] == streamed.values(b"usage")[0]


async def test_models_are_listed_without_any_key(shared_proxy: Client) -> None:
    """P-02."""
    models = await shared_proxy.get("/llm/models")

    assert {"default", "auto", "gpt-4", "echo", "scripted/agent"} <= {m["id"] for m in models}
    assert {model["family"] for model in models} == {"scripted"}
