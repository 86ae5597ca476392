"""The definition of our own kind: applied, then waited for."""

import pytest

from codelab_operator.api_errors import ApiError
from codelab_operator.crd import crd
from codelab_operator.definition import apply_definition, is_established
from codelab_operator.settings import OperatorSettings
from fakes.cluster import writes
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from fakes.cluster.writes import Write

NAME = "codelabagents.codelab.dev"


def establish(cluster: FakeCluster) -> None:
    """The API server serves the kind from now on."""
    definitions = cluster.store.of("CustomResourceDefinition")
    live = definitions.objects["", NAME]
    status = {"conditions": [{"type": "Established", "status": "True"}]}
    write = Write("", NAME, "kube-apiserver", "status")
    writes.edit(cluster.store, definitions, write, live.manifest | {"status": status})


async def test_it_is_applied_by_force_and_waited_for_until_it_is_served(
    cluster: FakeCluster,
) -> None:
    async def served() -> None:
        establish(cluster)

    cluster.faults.add(Fault("get", "CustomResourceDefinition", after=served))

    await apply_definition(OperatorSettings.exactly(api_url=cluster.url))

    live = cluster.objects("CustomResourceDefinition")["", NAME]
    assert live["spec"] == crd()["spec"]
    assert [(r.verb, r.status, r.agent) for r in cluster.log] == [
        ("apply", 201, "codelab-operator/crd"),
        ("get", 200, "codelab-operator/crd"),
        ("get", 200, "codelab-operator/crd"),
    ]


async def test_a_refusal_is_raised(cluster: FakeCluster) -> None:
    cluster.faults.add(Fault("apply", status=403))

    with pytest.raises(ApiError):
        await apply_definition(OperatorSettings.exactly(api_url=cluster.url))


@pytest.mark.parametrize(
    ("status", "is_served"),
    [
        pytest.param(None, False, id="new"),
        pytest.param({"conditions": []}, False, id="no-conditions"),
        pytest.param(
            {"conditions": [{"type": "Established", "status": "False"}]}, False, id="not-yet"
        ),
        pytest.param(
            {"conditions": [{"type": "NamesAccepted", "status": "True"}]}, False, id="named"
        ),
        pytest.param({"conditions": [{"type": "Established", "status": "True"}]}, True, id="yes"),
    ],
)
def test_it_is_served_when_its_conditions_say_so(status: object, is_served: bool) -> None:  # noqa: FBT001 -- a table
    assert is_established({"status": status} if status else {}) is is_served
