"""What is counted of a session's work."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from codelab_runtime.accounting import Accounts
from codelab_runtime.metrics import Metrics
from codelab_runtime.turn import records as rec

ASKED = rec.LlmRequested(step=1, gen=0, inference_id="i", seq=0, at_ms=1)
ANSWERED = rec.LlmDone(
    message_id="m", text="", finish="stop", chunks=1, model="m", provider="p", at_ms=1
)


class Book:
    """Accounts, and what they say."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accounts = Accounts(Metrics(self.registry))

    def take(self, now_s: float, *records: rec.Record, events: int = 0) -> None:
        self.accounts.committed(records, events, now_s)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def book() -> Book:
    return Book()


def released(tool: str, **fields: Any) -> rec.ToolReleased:
    known = {"call_id": "c", "arguments": {}, "digest": "d", "requires_approval": False, "seq": 1}
    return rec.ToolReleased(tool=tool, **known | fields)


def settled(outcome: Any = "completed") -> rec.ToolSettled:
    return rec.ToolSettled(call_id="c", outcome=outcome, body={}, at_ms=1)


def test_every_inference_that_was_asked_for_counts_once(book: Book) -> None:
    """O-05."""
    for now in range(42):
        book.take(now, ASKED)

    assert book.value("agent_llm_requests_total") == 42


def test_an_answer_is_timed_from_the_question(book: Book) -> None:
    book.take(10, ASKED)
    book.take(12.5, ANSWERED)

    assert book.value("codelab_runtime_inference_seconds_sum") == 2.5
    assert book.value("codelab_runtime_inference_seconds_count") == 1


def test_what_another_worker_asked_is_not_timed(book: Book) -> None:
    book.take(1, ASKED)
    book.take(2, rec.TurnDone(turn=1, reason="cancelled", at_ms=1))
    book.take(9, ANSWERED, settled())

    assert book.value("codelab_runtime_inference_seconds_count") == 0
    assert book.value("codelab_runtime_tool_seconds_count", tool="read_file") is None


def test_turns_count_by_how_they_ended_and_events_as_they_are_written(book: Book) -> None:
    book.take(1, rec.TurnDone(turn=1, reason="failed", at_ms=1), events=3)
    book.take(2, rec.TurnDone(turn=2, reason="completed", at_ms=1), events=4)

    counts = {
        reason: book.value("codelab_runtime_turns_total", reason=reason)
        for reason in ("completed", "cancelled", "interrupted", "failed", "limit")
    }
    assert counts == {"completed": 1, "cancelled": 0, "interrupted": 0, "failed": 1, "limit": 0}
    assert book.value("codelab_runtime_events_total") == 7


@pytest.mark.parametrize(
    ("tool", "label"), [("git.diff", "git.diff"), ("run", "declared"), ("s-123", "declared")]
)
def test_a_tool_is_timed_and_declared_ones_share_a_label(book: Book, tool: str, label: str) -> None:
    book.take(1, released(tool))
    book.take(4, settled())

    assert book.value("codelab_runtime_tool_seconds_sum", tool=label) == 3


def test_the_time_of_a_decision_is_not_that_of_the_tool(book: Book) -> None:
    book.take(1, released("write_file", requires_approval=True))
    book.take(100, rec.Decided(call_id="c", decision="approved"))
    book.take(101, settled("failed"))

    assert book.value("codelab_runtime_tool_seconds_sum", tool="write_file") == 1


@pytest.mark.parametrize("outcome", ["cancelled", "rejected"])
def test_a_call_that_never_ran_is_not_timed(book: Book, outcome: str) -> None:
    book.take(1, released("write_file"))
    book.take(2, settled(outcome))

    assert book.value("codelab_runtime_tool_seconds_count", tool="write_file") is None


def test_what_does_not_matter_counts_nothing(book: Book) -> None:
    book.take(1, rec.Detached(connection_id="x"), rec.Decided(call_id="other", decision="approved"))

    assert book.value("agent_llm_requests_total") == 0
