import pytest

from codelab_operator.api_status import ORDER, REASONS, UNSEEN, Status


def test_every_condition_has_its_place_and_its_reasons() -> None:
    assert set(ORDER) == set(REASONS)


@pytest.mark.parametrize("kind", REASONS)
def test_every_reason_is_one_word_with_a_sentence(kind: str) -> None:
    assert all(reason.isalnum() and reason[0].isupper() for reason in REASONS[kind])
    assert all(meaning.endswith(".") for meaning in REASONS[kind].values())


def test_stalled_reasons_are_those_that_make_ready_false() -> None:
    """But for the deadline, after which a component's own condition says more."""
    assert set(REASONS["Stalled"]) - set(REASONS["Ready"]) == {"ProgressDeadlineExceeded"}


def test_an_unseen_agent_has_a_valid_status() -> None:
    status = Status.model_validate(UNSEEN)

    assert status.conditions is not None
    assert [(one.type, one.status, one.reason) for one in status.conditions] == [
        ("Ready", "Unknown", "Pending")
    ]
    assert (status.components, status.observed_generation) == (None, None)
