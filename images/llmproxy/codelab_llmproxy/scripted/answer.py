"""What the scripted model says next, and the plans that it comes from. Pure.

A plan is a generator: it yields an answer with calls and is sent their outcomes. Played again
against the history of a conversation it stands where the conversation stands.
"""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from codelab_llmproxy.scripted.conversation import Outcome

TALK_PACE: Final = 200.0
"""Words per second of ordinary sentences."""

_WORD: Final = re.compile(r"\s*\S{1,80}|\s+")


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One tool call to make. `known` false: the tool is asked for as named, on offer or not."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    known: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the model.

    `pieces` is the text, one token each; `pace` is in tokens per second, 0 means at once. A
    signature goes with the thinking and comes back with the history.
    """

    pieces: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    calls: tuple[ToolUse, ...] = ()
    pace: float = 0.0
    finish: Literal["stop", "length"] = "stop"

    def then(self, following: "Answer") -> "Answer":
        """Both answers as one, a blank line between their texts; the first one's pace holds."""
        if self == Answer():
            return following
        text = following.pieces
        if self.pieces and text:
            text = ("\n\n" + text[0], *text[1:])
        return replace(
            following,
            pieces=self.pieces + text,
            thinking=self.thinking + following.thinking,
            pace=self.pace,
        )

    def cut(self, max_tokens: int | None) -> "Answer":
        """The same answer, ended by the limit where its text is longer."""
        if max_tokens is None or len(self.pieces) <= max_tokens:
            return self
        return replace(self, pieces=self.pieces[:max_tokens], calls=(), finish="length")


Plan = Generator[Answer, tuple[Outcome, ...], None]


def words(text: str) -> tuple[str, ...]:
    """Pieces that join to the text: a word each, the space kept with the word after it."""
    return tuple(_WORD.findall(text))


def say(text: str, *calls: ToolUse) -> Answer:
    """An ordinary sentence, with the calls that go with it."""
    return Answer(words(text), calls=calls, pace=TALK_PACE)
