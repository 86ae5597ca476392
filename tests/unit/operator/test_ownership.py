from typing import Any

import pytest

from codelab_operator.ownership import Owner, owner_of
from fakes.children import agent, changed, live, wanted

AGENT = agent()
SERVICE = live(wanted(AGENT)["Service/gateway"])
OWNER = "metadata ownerReferences 0"


@pytest.mark.parametrize(
    ("path", "value", "owner"),
    [
        pytest.param("metadata uid", "other", Owner.US, id="as-made"),
        pytest.param("metadata labels", {}, Owner.ANOTHER, id="without-labels"),
        pytest.param("metadata labels", None, Owner.ANOTHER, id="without-any-labels"),
        pytest.param("metadata labels codelab.dev/agent", "x", Owner.ANOTHER, id="other-agent"),
        pytest.param(
            "metadata labels app.kubernetes.io/managed-by",
            "Helm",
            Owner.ANOTHER,
            id="other-manager",
        ),
        pytest.param("metadata ownerReferences", None, Owner.NOBODY, id="no-owner"),
        pytest.param(f"{OWNER} controller", False, Owner.NOBODY, id="no-controller"),
        pytest.param(f"{OWNER} uid", "earlier", Owner.LEAVING, id="owner-of-the-same-name"),
        pytest.param(
            "metadata ownerReferences",
            [{"kind": "Deployment", "name": "demo", "uid": "x", "controller": True}],
            Owner.ANOTHER,
            id="owner-of-another-kind",
        ),
        pytest.param(
            "metadata deletionTimestamp", "2026-01-01T00:00:00Z", Owner.LEAVING, id="being-deleted"
        ),
    ],
)
def test_an_object_is_ours_by_labels_and_uid(path: str, value: Any, owner: Owner) -> None:
    assert owner_of(changed(SERVICE, path, value), AGENT) is owner
