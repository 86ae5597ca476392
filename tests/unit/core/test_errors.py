from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError, from_wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_the_text_names_code_and_class() -> None:
    bare = CodelabError(Code.SESSION_NOT_FOUND)
    classed = CodelabError(Code.RATE_LIMIT, "messages", message="Slower, please.")

    assert str(bare) == "SESSION_NOT_FOUND: There is no such session."
    assert str(classed) == "RATE_LIMIT/messages: Slower, please."


def test_the_wire_form_leaves_out_what_is_not_known() -> None:
    assert CodelabError(Code.INTERNAL).to_wire() == {
        "code": "INTERNAL",
        "message": "Something went wrong on our side.",
        "retryable": True,
    }


def test_the_wire_form_has_every_fact() -> None:
    error = CodelabError(
        Code.RATE_LIMIT, "messages", message="Slower.", retry_after_ms=3000, limit="20/s"
    )

    assert error.to_wire() == {
        "code": "RATE_LIMIT",
        "class": "messages",
        "message": "Slower.",
        "details": {"limit": "20/s"},
        "retryable": True,
        "retry_after_ms": 3000,
    }


def test_a_final_error_says_so() -> None:
    error = CodelabError(Code.SESSION_EXISTS)

    assert (error.retryable, error.kind.status, error.kind.close) == (False, 409, None)


@pytest.mark.parametrize("code", list(Code))
def test_an_error_comes_back_from_the_wire(code: Code) -> None:
    error = CodelabError(code, "why", retry_after_ms=5, path="a/b", reason="not_found", code="x")

    parsed = from_wire(error.to_wire())

    assert parsed.to_wire() == error.to_wire()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(None, {"code": "INTERNAL"}, id="nothing"),
        pytest.param(["RATE_LIMIT"], {"code": "INTERNAL"}, id="no-object"),
        pytest.param({"code": 7}, {"code": "INTERNAL"}, id="code-is-a-number"),
        pytest.param(
            {"code": "NEW_CODE", "message": "New."},
            {"code": "INTERNAL", "message": "New."},
            id="unknown-code-keeps-its-text",
        ),
        pytest.param(
            {"code": "INTERNAL", "class": [], "message": {}, "details": "x", "retry_after_ms": "1"},
            {"code": "INTERNAL"},
            id="every-field-of-another-type",
        ),
        pytest.param(
            {"code": "INTERNAL", "retry_after_ms": -1}, {"code": "INTERNAL"}, id="negative-wait"
        ),
        pytest.param(
            {"code": "INTERNAL", "retry_after_ms": True}, {"code": "INTERNAL"}, id="wait-is-a-bool"
        ),
        pytest.param(
            {"code": "INTERNAL", "retry_after_ms": 0},
            {"code": "INTERNAL", "retry_after_ms": 0},
            id="no-wait",
        ),
    ],
)
def test_what_is_missing_or_malformed_is_left_out(body: Any, expected: dict[str, Any]) -> None:
    usual = {"message": "Something went wrong on our side.", "retryable": True}

    assert from_wire(body).to_wire() == usual | expected


@settings(max_examples=200)
@given(JSON | st.fixed_dictionaries({"code": JSON, "class": JSON, "details": JSON}))
def test_any_json_is_an_error_and_never_raises(body: Any) -> None:
    assert isinstance(from_wire(body), CodelabError)
