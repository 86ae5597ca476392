import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.settings import GatewaySettings
from codelab_gateway.limits import IDLE_S, Bucket, Callers, ConnectionLimits, Window

SETTINGS = GatewaySettings(
    connect_rate=2,
    message_rate=3,
    command_rate=4,
    max_connections=3,
    max_connections_per_principal=2,
    inbound_bytes_rate=2048,
    max_bad_frames=10,
)


def refusal(error: pytest.ExceptionInfo[CodelabError]) -> tuple[Code, str | None, int | None]:
    return error.value.code, error.value.reason, error.value.retry_after_ms


class TestBucket:
    """Tokens per second, with a burst."""

    def test_a_burst_passes_and_then_the_rate(self) -> None:
        bucket = Bucket(rate=2, burst=3)

        waits = [bucket.take(100.0) for _ in range(4)] + [bucket.take(100.5), bucket.take(100.5)]

        assert waits == [0, 0, 0, 0.5, 0, 0.5]

    def test_it_never_holds_more_than_the_burst(self) -> None:
        bucket = Bucket(rate=2, burst=3)
        bucket.take(0.0)

        waits = [bucket.take(1000.0) for _ in range(4)]

        assert waits == [0, 0, 0, 0.5]

    def test_a_debt_is_paid_back_at_the_rate(self) -> None:
        bucket = Bucket(rate=100, burst=100)

        pauses = [bucket.overdraw(0.0, 300), bucket.overdraw(1.0, 100), bucket.overdraw(4.0, 100)]

        assert pauses == [2.0, 2.0, 0.0]

    def test_a_clock_that_goes_back_brings_nothing(self) -> None:
        bucket = Bucket(rate=1, burst=1)
        bucket.take(10.0)

        assert bucket.take(5.0) == 1.0

    @settings(max_examples=200)
    @given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 50)), max_size=40))
    def test_no_pattern_gets_more_than_burst_plus_rate(
        self, calls: list[tuple[float, float]]
    ) -> None:
        bucket, now, taken = Bucket(rate=10, burst=20), 0.0, 0.0
        for pause, amount in calls:
            now += pause
            if not bucket.take(now, amount):
                taken += amount

        assert taken <= 20 + 10 * now + 1e-6


def test_a_window_counts_the_last_seconds_only() -> None:
    window = Window(10.0)

    assert [window.add(now) for now in (0.0, 1.0, 9.9, 10.0, 30.0)] == [1, 2, 3, 3, 1]


class TestCallers:
    """Sockets and messages per principal, sockets of the process."""

    def test_a_caller_with_too_many_sockets_is_refused(self) -> None:
        callers = Callers(SETTINGS)
        callers.connect("a", 0.0)
        callers.connect("a", 0.0)

        with pytest.raises(CodelabError) as refused:
            callers.connect("a", 0.0)

        assert refusal(refused) == (Code.RATE_LIMIT, "connects", 1000)
        assert callers.sockets == 2

    def test_a_socket_that_is_gone_makes_room(self) -> None:
        callers = Callers(SETTINGS)
        callers.connect("a", 0.0)
        callers.connect("a", 0.0)

        callers.disconnect("a", 0.0)
        callers.connect("a", 0.0)

        assert callers.sockets == 2

    def test_a_full_process_refuses_everybody(self) -> None:
        callers = Callers(SETTINGS)
        for principal in ("a", "b", "c"):
            callers.connect(principal, 0.0)

        with pytest.raises(CodelabError) as refused:
            callers.connect("d", 0.0)

        assert refusal(refused) == (Code.UNAVAILABLE, "overloaded", 1000)

    def test_connecting_too_fast_is_refused_with_the_time_to_wait(self) -> None:
        callers = Callers(GatewaySettings(connect_rate=0.5))
        for _ in range(5):
            callers.connect("a", 0.0)

        with pytest.raises(CodelabError) as refused:
            callers.connect("a", 0.0)

        assert refusal(refused) == (Code.RATE_LIMIT, "connects", 2000)

    def test_messages_are_counted_over_all_sockets_of_a_caller(self) -> None:
        callers = Callers(SETTINGS)
        for _ in range(15):
            callers.message("a", 0.0)
        callers.message("b", 0.0)

        with pytest.raises(CodelabError) as refused:
            callers.message("a", 0.0)

        assert refusal(refused) == (Code.RATE_LIMIT, "messages", 333)
        assert refused.value.details == {"limit": "3/s"}

    def test_a_caller_that_is_long_gone_is_forgotten_and_one_with_a_socket_is_not(self) -> None:
        callers = Callers(SETTINGS)
        for principal in ("a", "b", "c"):
            callers.connect(principal, 0.0)
        callers.disconnect("a", 1.0)

        callers.disconnect("b", IDLE_S + 1.0)

        assert set(callers._callers) == {"c"}

    def test_callers_are_not_looked_through_for_every_socket(self) -> None:
        callers = Callers(SETTINGS)
        callers.connect("a", IDLE_S)
        callers.disconnect("a", IDLE_S)
        callers.connect("b", IDLE_S)

        callers.disconnect("b", 2 * IDLE_S - 1)

        assert set(callers._callers) == {"a", "b"}


class TestConnectionLimits:
    """Limits of one socket."""

    def test_commands_have_a_rate_and_five_times_as_much_at_once(self) -> None:
        limits = ConnectionLimits(SETTINGS)
        for _ in range(20):
            limits.command(0.0)

        with pytest.raises(CodelabError) as refused:
            limits.command(0.0)

        assert refusal(refused) == (Code.RATE_LIMIT, "commands", 250)

    def test_bytes_beyond_the_burst_have_to_wait_for_as_long_as_they_are_many(self) -> None:
        limits = ConnectionLimits(SETTINGS)

        pauses = [
            limits.received(8192, 0.0),
            limits.received(4096, 0.0),
            limits.received(2048, 2.0),
        ]

        assert pauses == [0.0, 2.0, 1.0]

    def test_the_smallest_frame_counts_as_a_kibibyte(self) -> None:
        limits = ConnectionLimits(SETTINGS)

        pauses = [limits.received(2, 0.0) for _ in range(9)]

        assert pauses == [0.0] * 8 + [0.5]

    def test_the_eleventh_bad_frame_within_a_minute_is_one_too_many(self) -> None:
        limits = ConnectionLimits(SETTINGS)

        verdicts = [limits.malformed(float(now)) for now in range(11)] + [limits.malformed(120.0)]

        assert verdicts == [False] * 10 + [True, False]

    def test_the_eleventh_refusal_within_ten_seconds_is_one_too_many(self) -> None:
        limits = ConnectionLimits(SETTINGS)

        verdicts = [limits.refused(now / 2) for now in range(11)] + [limits.refused(30.0)]

        assert verdicts == [False] * 10 + [True, False]
