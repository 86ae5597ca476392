"""Plans that change no file by a patch: read, show, ask, write, think, count. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from codelab_llmproxy.scripted.answer import Answer, Plan, ToolUse, say, words
from codelab_llmproxy.scripted.conversation import Outcome
from codelab_llmproxy.scripted.diffs import split_lines
from codelab_llmproxy.scripted.reading import in_batches

TOKEN_PACE: Final = 50.0
MAX_TOKENS: Final = 100_000
SHOWN_LINES: Final = 20
SHOWN_CHARS: Final = 2_000
LAST_COMMIT: Final = "HEAD~1..HEAD"
HELP: Final = (
    "I am the scripted model: I need no network, and I always answer alike. Ask me to: echo TEXT;"
    " read FILE; show the diff [of PATH] [staged]; show me what changed in the last commit;"
    ' replace "a" with "b" in FILE or GLOB; add logging to FILE; write "TEXT" to FILE;'
    ' ask me "QUESTION" with options x, y; write N tokens [at P per second]; think about X;'
    " call TOOL with JSON. Join requests with: then."
)
OK_TEXT: Final = (
    "The scripted model gives this fixed answer to every request. It has exactly sixty words, so a"
    " reader can count them and see whether one is missing or came twice. They arrive at fifty"
    " words per second. Nothing in it depends on time, place or chance, which is why tests like"
    " it, and why you may trust what they say."
)

_CODE_FENCE: Final = re.compile(r"`{3,}")


def echo(text: str) -> Plan:
    """Says what it was told, at once."""
    yield Answer(words(f"Echo: {text}"))


def help_text() -> Plan:
    """Names the requests."""
    yield say(HELP)


def ok() -> Plan:
    """The fixed answer of 60 words."""
    yield Answer(words(OK_TEXT), pace=TOKEN_PACE)


def tokens(count: int, pace: float) -> Plan:
    """Numbered words, so that loss and doubling show; `pace` per second, 0 at once."""
    numbers = range(1, min(count, MAX_TOKENS) + 1)
    pieces = tuple(f" t{number:05d}" if number > 1 else "t00001" for number in numbers)
    yield Answer(pieces, pace=pace)


def think(topic: str) -> Plan:
    """A thinking block, then the answer."""
    thinking = words(f"What is there to say about {topic}? It can be seen from two sides.")
    yield Answer(words(f"I thought about {topic}. It has two sides."), thinking, pace=TOKEN_PACE)


def read(path: str) -> Plan:
    """The number of lines, and the first 20."""
    (outcome,) = yield say(f"Reading {path}.", ToolUse("read_file", {"path": path}))
    if outcome.failed:
        yield failure(outcome)
        return
    lines = split_lines(str(outcome.value.get("content", "")))
    total = outcome.value.get("total_lines", len(lines))
    head = "".join(lines[:SHOWN_LINES])
    shown = min(SHOWN_LINES, len(lines))
    yield say(f"{path} has {total} lines. The first {shown}:\n\n{fenced(head)}")


def show_diff(arguments: Mapping[str, Any]) -> Plan:
    """Which files differ, and by how much."""
    (outcome,) = yield say("Looking at the changes.", ToolUse("git.diff", arguments))
    if outcome.failed:
        yield failure(outcome)
        return
    files = outcome.value.get("files")
    rows = _counted(files) if isinstance(files, list) else []
    if not rows and not outcome.value.get("diff"):
        yield say("Nothing changed.")
        return
    listing = "\n".join(rows) or fenced(str(outcome.value["diff"])[:SHOWN_CHARS])
    yield say(f"{len(rows) or 'Some'} files changed:\n{listing}")


def _counted(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per file of a diff."""
    return [
        f"- {file.get('path')} (+{file.get('additions', 0)} -{file.get('deletions', 0)})"
        for file in files
    ]


def write(text: str, path: str) -> Plan:
    """The whole file; one that is there already is read first and then replaced."""
    use = ToolUse("write_file", {"path": path, "content": text})
    (outcome,) = yield say(f"Writing {path}.", use)
    if outcome.code == "CONFLICT":
        yield say("It is there already. Reading it first.", ToolUse("read_file", {"path": path}))
        (outcome,) = yield say("", use)
    yield (
        failure(outcome) if outcome.failed else say(f"Wrote {len(text.encode())} bytes to {path}.")
    )


def ask(question: str, options: Sequence[str]) -> Plan:
    """A question, and what was chosen."""
    arguments = {"message": question, "actions": list(options)}
    (outcome,) = yield say("", ToolUse("prompt_user", arguments))
    if outcome.failed:
        yield failure(outcome)
        return
    said = f": {outcome.value['text']}" if outcome.value.get("text") else ""
    yield say(f"You chose {outcome.value.get('action')}{said}.")


def call(uses: Sequence[ToolUse]) -> Plan:
    """Calls as they were asked for, at most 8 at once, and what they answered."""
    outcomes = yield from in_batches(uses, "")
    for outcome in outcomes:
        if outcome.failed:
            yield failure(outcome)
        else:
            text = orjson.dumps(outcome.value).decode()[:SHOWN_CHARS]
            yield say(f"{outcome.name} answered:\n\n{fenced(text)}")


def failure(outcome: Outcome) -> Answer:
    """What went wrong, as a sentence."""
    return say(f"{outcome.name} failed: {outcome.explained()}.")


def fenced(text: str) -> str:
    """Text in a fence that is longer than any inside of it."""
    ticks = max(map(len, _CODE_FENCE.findall(text)), default=2) + 1
    fence = "`" * ticks
    return f"{fence}\n{text.removesuffix(chr(10))}\n{fence}"
