import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.plan import Plan, Shown


def error(reason: str | None, wait_ms: int | None = None, **details: str) -> CodelabError:
    return CodelabError(Code.PROVIDER_ERROR, reason, retry_after_ms=wait_ms, **details)


@pytest.mark.parametrize(
    ("reasons", "nothing", "text", "calls"),
    [
        pytest.param(
            ["overloaded", "server_error", "connect_failed", "reset"],
            ("retry", 0.5),
            ("restart", 0.5),
            ("salvage", 0),
            id="trouble",
        ),
        pytest.param(
            ["cut", "stalled", "malformed", "tool_call_incomplete", "empty_answer"],
            ("retry", 0),
            ("restart", 0),
            ("salvage", 0),
            id="broken",
        ),
        pytest.param(
            ["silent", "slow_first_content", "deadline", "no_target", "rate_limited", None],
            ("none", 0),
            ("none", 0),
            ("none", 0),
            id="hopeless",
        ),
        pytest.param(
            ["invalid_request", "context_length", "content_filter", "key_invalid", "key_exhausted"],
            ("none", 0),
            ("none", 0),
            ("none", 0),
            id="not-the-providers-fault",
        ),
    ],
)
def test_the_class_of_a_failure_and_what_was_shown_decide(
    reasons: list[str | None],
    nothing: tuple[str, float],
    text: tuple[str, float],
    calls: tuple[str, float],
) -> None:
    """S-09."""
    for reason in reasons:
        steps = [Plan().after(error(reason), shown) for shown in Shown]
        assert steps == [nothing, text, calls], reason


def test_each_kind_of_another_call_has_its_limit() -> None:
    plan = Plan()

    steps = [plan.after(error("cut"), shown).rung for shown in (Shown.NOTHING, Shown.NOTHING)]
    more = [plan.after(error("cut"), Shown.TEXT).rung for _ in range(3)]

    assert (steps, more) == (["retry", "none"], ["restart", "restart", "none"])


def test_a_route_may_forbid_that_text_is_taken_back() -> None:
    plan = Plan(restarts=False)

    steps = [plan.after(error("cut"), shown).rung for shown in (Shown.NOTHING, Shown.TEXT)]

    assert steps == ["retry", "none"]


def test_what_the_model_spoilt_is_made_anew_once() -> None:
    plan = Plan()

    steps = [
        plan.after(error("empty_answer"), Shown.TEXT).rung,
        plan.after(error("tool_call_incomplete"), Shown.TEXT).rung,
    ]

    assert steps == ["restart", "none"]


def test_a_call_that_met_the_limit_of_the_answer_would_meet_it_again() -> None:
    spoilt = error("tool_call_incomplete", finish_reason="length")

    assert {Plan().after(spoilt, shown).rung for shown in Shown} == {"none"}


@pytest.mark.parametrize(
    ("reason", "wait_ms", "step"),
    [
        ("rate_limited", 2_000, ("retry", 2.0)),
        ("rate_limited", 3_000, ("retry", 3.0)),
        ("rate_limited", 3_001, ("none", 0.0)),
        ("overloaded", 60_000, ("retry", 3.0)),
        ("overloaded", 10, ("retry", 0.01)),
    ],
)
def test_a_provider_may_say_how_long_to_wait(
    reason: str, wait_ms: int, step: tuple[str, float]
) -> None:
    assert Plan().after(error(reason, wait_ms), Shown.NOTHING) == step


def test_the_first_failure_is_kept() -> None:
    plan, first = Plan(), error("cut")

    plan.after(first, Shown.TEXT)
    plan.after(error("overloaded"), Shown.TEXT)

    assert plan.first is first
