from typing import Any

import orjson
import pytest

from codelab_core.errors import CodelabError
from codelab_llmproxy.plan import ASKED_WAIT
from codelab_llmproxy.refusals import complaint_of, error_of, stream_complaint


def refused(status: int, body: Any = None, **headers: str) -> CodelabError:
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of(complaint_of(status, named, text), "p")


def openai(message: str, kind: str = "invalid_request_error", code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind: str, message: str = "No.") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"}


TABLE = {
    "openai-bad-key": (
        401,
        openai("Incorrect API key provided: sk-1"),
        "PROVIDER_AUTH/key_invalid",
    ),
    "openai-region": (403, openai("Country not supported"), "PROVIDER_AUTH/key_invalid"),
    "openai-no-model": (404, openai("no model", code="x"), "INVALID_REQUEST/invalid_request"),
    "openai-context": (
        400,
        openai("This model's maximum context length is 8 tokens", code="context_length_exceeded"),
        "CONTEXT_TOO_LONG/context_length",
    ),
    "openai-filter": (
        400,
        openai("Your request was rejected", code="content_policy_violation"),
        "CONTENT_FILTERED/content_filter",
    ),
    "openai-quota": (
        429,
        openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
        "PROVIDER_AUTH/key_exhausted",
    ),
    "openai-rate": (429, openai("Rate limit reached", "requests"), "RATE_LIMIT/rate_limited"),
    "openai-500": (500, openai("oops", "server_error"), "PROVIDER_ERROR/server_error"),
    "openai-503": (503, openai("busy", "server_error"), "PROVIDER_ERROR/overloaded"),
    "azure-filter": (
        400,
        {"error": {"code": "content_filter", "message": "x", "status": 400}},
        "CONTENT_FILTERED/content_filter",
    ),
    "anthropic-bad-key": (401, anthropic("authentication_error"), "PROVIDER_AUTH/key_invalid"),
    "anthropic-permission": (403, anthropic("permission_error"), "PROVIDER_AUTH/key_invalid"),
    "anthropic-billing": (402, anthropic("billing_error"), "PROVIDER_AUTH/key_exhausted"),
    "anthropic-credit": (
        400,
        anthropic("invalid_request_error", "Your credit balance is too low"),
        "PROVIDER_AUTH/key_exhausted",
    ),
    "anthropic-context": (
        400,
        anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
        "CONTEXT_TOO_LONG/context_length",
    ),
    "anthropic-413": (413, anthropic("request_too_large"), "CONTEXT_TOO_LONG/context_length"),
    "anthropic-429": (429, anthropic("rate_limit_error"), "RATE_LIMIT/rate_limited"),
    "anthropic-529": (529, anthropic("overloaded_error"), "PROVIDER_ERROR/overloaded"),
    "anthropic-500": (500, anthropic("api_error"), "PROVIDER_ERROR/server_error"),
    "ollama-no-model": (404, {"error": "model 'x' not found"}, "INVALID_REQUEST/invalid_request"),
    "ollama-no-tools": (
        400,
        {"error": "x does not support tools"},
        "INVALID_REQUEST/invalid_request",
    ),
    "ollama-busy": (503, {"error": "server busy"}, "PROVIDER_ERROR/overloaded"),
    "ollama-context": (
        400,
        {"error": "the input length exceeds the context length"},
        "CONTEXT_TOO_LONG/context_length",
    ),
    "fastapi": (422, {"detail": [{"msg": "bad"}]}, "INVALID_REQUEST/invalid_request"),
    "html": (502, b"<html>Bad Gateway</html>", "PROVIDER_ERROR/server_error"),
    "redirect": (302, b"", "PROVIDER_ERROR/server_error"),
    "no-json-context": (400, b"context length exceeded", "CONTEXT_TOO_LONG/context_length"),
    "array": (400, [1], "INVALID_REQUEST/invalid_request"),
    "teapot": (418, {}, "PROVIDER_ERROR/server_error"),
}


@pytest.mark.parametrize(("status", "body", "expected"), TABLE.values(), ids=TABLE.keys())
def test_refusals_have_a_code_and_a_class(status: int, body: Any, expected: str) -> None:
    """P-09."""
    error = refused(status, body)

    assert f"{error.code}/{error.reason}" == expected
    assert error.details.items() >= {"provider": "p", "status": status}.items()
    assert error.details.get(ASKED_WAIT, True) is (error.reason != "rate_limited")


IN_STREAM = {
    "anthropic-overloaded": ({"type": "overloaded_error"}, "PROVIDER_ERROR/overloaded"),
    "anthropic-rate": ({"type": "rate_limit_error"}, "RATE_LIMIT/rate_limited"),
    "anthropic-api": ({"type": "api_error"}, "PROVIDER_ERROR/server_error"),
    "openai-typed": ({"type": "server_error", "code": None}, "PROVIDER_ERROR/server_error"),
    "openai-rate": ({"code": "rate_limit_exceeded"}, "RATE_LIMIT/rate_limited"),
    "openai-quota": ({"code": "insufficient_quota"}, "PROVIDER_AUTH/key_exhausted"),
    "a-status": ({"code": 503, "message": "x"}, "PROVIDER_ERROR/overloaded"),
    "no-status": ({"code": 7}, "PROVIDER_ERROR/server_error"),
    "context": ({"message": "context window exceeded"}, "CONTEXT_TOO_LONG/context_length"),
    "filter": ({"code": "content_filter"}, "CONTENT_FILTERED/content_filter"),
    "text": ("llama runner crashed", "PROVIDER_ERROR/server_error"),
    "text-context": ("prompt is too long", "CONTEXT_TOO_LONG/context_length"),
    "anything": (True, "PROVIDER_ERROR/server_error"),
}


@pytest.mark.parametrize(("value", "expected"), IN_STREAM.values(), ids=IN_STREAM.keys())
def test_errors_inside_a_stream_are_the_same_errors(value: Any, expected: str) -> None:
    error = error_of(stream_complaint(value), "p")

    assert f"{error.code}/{error.reason}" == expected


def test_what_the_provider_says_is_passed_on_without_keys() -> None:
    said = refused(400, openai("Field x is bad, sk-secret-123456")).message
    about_a_key = refused(401, openai("Incorrect API key provided: abc"))

    assert said == "The request is not valid. p says: Field x is bad, [hidden]"
    assert about_a_key.message == "The provider refused the key."


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, 5_000, id="none"),
        pytest.param({"retry_after": "2"}, 2_000, id="seconds"),
        pytest.param({"retry_after": "0.5"}, 500, id="fraction"),
        pytest.param({"retry_after_ms": "120", "retry_after": "9"}, 120, id="exact"),
        pytest.param(
            {"retry_after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": DATE}, 10_000, id="date"
        ),
        pytest.param({"retry_after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 0, id="past"),
        pytest.param({"retry_after": "soon"}, 5_000, id="garbled"),
        pytest.param({"retry_after": DATE}, 5_000, id="date-without-date"),
        pytest.param({"retry_after": "9" * 400}, 5_000, id="endless"),
        pytest.param({"retry_after": "3600"}, 60_000, id="too-long"),
    ],
)
def test_how_long_to_wait_is_taken_from_the_headers(headers: dict[str, str], expected: int) -> None:
    assert refused(429, b"", **headers).retry_after_ms == expected


def test_an_overloaded_provider_may_say_when_to_come_back() -> None:
    assert refused(503, b"", retry_after="3").retry_after_ms == 3_000
    assert refused(503, b"").retry_after_ms is None
    assert refused(500, b"", retry_after="3").retry_after_ms is None
