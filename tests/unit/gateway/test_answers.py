import orjson
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_gateway.answers import Answer, checked, is_final


def problem(code: str, reason: str | None = None) -> bytes:
    return orjson.dumps({"error": {"code": code, "class": reason, "message": "m"}})


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(200, b"{}", True, id="good"),
        pytest.param(404, problem("SESSION_NOT_FOUND"), True, id="refused"),
        pytest.param(429, b"", True, id="refused-without-body"),
        pytest.param(500, problem("INTERNAL"), False, id="fault-of-the-pod"),
        pytest.param(500, b"Internal Server Error", False, id="no-json"),
        pytest.param(502, b'{"error":"bad gateway"}', False, id="json-of-a-proxy"),
        pytest.param(502, b"[]", False, id="json-list"),
        pytest.param(503, problem("UNAVAILABLE", "draining"), False, id="pod-leaves"),
        pytest.param(503, problem("UNAVAILABLE", "store_unavailable"), False, id="store"),
        pytest.param(503, problem("UNAVAILABLE"), False, id="unavailable"),
        pytest.param(503, problem("UNAVAILABLE", "store_full"), True, id="store-is-full"),
        pytest.param(503, problem("UNAVAILABLE", "overloaded"), True, id="overloaded"),
        pytest.param(503, problem("UNAVAILABLE", "proxy"), True, id="no-proxy-behind-it"),
        pytest.param(502, problem("PROVIDER_ERROR", "cut"), True, id="provider-failed"),
    ],
)
def test_a_pod_in_trouble_is_told_from_its_last_word(
    status: int, body: bytes, *, expected: bool
) -> None:
    assert is_final(Answer(status, body, "application/problem+json")) is expected


def test_a_good_answer_passes() -> None:
    answer = Answer(204, b"", "")

    assert checked(answer) is answer


def test_a_refusal_is_raised_as_the_runtime_made_it() -> None:
    body = orjson.dumps(
        {"error": {"code": "CONFLICT", "class": "cid_reused", "details": {"reason": "x"}}}
    )

    with pytest.raises(CodelabError) as refused:
        checked(Answer(409, body, "application/problem+json"))

    error = refused.value
    assert (error.code, error.reason, error.details) == (
        Code.CONFLICT,
        "cid_reused",
        {"reason": "x"},
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b'"x"', b'{"error":"x"}', b'{"detail":"unauthorized"}']
)
def test_what_is_not_ours_means_that_no_runtime_answered(body: bytes) -> None:
    with pytest.raises(CodelabError) as refused:
        checked(Answer(401, body, "text/html"))

    assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "agent")


def test_a_good_answer_that_is_no_json_is_none() -> None:
    with pytest.raises(CodelabError) as refused:
        Answer(200, b"<html>", "text/html").json()

    assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "agent")
    assert Answer(200, b'{"a":1}', "application/json").json() == {"a": 1}
