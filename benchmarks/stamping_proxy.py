"""The LLM proxy, whose scripted provider writes the time into each token: ` t00042@123456789`.

The time is the monotonic clock in microseconds, which all processes of a machine share on Linux.
"""

import time

from codelab_llmproxy.__main__ import main
from codelab_llmproxy.scripted.wire import AnswerWriter

plain_text = AnswerWriter.text


def stamped_text(writer: AnswerWriter, piece: str) -> bytes:
    """The event of one piece of text and its time."""
    return plain_text(writer, f"{piece}@{time.monotonic_ns() // 1000}")


def write_times() -> None:
    """Have the scripted provider of this process do so."""
    setattr(AnswerWriter, "text", stamped_text)  # noqa: B010 -- of this process only


if __name__ == "__main__":
    write_times()
    main()
