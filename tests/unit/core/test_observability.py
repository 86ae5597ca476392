import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from codelab_core.observability import (
    REQUEST_ID,
    SERVICE,
    SESSION_ID,
    TURN_ID,
    JsonFormatter,
    configure_logging,
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging as the services configure it, for one test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = io.StringIO()
    configure_logging("INFO", lines)
    yield lines
    root.handlers[:], root.level = handlers, level
    for package in ("core", "gateway", "runtime", "llmproxy", "client"):
        logging.getLogger(f"codelab_{package}").setLevel(logging.NOTSET)


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "codelab_core.x", "levelname": "INFO", "msg": message})
    made.created = 1_767_605_400.25
    vars(made).update(extra)
    return made


def test_a_line_is_one_json_object_with_its_fields() -> None:
    line = JsonFormatter().format(record("two\nlines", seconds=1.5, code="X"))

    assert line == (
        '{"time":"2026-01-05T09:30:00.250Z","level":"info","logger":"codelab_core.x",'
        '"message":"two\\nlines","service":"codelab","seconds":1.5,"code":"X"}'
    )


def test_a_line_carries_the_context_of_the_request() -> None:
    tokens = SERVICE.set("gateway"), REQUEST_ID.set("r1"), SESSION_ID.set("s1"), TURN_ID.set("t1")

    line = json.loads(JsonFormatter().format(record("x")))
    for variable, token in zip((SERVICE, REQUEST_ID, SESSION_ID, TURN_ID), tokens, strict=True):
        variable.reset(token)

    known = ("service", "request_id", "session_id", "turn_id")
    assert [line[name] for name in known] == ["gateway", "r1", "s1", "t1"]


def test_an_exception_is_one_field() -> None:
    made = record("failed")
    try:
        int("broken")
    except ValueError:
        made.exc_info = sys.exc_info()

    line = json.loads(JsonFormatter().format(made))

    assert line["exception"].endswith("literal for int() with base 10: 'broken'")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("\ud800", "\ud800", id="lone-surrogate"),
        pytest.param(2**70, 2**70, id="large-integer"),
        pytest.param(ValueError("x"), "x", id="any-object"),
    ],
)
def test_no_value_makes_a_line_fail(value: object, shown: object) -> None:
    assert json.loads(JsonFormatter().format(record("x", value=value)))["value"] == shown


def test_our_lines_start_at_the_level_asked_for_and_others_at_warning(stream: io.StringIO) -> None:
    logging.getLogger("codelab_gateway.reader").info("ours")
    logging.getLogger("codelab_gateway.reader").debug("too small")
    logging.getLogger("uvicorn.error").info("GET /ws/x?token=secret")
    logging.getLogger("uvicorn.error").warning("theirs")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert [line["message"] for line in lines] == ["ours", "theirs"]


def test_the_traceback_of_bad_utf_8_is_dropped(stream: io.StringIO) -> None:
    log = logging.getLogger("uvicorn.error")

    log.error("Invalid UTF-8 sequence received from client.")
    log.error("other")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["other"]
