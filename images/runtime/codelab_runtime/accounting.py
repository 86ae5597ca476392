"""Counts what one worker has made durable: inferences, turns, how long models and tools took.

Counted at the commit, not where the work is done: a successor that reads an inference on, or sends
a call once more, does not count it again.
"""

from collections.abc import Iterable
from typing import Final

from codelab_core.tools import BUILT_IN
from codelab_runtime.metrics import Metrics
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.records import Record

DECLARED: Final = "declared"
"""Stands for all tools that clients declare: their names are without end."""

_OfCall = rec.ToolReleased | rec.Decided | rec.ToolSettled


class Accounts:
    """The counts of one session's worker; what began before it is not timed."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._asked_s: float | None = None
        self._running: dict[str, tuple[str, float]] = {}

    def committed(self, records: Iterable[Record], events: int, now_s: float) -> None:
        """These records and so many events are durable now, by the monotonic clock."""
        self._metrics.events.inc(events)
        for record in records:
            match record:
                case rec.LlmRequested():
                    self._metrics.inferences.inc()
                    self._asked_s = now_s
                case rec.LlmDone() if self._asked_s is not None:
                    self._metrics.inference_seconds.observe(now_s - self._asked_s)
                case rec.TurnDone():
                    self._metrics.turns.labels(record.reason).inc()
                    self._asked_s = None
                case rec.ToolReleased() | rec.Decided() | rec.ToolSettled():
                    self._timed(record, now_s)

    def _timed(self, record: _OfCall, now_s: float) -> None:
        """A call goes out, may run, or is over; a person's time to decide is not the tool's."""
        running = self._running
        match record:
            case rec.ToolReleased():
                tool = record.tool if record.tool in BUILT_IN else DECLARED
                running[record.call_id] = tool, now_s
            case rec.Decided() if record.call_id in running:
                running[record.call_id] = running[record.call_id][0], now_s
            case rec.ToolSettled() if record.call_id in running:
                tool, began_s = running.pop(record.call_id)
                if record.outcome not in {"cancelled", "rejected"}:
                    self._metrics.tool_seconds.labels(tool).observe(now_s - began_s)
