import re

import pytest

from codelab_core.clock import SYSTEM_CLOCK, jitter_source, random_hex, random_token, rfc3339


@pytest.mark.parametrize(
    ("wall_ms", "text"),
    [
        pytest.param(0, "1970-01-01T00:00:00.000Z", id="epoch"),
        pytest.param(1_767_605_400_000, "2026-01-05T09:30:00.000Z", id="whole-second"),
        pytest.param(1_767_605_400_007, "2026-01-05T09:30:00.007Z", id="milliseconds-are-padded"),
        pytest.param(1_767_605_400_999, "2026-01-05T09:30:00.999Z", id="never-rounded-up"),
    ],
)
def test_a_wall_time_is_shown_in_utc_with_milliseconds(wall_ms: int, text: str) -> None:
    assert rfc3339(wall_ms) == text


def test_the_monotonic_clock_never_goes_back() -> None:
    times = [SYSTEM_CLOCK.monotonic() for _ in range(100)]

    assert times == sorted(times)


def test_the_wall_clock_counts_milliseconds() -> None:
    assert rfc3339(SYSTEM_CLOCK.wall_ms())[:2] == "20"


@pytest.mark.parametrize("digits", [0, 1, 16, 17])
def test_random_hex_has_as_many_digits_as_asked_for(digits: int) -> None:
    assert re.fullmatch(f"[0-9a-f]{{{digits}}}", random_hex(digits))


def test_random_tokens_differ_and_are_long_enough_for_a_token_file() -> None:
    assert random_token() != random_token()
    assert len(random_token()) == 43


def test_every_source_of_jitter_is_its_own() -> None:
    first, second = jitter_source(), jitter_source()

    assert first is not second
    assert 0.0 <= first.uniform(0.0, 1.0) <= 1.0
