import re

import pytest

from codelab_core.error_codes import KINDS, RETRY, Code

# docs/protocol.md, error codes. Classes after "tools:" travel inside tool results
# (codelab_core.tool_errors) and are not listed here; a dash of the docs is None here.
TABLE = [
    ("INVALID_FORMAT", "json, binary, field, role, depth", 400, 4400, False),
    ("UNKNOWN_TYPE", "", None, 4400, False),
    ("UNSUPPORTED_VERSION", "", None, 4406, False),
    ("HELLO_TIMEOUT", "", None, 4408, True),
    (
        "INVALID_REQUEST",
        "session_id, body, tool_declaration,"
        " invalid_request, forbidden_field, ambiguous_body, unpaired_tool_call",
        400,
        None,
        False,
    ),
    ("TOO_LARGE", "frame, body, message, result, arguments", 413, 1009, False),
    ("UNAUTHORIZED", "missing, invalid, internal", 401, 4401, False),
    ("TOKEN_EXPIRED", "", 401, 4401, False),
    ("FORBIDDEN", "origin, host, principal, role, forbidden_model", 403, 4403, False),
    ("SESSION_NOT_FOUND", "", 404, 4404, False),
    ("SESSION_EXPIRED", "", 410, 4404, False),
    ("SESSION_CLOSED", "", 410, 4404, False),
    ("SESSION_QUARANTINED", "", 423, 4404, False),
    ("SESSION_EXISTS", "", 409, None, False),
    ("SESSION_REPLACED", "", None, 4409, False),
    (
        "NOT_FOUND",
        "turn_unknown, call_unknown, unknown_model, inference, route",
        404,
        None,
        False,
    ),
    (
        "CONFLICT",
        "cid_reused, approval_required, inference_mismatch, buffer_lost",
        409,
        None,
        False,
    ),
    ("ALREADY_ANSWERED", "decision, result, expired", 409, None, False),
    (
        "RATE_LIMIT",
        "connects, messages, commands, auth, queue_full, inbox_full, rate_limited",
        429,
        4429,
        True,
    ),
    ("QUOTA_EXCEEDED", "quota", 429, None, True),
    (
        "UNAVAILABLE",
        "draining, overloaded, queue, agent, proxy, store_unavailable, store_full,"
        " limits_unavailable",
        503,
        4503,
        True,
    ),
    ("MODEL_UNAVAILABLE", "no_target", 503, None, True),
    ("SLOW_CONSUMER", "", None, 4508, True),
    ("RESYNC_FAILED", "", None, 4510, True),
    (
        "PROVIDER_ERROR",
        "overloaded, server_error, connect_failed, reset, cut, malformed",
        502,
        None,
        True,
    ),
    ("PROVIDER_AUTH", "key_invalid, key_exhausted, key_missing", 502, None, False),
    ("PROVIDER_TIMEOUT", "silent, slow_first_content, stalled, deadline", 504, None, True),
    ("MODEL_OUTPUT_INVALID", "tool_call_incomplete, empty_answer, arguments", 502, None, True),
    ("CONTEXT_TOO_LONG", "context_length", 400, None, False),
    ("CONTENT_FILTERED", "content_filter", 422, None, False),
    ("INFERENCE_EXPIRED", "", 410, None, False),
    ("CANCELLED", "user, interrupt", 499, None, False),
    ("TURN_LIMIT", "steps, tokens, time", None, None, False),
    ("TURN_POISONED", "", None, None, False),
    ("STATE_LOST", "", None, None, False),
    ("INTERNAL", "", 500, 1011, True),
]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_code_means_what_the_protocol_says(
    row: tuple[str, str, int | None, int | None, bool],
) -> None:
    code, classes, status, close, retryable = row

    kind = KINDS[Code(code)]

    assert kind.status == status
    assert kind.close == close
    assert (kind.again is RETRY) is retryable
    assert kind.classes.split() == re.findall(r"\w+", classes)


def test_no_other_code_exists() -> None:
    assert [row[0] for row in TABLE] == [str(code) for code in Code]
    assert set(KINDS) == set(Code)


def test_every_sentence_is_one_for_people() -> None:
    sentences = [kind.sentence for kind in KINDS.values()]

    assert all(re.fullmatch(r"[A-Z].*\.", sentence) for sentence in sentences)
    assert len(set(sentences)) == len(sentences)
