"""Carries a conversation between a model and a tool player, as the runtime would."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes.tool_player import ALL_TOOLS, ToolPlayer


@dataclass
class Dialogue:
    """The history of one session, in neutral messages."""

    player: ToolPlayer
    tools: Sequence[str] = ALL_TOOLS
    model: str = "scripted/agent"
    messages: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, text: str) -> None:
        """The person writes."""
        self.messages.append({"role": "user", "content": text})

    def request(self) -> dict[str, Any]:
        """The neutral request of the next inference."""
        tools = [{"name": name, "parameters": {"type": "object"}} for name in self.tools]
        return {"model": self.model, "messages": self.messages, "tools": tools}

    def take(self, text: str, calls: Sequence[tuple[str, dict[str, Any]]]) -> bool:
        """The model answered: run its calls. Returns whether it wants to go on."""
        step = len(self.messages)
        asked: list[dict[str, Any]] = [
            {"call_id": f"c1-{step}-{n}", "name": name, "arguments": arguments}
            for n, (name, arguments) in enumerate(calls)
        ]
        message: dict[str, Any] = {"role": "assistant", "content": text}
        self.messages.append(message | ({"tool_calls": asked} if asked else {}))
        for call in asked:
            content = self.player.play(call["name"], call["arguments"])
            self.messages.append({"role": "tool", "call_id": call["call_id"], "content": content})
        return bool(asked)

    @property
    def last(self) -> str:
        """What the model said last."""
        return str(self.messages[-1]["content"])
