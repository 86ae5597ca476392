"""What a provider wants back with the history, as the opaque text that others only carry. Pure."""

from typing import Any

import orjson


def seal(provider: str, facts: dict[str, Any]) -> str | None:
    """The text to keep with a message; `None` where the provider wants nothing back."""
    return orjson.dumps({"provider": provider, **facts}).decode() if facts else None


def unseal(provider: str, state: str | None) -> dict[str, Any]:
    """The facts of one provider; empty for another's state, for none and for a garbled one."""
    try:
        facts = orjson.loads(state or "{}")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(facts, dict) or facts.pop("provider", None) != provider:
        return {}
    return facts
