"""What is remembered of an agent."""

from codelab_operator.children import ObjectKey
from codelab_operator.findings import Failure
from codelab_operator.memory import LOOK_AGAIN_S, REJECTED_S, AgentMemory
from codelab_operator.plan import Steps

KEY = ObjectKey("v1", "Service", "ns", "s")


def test_a_refused_child_is_left_alone_and_stays_a_failure() -> None:
    memory, refusal = AgentMemory(), Failure(KEY, "ChildRejected", "no")

    wait_s = memory.learned([refusal], 100.0)

    assert wait_s == REJECTED_S
    assert memory.barred(100.0) == {KEY}
    assert memory.standing() == [refusal]
    assert memory.barred(100.0 + REJECTED_S) == frozenset()


def test_a_new_generation_has_its_chances_again() -> None:
    memory = AgentMemory()
    memory.turn_to("u", 1, 0.0)
    memory.learned([Failure(KEY, "ChildRejected", "no")], 0.0)

    assert not memory.turn_to("u", 1, 1.0)
    same = memory.barred(1.0)
    assert memory.turn_to("u", 2, 2.0)

    assert same == {KEY}
    assert memory.barred(2.0) == frozenset()
    assert memory.seen_at == 2.0


def test_a_conflict_makes_its_name_a_suspect_until_it_is_over() -> None:
    memory = AgentMemory()

    wait_s = memory.learned([Failure(KEY, "ChildConflict", "theirs")], 0.0)
    suspects = memory.suspects
    after = memory.learned([], 60.0)

    assert (wait_s, suspects) == (LOOK_AGAIN_S, frozenset({KEY}))
    assert (after, memory.suspects) == (None, frozenset())


def test_missing_rights_are_looked_at_again() -> None:
    memory = AgentMemory()

    assert memory.learned([Failure(KEY, "Forbidden", "no")], 0.0) == LOOK_AGAIN_S
    assert memory.learned([Failure(KEY, "Retrying", "later")], 0.0) is None


def test_steps_without_drift_are_no_repairs() -> None:
    memory = AgentMemory()

    memory.repaired(Steps(), 0.0)

    assert memory.drift.repairs == ()
