import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.answers import (
    Claim,
    Committed,
    DivergedError,
    Due,
    FencedError,
    Ingested,
    Opened,
    TailPage,
    claim,
    committed,
    due,
    ingested,
    opened,
    refusal,
    tail_page,
    words,
)

CLAIMED = ["2", "e1", "5", "6", "7", "4", "active", "1", "3 5 6", "i-1 2 9", "ann", "2"]
CLAIM = Claim(
    fence=2,
    epoch="e1",
    head=5,
    jn=6,
    inn=7,
    ic=4,
    state="active",
    crashes=1,
    cur="i-1 2 9",
    principal="ann",
    term="2",
)


def test_words_are_text_whatever_the_server_calls_them() -> None:
    assert words([b"OK", 3, "x"]) == ["OK", "3", "x"]


@pytest.mark.parametrize(
    ("status", "rest", "code", "reason"),
    [
        ("FORBIDDEN", [], Code.SESSION_NOT_FOUND, None),
        ("GONE", [], Code.SESSION_NOT_FOUND, None),
        ("EXPIRED", [], Code.SESSION_EXPIRED, None),
        ("STRAY", [], Code.STATE_LOST, None),
        ("CONFLICT", [], Code.CONFLICT, "cid_reused"),
        ("UNKNOWN", [], Code.NOT_FOUND, "call_unknown"),
        ("UNDECIDED", [], Code.CONFLICT, "approval_required"),
        ("FULL", [], Code.RATE_LIMIT, "inbox_full"),
        ("QUEUE_FULL", [], Code.RATE_LIMIT, "queue_full"),
        ("REFUSED", [], Code.SESSION_CLOSED, None),
        ("REFUSED", ["closed"], Code.SESSION_CLOSED, None),
        ("REFUSED", ["quarantined"], Code.SESSION_QUARANTINED, None),
    ],
)
def test_a_refusing_status_stands_for_an_error(
    status: str, rest: list[str], code: Code, reason: str | None
) -> None:
    error = refusal(status, rest)

    assert (error.code, error.reason) == (code, reason)


@pytest.mark.parametrize(
    ("outcome", "decision", "reason"),
    [
        ("approved", True, "decision"),
        ("cancelled", True, "decision"),
        ("expired", True, "expired"),
        ("completed", False, "result"),
        ("expired", False, "expired"),
    ],
)
def test_an_answered_call_says_what_and_by_whom(
    outcome: str, reason: str, *, decision: bool
) -> None:
    error = refusal("ANSWERED", [outcome, "k"], decision=decision)

    assert (error.code, error.reason) == (Code.ALREADY_ANSWERED, reason)
    assert error.details == {"outcome": outcome, "by": "k"}


@pytest.mark.parametrize(("status", "created"), [(b"CREATED", True), (b"EXISTS", False)])
def test_an_opened_session(status: bytes, *, created: bool) -> None:
    assert opened([status, b"e1", b"4", b"idle"]) == Opened(
        created=created, epoch="e1", head=4, state="idle"
    )


def test_a_session_that_cannot_be_opened() -> None:
    with pytest.raises(CodelabError, match="SESSION_EXPIRED"):
        opened([b"EXPIRED"])


def test_a_claim() -> None:
    assert claim(CLAIMED) == CLAIM


@pytest.mark.parametrize(
    ("reply", "entry"),
    [
        (["OK", 7, 0, "runtime/1", "2"], Ingested(7, owner="runtime/1")),
        (["OK", 7, 1, "", "2"], Ingested(7, late=True)),
        (["OK", 7, 0, "me", *CLAIMED], Ingested(7, owner="me", claim=CLAIM)),
        (["DUP", "3", "1"], Ingested(3, duplicate=True, late=True)),
        (["DUP", "3", "0"], Ingested(3, duplicate=True)),
        (["SAME", "completed", "k"], Ingested(0, duplicate=True, outcome="completed")),
    ],
)
def test_an_ingested_command(reply: list[object], entry: Ingested) -> None:
    assert ingested(reply) == entry


def test_a_refused_command_knows_whether_it_was_a_decision() -> None:
    reasons = []
    for decision in (True, False):
        with pytest.raises(CodelabError) as caught:
            ingested(["ANSWERED", "cancelled", ""], decision=decision)
        reasons.append(caught.value.reason)

    assert reasons == ["decision", "result"]


def test_a_commit() -> None:
    assert committed([b"OK", 5, 6, b"7"]) == Committed(more=False, head=5, jn=6, inn=7)
    assert committed([b"MORE", b"5", b"6", b"7"]) == Committed(more=True, head=5, jn=6, inn=7)


@pytest.mark.parametrize("status", ["FENCED", "GONE"])
def test_a_commit_that_does_not_count(status: str) -> None:
    with pytest.raises(FencedError):
        committed([status, "other", "3"])


def test_a_commit_that_does_not_fit() -> None:
    with pytest.raises(DivergedError, match="4"):
        committed(["DIVERGED", "4", "5"])


def test_due_sessions_are_named_once() -> None:
    assert due([3, b"a", b"b", b"a"]) == Due(3, ("a", "b"))


def test_a_page() -> None:
    reply = [b"OK", b"e1", b"2", b"idle", b"{}", b"[]"]

    assert tail_page(reply) == TailPage("OK", "e1", 2, "idle", (b"{}", b"[]"))


def test_no_page_of_a_session_that_is_gone() -> None:
    with pytest.raises(CodelabError, match="SESSION_NOT_FOUND"):
        tail_page([b"GONE"])
