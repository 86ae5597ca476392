"""Logs as JSON lines with the context of the request, and helpers for metrics.

A line has time, level, service, message, request_id, and session_id and turn_id where known. Logs
never hold prompt text, file content, keys or a line per token.
"""

import json
import logging
import sys
from contextvars import ContextVar
from typing import Any, Final, TextIO

import orjson

from codelab_core.clock import rfc3339

SERVICE: Final[ContextVar[str]] = ContextVar("service", default="codelab")
REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
SESSION_ID: Final[ContextVar[str]] = ContextVar("session_id", default="")
TURN_ID: Final[ContextVar[str]] = ContextVar("turn_id", default="")

_CONTEXT: Final = (
    ("service", SERVICE),
    ("request_id", REQUEST_ID),
    ("session_id", SESSION_ID),
    ("turn_id", TURN_ID),
)
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object per line; `extra` fields of a call become keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record, without line break."""
        line: dict[str, Any] = {
            "time": rfc3339(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: variable.get() for name, variable in _CONTEXT if variable.get()}
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str).decode()
        except orjson.JSONEncodeError:  # lone surrogates, integers beyond 64 bits
            return json.dumps(line, default=str)


class NoBadUtf8Traceback(logging.Filter):
    """Drops the traceback of uvicorn for invalid UTF-8: a client can make any number of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may be logged."""
        return "Invalid UTF-8" not in record.getMessage()


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send everything to one stream (stderr) as JSON; libraries from WARNING up.

    uvicorn's INFO lines hold query strings, and with them tokens.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(NoBadUtf8Traceback())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("core", "gateway", "runtime", "llmproxy", "client", "operator"):
        logging.getLogger(f"codelab_{package}").setLevel(level)
