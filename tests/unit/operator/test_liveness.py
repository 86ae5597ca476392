"""What makes a process unwell."""

import pytest

from codelab_operator.liveness import Pulse, ailments


def test_a_process_without_any_age_is_well() -> None:
    assert ailments(Pulse()) == ()


@pytest.mark.parametrize(
    ("pulse", "found"),
    [
        pytest.param(Pulse(heartbeat_s=15.1), "event loop stalled", id="loop"),
        pytest.param(Pulse(oldest_due_s=120.1), "queue stalled", id="queue"),
        pytest.param(Pulse(lease_echo_s=60.1), "own Lease not seen on a stream", id="lease"),
        pytest.param(Pulse(write_echo_s=60.1), "own write not seen on a stream", id="write"),
    ],
)
def test_each_stalled_part_is_named(pulse: Pulse, found: str) -> None:
    assert ailments(pulse) == (found,)
