import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.faults import error_event, is_providers


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(
            CodelabError(Code.PROVIDER_ERROR, "cut"),
            '{"code":"PROVIDER_ERROR","class":"cut","message":"The model\'s provider failed.",'
            '"retryable":true,"fault":"provider","billed":"yes"}',
            id="provider",
        ),
        pytest.param(
            CodelabError(Code.RATE_LIMIT, "rate_limited", message="Slow.", retry_after_ms=5),
            '{"code":"RATE_LIMIT","class":"rate_limited","message":"Slow.","retryable":true,'
            '"retry_after_ms":5,"fault":"key","billed":"no"}',
            id="key",
        ),
        pytest.param(
            CodelabError(Code.INTERNAL),
            '{"code":"INTERNAL","message":"Something went wrong on our side.","retryable":true,'
            '"fault":"proxy","billed":"unknown"}',
            id="bug",
        ),
    ],
)
def test_an_error_says_whose_fault_it_was(error: CodelabError, line: str) -> None:
    assert error_event(error).encode() == line.encode()


def test_only_providers_and_keys_count_against_a_provider() -> None:
    reasons = ["cut", "key_invalid", "context_length", "deadline", None]

    blamed = [is_providers(CodelabError(Code.PROVIDER_ERROR, reason)) for reason in reasons]

    assert blamed == [True, True, False, False, False]
