from codelab_runtime.store_clock import STEADY_MS, StoreClock
from fakes.clock import HandClock


def test_until_the_store_has_spoken_this_machine_is_right() -> None:
    assert StoreClock(HandClock()).wall_ms() == 1_000_000


def test_the_wall_clock_is_the_stores_and_moves_on_by_itself() -> None:
    hand = HandClock()
    clock = StoreClock(hand)

    clock.heard(4_600_000)
    hand.advance(2)

    assert clock.wall_ms() == 4_602_000
    assert clock.monotonic() == hand.monotonic()


def test_small_differences_move_nothing() -> None:
    clock = StoreClock(HandClock())

    for difference in (STEADY_MS, -STEADY_MS):
        clock.heard(1_000_000 + difference)

    assert clock.wall_ms() == 1_000_000


def test_a_clock_that_was_put_right_can_be_put_right_again() -> None:
    clock = StoreClock(HandClock())
    clock.heard(4_600_000)

    clock.heard(1_000_010)

    assert clock.wall_ms() == 1_000_010
