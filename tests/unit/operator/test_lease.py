"""Who may lead and write, whatever the clocks of other machines say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.lease import Candidate, Term, lease

FREE = Term(version="1")
THEIRS = Term("them", 1, ("them", "t1"), "2")
RENEWED = Term("them", 1, ("them", "t2"), "3")
OURS = Term("us", 2, ("us", "t3"), "4")


def candidate() -> Candidate:
    """A candidate that knows nothing yet."""
    return Candidate("us", duration_s=15.0, deadline_s=10.0)


def test_nobody_takes_a_lease_that_they_have_not_seen() -> None:
    assert not candidate().may_take(100.0)


def test_a_lease_without_holder_is_taken_at_once() -> None:
    assert candidate().saw(FREE, 0.0).may_take(0.0)


def test_a_held_lease_is_taken_when_it_has_not_changed_for_its_duration() -> None:
    watching = candidate().saw(THEIRS, 0.0).saw(THEIRS, 10.0)

    assert not watching.may_take(14.9)
    assert watching.may_take(15.0)


def test_a_renewal_of_somebody_else_starts_the_wait_anew() -> None:
    watching = candidate().saw(THEIRS, 0.0).saw(RENEWED, 14.0)

    assert not watching.may_take(28.9)
    assert watching.may_take(29.0)


def test_a_write_may_start_until_the_deadline_after_the_start_of_the_last_renewal() -> None:
    leading = candidate().renewed(OURS, 100.0)

    assert leading.may_write(109.9)
    assert not leading.may_write(110.0)
    assert leading.is_lost(110.0)
    assert leading.left_s(103.0) == 7.0


def test_who_never_led_may_not_write_and_has_lost_nothing() -> None:
    assert not candidate().may_write(0.0)
    assert not candidate().is_lost(1_000.0)
    assert candidate().left_s(0.0) == float("inf")


def test_the_lease_is_guarded_by_the_version_that_was_seen() -> None:
    wanted = lease(("ns", "codelab-operator"), THEIRS, "us", 15, "2026-01-01T00:00:00.000000Z")

    assert wanted["metadata"]["resourceVersion"] == "2"
    assert wanted["spec"]["leaseTransitions"] == 2
    assert wanted["spec"]["holderIdentity"] == "us"


def test_a_release_is_no_transition_and_lasts_a_second() -> None:
    empty = lease(("ns", "l"), OURS, "", 15, "now")["spec"]

    assert (empty["holderIdentity"], empty["leaseTransitions"]) == ("", 2)
    assert empty["leaseDurationSeconds"] == 1


def test_a_new_lease_names_no_version() -> None:
    assert "resourceVersion" not in lease(("ns", "l"), Term(), "us", 15, "now")["metadata"]


def test_a_term_is_read_from_an_object_with_gaps() -> None:
    assert Term.read({"metadata": {"resourceVersion": 7}, "spec": None}) == Term(version="7")


@settings(max_examples=200)
@given(st.floats(0, 4), st.lists(st.floats(0.1, 30), min_size=1))
def test_no_write_that_takes_four_seconds_lands_after_another_could_lead(
    write_s: float, looks: list[float]
) -> None:
    """The other one looks at whatever times it likes, and its clock runs as ours does."""
    leading = candidate().renewed(OURS, 0.0)
    other, now = Candidate("other", 15.0, 10.0), 0.0

    for span in looks:
        now += span
        other = other.saw(OURS, now)
        if other.may_take(now):
            last_start = 10.0
            assert not leading.may_write(last_start)
            assert last_start + write_s < now
            break
