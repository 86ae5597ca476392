"""News from the streams: no pass before everything is listed, none for what is known."""

import pytest

from codelab_operator.api_group import AGENT_LABEL, GROUP_VERSION, KIND
from codelab_operator.children import ObjectKey
from codelab_operator.inbox import Gone, Listing
from codelab_operator.intake import CHILD_S, Intake
from codelab_operator.kinds import AGENT, kind_of
from codelab_operator.kube import Kube
from codelab_operator.live_cluster import LiveCluster
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey, Sighting, sighting
from fakes.clock import HandClock

A = AgentKey("ns", "a")
LEASE = ObjectKey("coordination.k8s.io/v1", "Lease", "ns", "codelab-operator")
SERVICES = kind_of("v1", "Service")
Added = list[tuple[AgentKey, float, bool]]


def agent(version: int = 1) -> Sighting:
    """The agent."""
    metadata = {"name": "a", "namespace": "ns", "uid": "cr", "resourceVersion": str(version)}
    return sighting({"apiVersion": GROUP_VERSION, "kind": KIND, "metadata": metadata})


def service(version: int = 2, uid: str = "u1") -> Sighting:
    """A child."""
    metadata = {"name": "s", "namespace": "ns", "uid": uid, "resourceVersion": str(version)}
    labels = {"labels": {AGENT_LABEL: "a"}}
    return sighting({"apiVersion": "v1", "kind": "Service", "metadata": metadata | labels})


@pytest.fixture
def added() -> Added:
    """Passes that were asked for."""
    return []


@pytest.fixture
def intake(kube: Kube, clock: HandClock, metrics: Metrics, added: Added) -> Intake:
    """An intake that expects agents and Services."""
    cluster = LiveCluster(kube, lambda: True, clock, metrics)
    made = Intake(cluster, clock, (LEASE, "us"), lambda *asked: added.append(asked))
    made.expect((AGENT, SERVICES), ())
    return made


def listed(intake: Intake, *services: Sighting, version: int = 5) -> None:
    """Both kinds have been listed; the agent is there."""
    intake.take(Listing("codelabagents", "", version, (agent(),)))
    intake.take(Listing("services", "", version, services))


async def test_no_pass_happens_before_every_kind_has_been_listed(
    intake: Intake, added: Added
) -> None:
    intake.take(Listing("codelabagents", "", 5, (agent(),)))
    before = list(added)
    intake.take(Listing("services", "", 5, (service(),)))

    assert before == []
    assert added == [(A, 0.0, False)]
    assert intake.is_complete


async def test_an_agent_is_urgent_and_a_child_waits_for_its_siblings(
    intake: Intake, added: Added
) -> None:
    listed(intake, service())
    added.clear()

    intake.take(agent(6))
    intake.take(service(7))

    assert added == [(A, 0.0, True), (A, CHILD_S, False)]


async def test_what_is_known_already_is_no_news(intake: Intake, added: Added) -> None:
    listed(intake, service())
    added.clear()

    intake.take(service())

    assert added == []


async def test_what_a_new_list_lacks_is_gone_unless_it_is_younger(
    intake: Intake, added: Added
) -> None:
    listed(intake, service())
    added.clear()
    intake.take(Listing("services", "", 9, ()))
    lost = list(added)
    intake.take(service(12, "u2"))
    added.clear()

    intake.take(Listing("services", "", 11, ()))

    assert lost == [(A, 0.0, False)]
    assert added == []


async def test_a_child_that_lost_the_label_of_its_agent_still_concerns_it(
    intake: Intake, added: Added
) -> None:
    listed(intake, service())
    added.clear()

    intake.take(Gone(service().key, "", "u1"))
    intake.take(Gone(service().key, "", "u1"))

    assert added == [(A, 0.0, False)]


async def test_only_our_own_lease_counts_as_a_sign_of_life(
    intake: Intake, clock: HandClock
) -> None:
    clock.advance(30)
    body = {"apiVersion": LEASE.api_version, "kind": "Lease"}
    names = {"name": LEASE.name, "namespace": "ns", "uid": "l", "resourceVersion": "3"}

    intake.take(sighting(body | {"metadata": names, "spec": {"holderIdentity": "them"}}))
    before = intake.lease_seen_at
    intake.take(sighting(body | {"metadata": names, "spec": {"holderIdentity": "us"}}))

    assert (before, intake.lease_seen_at) == (1_000.0, 1_030.0)
