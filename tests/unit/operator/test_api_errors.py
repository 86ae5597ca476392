"""What refusals of the API server mean."""

import pytest

from codelab_operator.api_errors import ApiError, error_of


def test_an_answer_becomes_an_error_with_its_causes_and_wait() -> None:
    body = {
        "reason": "Conflict",
        "message": "no",
        "details": {"causes": [{"reason": "FieldManagerConflict"}], "retryAfterSeconds": 7},
    }

    error = error_of(409, body, None)

    assert (error.status, error.reason, error.message) == (409, "Conflict", "no")
    assert error.is_field_conflict
    assert error.retry_after_s == 7.0
    assert str(error) == "409 Conflict: no"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("3", 3.0, id="seconds"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", None, id="date"),
        pytest.param(None, None, id="none"),
    ],
)
def test_retry_after_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    assert error_of(429, {}, header).retry_after_s == seconds


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        pytest.param(ApiError(409, "AlreadyExists", ""), {"there", "transient"}, id="exists"),
        pytest.param(
            ApiError(403, "Forbidden", "", causes=("NamespaceTerminating",)), {"going"}, id="going"
        ),
        pytest.param(ApiError(422, "Invalid", ""), {"refusal"}, id="invalid"),
        pytest.param(ApiError(503, "", ""), {"transient"}, id="unavailable"),
        pytest.param(ApiError(0, "Timeout", ""), {"transient"}, id="no-answer"),
        pytest.param(ApiError(404, "NotFound", ""), set(), id="missing"),
    ],
)
def test_each_error_is_of_known_kinds(error: ApiError, kinds: set[str]) -> None:
    found = {
        "there": error.is_there_already,
        "going": error.is_namespace_going,
        "refusal": error.is_refusal,
        "transient": error.is_transient,
    }

    assert {name for name, holds in found.items() if holds} == kinds
