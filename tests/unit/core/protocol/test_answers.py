import pytest
from pydantic import ValidationError

from codelab_core.protocol.answers import Health, Problem, ProblemDetails


def test_health_is_pinned() -> None:
    health = Health(
        status="healthy",
        service="gateway",
        version="0.1.0",
        uptime_s=120,
        timestamp="2026-01-05T09:31:10.000Z",
        checks={"agent-runtime": "ok"},
    )

    assert health.encode() == (
        b'{"status":"healthy","service":"gateway","version":"0.1.0","uptime_s":120,'
        b'"timestamp":"2026-01-05T09:31:10.000Z","checks":{"agent-runtime":"ok"}}'
    )


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        pytest.param(
            ProblemDetails.model_validate(
                {
                    "code": "RATE_LIMIT",
                    "class": "messages",
                    "message": "Too many messages.",
                    "details": {"limit": "20/s"},
                    "retryable": True,
                    "retry_after_ms": 3000,
                    "request_id": "b7c1",
                }
            ),
            b'{"error":{"code":"RATE_LIMIT","class":"messages","message":"Too many messages.",'
            b'"details":{"limit":"20/s"},"retryable":true,"retry_after_ms":3000,'
            b'"request_id":"b7c1"}}',
            id="whole",
        ),
        pytest.param(
            ProblemDetails(code="INTERNAL", message="S.", retryable=True, request_id="b7c1"),
            b'{"error":{"code":"INTERNAL","message":"S.","retryable":true,"request_id":"b7c1"}}',
            id="no-nulls",
        ),
    ],
)
def test_a_refusal_is_pinned(details: ProblemDetails, expected: bytes) -> None:
    assert Problem(error=details).encode() == expected


def test_unknown_fields_and_states_are_ours_to_notice() -> None:
    with pytest.raises(ValidationError):
        Problem.model_validate({"error": {}, "detail": "x"})
    with pytest.raises(ValidationError):
        Health.model_validate({"status": "fine"})
