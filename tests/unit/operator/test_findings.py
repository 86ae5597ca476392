from codelab_operator.children import Offering
from codelab_operator.findings import Findings, Health
from codelab_operator.plan import Steps
from codelab_operator.rollout import Wave


def test_a_pass_without_incident_found_nothing() -> None:
    made = Findings((), {}, Wave(Steps()), Offering())

    assert (made.failures, made.health, made.rotation, made.fights) == (
        (),
        Health(None, None),
        None,
        frozenset(),
    )
