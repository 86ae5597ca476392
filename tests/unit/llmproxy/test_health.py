from dataclasses import replace

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.health import Health
from codelab_llmproxy.plan import Standing
from codelab_llmproxy.providers import Hold
from fakes.clock import HandClock
from fakes.stage import StageProvider, stage_target

WELL = Standing("stage", 100)


def largest(_low: float, high: float) -> float:
    return high


def fault(reason: str) -> CodelabError:
    return CodelabError(Code.PROVIDER_ERROR, reason)


def test_a_target_that_nobody_has_asked_is_well() -> None:
    health, target = Health(HandClock(), largest), stage_target()

    assert health.standing(target) == WELL
    assert health.standing(replace(target, is_spare=True)) == replace(WELL, is_spare=True)


def test_the_scripted_provider_is_a_stand_in() -> None:
    provider = StageProvider()
    target = stage_target(provider)
    provider.kind = "scripted"

    assert Health(HandClock(), largest).standing(target).is_stand_in


def test_faults_of_a_target_hold_it_back_until_one_call_succeeds() -> None:
    clock = HandClock()
    health, target = Health(clock, largest), stage_target()

    opened = [health.note(target, 0, fault("reset")) for _ in range(3)]
    held = health.standing(target).wait_s
    clock.advance(6)
    probe = health.begin(target, is_retry=False)
    probed = health.standing(target).wait_s
    closed = health.note(target, probe, None)

    assert opened == [False, False, True]
    assert held == 5.5
    assert probed == 30
    assert (closed, health.standing(target)) == (False, WELL)


def test_a_probe_that_was_given_up_or_met_a_limit_makes_room_for_the_next() -> None:
    clock = HandClock()
    health, target = Health(clock, largest), stage_target()
    for _ in range(3):
        health.note(target, 0, fault("silent"))
    clock.advance(20)

    waits = []
    health.leave(target, health.begin(target, is_retry=False))
    waits.append(health.standing(target).wait_s)
    health.note(target, health.begin(target, is_retry=False), fault("rate_limited"))
    waits.append(health.standing(target).wait_s)

    assert waits == [0, 0]


def test_what_its_provider_holds_back_counts_too() -> None:
    provider = StageProvider()
    health, target = Health(HandClock(), largest), stage_target(provider)

    provider.held = Hold(9.0, is_denied=True)
    denied = health.standing(target)
    for _ in range(3):
        health.note(target, 0, fault("silent"))
    broken = health.standing(target)

    assert denied == replace(WELL, wait_s=9.0, is_denied=True)
    assert (broken.wait_s, broken.is_denied) == (9.0, False)


def test_retries_of_a_provider_are_counted_over_all_inferences() -> None:
    health, target = Health(HandClock(), largest), stage_target()

    for _ in range(10):
        health.begin(target, is_retry=True)
        health.begin(target, is_retry=False)
    spent = health.standing(target).may_repeat
    for _ in range(5):
        health.note(target, 0, None)

    assert (spent, health.standing(target).may_repeat) == (False, True)


def test_a_target_is_shown_with_its_calls_and_its_last_failure() -> None:
    health, target = Health(HandClock(), largest), stage_target()
    views = [health.view("stage", "stage")]

    for end in (None, fault("cut"), CodelabError(Code.INTERNAL)):
        health.begin(target, is_retry=False)
        views.append(health.view("stage", "stage"))
        health.note(target, 0, end)
    health.leave(target, health.begin(target, is_retry=False))
    views.append(health.view("stage", "stage"))

    assert [(view.in_flight, view.last_error) for view in views] == [
        *((0, None), (1, None), (1, None), (1, "cut"), (0, "internal")),
    ]
    assert health.last_error([stage_target(), target]) == "internal"


def test_a_provider_that_comes_back_is_asked_again_in_time() -> None:
    """Wall 15: 60 s of trouble, a request every 4 s; at most one of them finds out at a time."""
    clock = HandClock()
    health, target = Health(clock, largest), stage_target()
    began, asked = clock.now, list[float]()

    while clock.now < began + 120:
        if not health.standing(target).wait_s:
            call = health.begin(target, is_retry=False)
            asked.append(clock.now - began)
            health.note(target, call, fault("overloaded") if asked[-1] < 60 else None)
        clock.advance(4)

    in_trouble = [at for at in asked if at < 60]
    back = next(at for at in asked if at >= 60)
    assert len(in_trouble) <= 3 + 6
    assert back <= 60 + 30
    assert asked[-1] == 116
