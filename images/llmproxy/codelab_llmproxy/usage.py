"""Token counts as providers report them, and how several reports of one answer merge. Pure."""

from collections.abc import Mapping
from typing import Any

from codelab_core.protocol.inference import Usage


def from_openai(report: Mapping[str, Any]) -> Usage | None:
    """The counts in a `usage` object of the OpenAI dialect; `None` where it holds none.

    Source: API reference, "The chat completion chunk object". Values that are no counts are taken
    as absent.
    """
    prompt_details = _details(report, "prompt_tokens_details")
    completion_details = _details(report, "completion_tokens_details")
    return _known(
        prompt_tokens=_count(report.get("prompt_tokens")),
        completion_tokens=_count(report.get("completion_tokens")),
        cached_tokens=_count(prompt_details.get("cached_tokens")),
        reasoning_tokens=_count(completion_details.get("reasoning_tokens")),
    )


def from_anthropic(report: Mapping[str, Any]) -> Usage | None:
    """The counts in the reports of a stream of Anthropic's dialect, merged; `None` without any.

    Tokens read from the prompt cache and written to it are reported besides the input.
    """
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    prompt = [count for name in names if (count := _count(report.get(name))) is not None]
    return _known(
        prompt_tokens=sum(prompt) if prompt else None,
        completion_tokens=_count(report.get("output_tokens")),
        cached_tokens=_count(report.get("cache_read_input_tokens")),
    )


def from_ollama(report: Mapping[str, Any]) -> Usage | None:
    """The counts in the last line of Ollama's dialect; `None` where it holds none."""
    return _known(
        prompt_tokens=_count(report.get("prompt_eval_count")),
        completion_tokens=_count(report.get("eval_count")),
    )


def _known(**counts: int | None) -> Usage | None:
    """The counts that are known; `None` where none is."""
    known = {name: count for name, count in counts.items() if count is not None}
    return Usage(**known) if known else None


def merge(before: Usage | None, after: Usage) -> Usage:
    """Reports are cumulative: the last value of each field wins, nothing is added up."""
    return before.model_copy(update=after.model_dump(exclude_none=True)) if before else after


def _details(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object of the report; empty where it is missing or null."""
    details = report.get(name)
    return details if isinstance(details, dict) else {}


def _count(value: Any) -> int | None:
    """A count, or `None` for anything that is not one."""
    return value if type(value) is int and value >= 0 else None
