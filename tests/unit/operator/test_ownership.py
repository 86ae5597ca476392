from typing import Any

import pytest

from codelab_operator.ownership import Owner, owner_of, was_anothers
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


def managed(manager: str, *fields: str, **more: str) -> dict[str, Any]:
    """An entry of `managedFields`."""
    return {"manager": manager, "fieldsV1": {"f:spec": {name: {} for name in fields}}, **more}


@pytest.mark.parametrize(
    ("made_at", "entries", "is_anothers"),
    [
        pytest.param("09:00:00", [managed("codelab-operator", "f:ports")], False, id="new"),
        pytest.param("08:59:59", [managed("codelab-operator", "f:ports")], True, id="older"),
        pytest.param("09:00:00", [managed("kubectl", "f:ports")], True, id="of-the-same-second"),
        pytest.param("09:00:00", [managed("kubectl")], False, id="label-of-somebody"),
        pytest.param("09:00:00", [managed("scale", "f:replicas")], False, id="scaled"),
        pytest.param(
            "09:00:00",
            [managed("controller", "f:x", subresource="status"), {"manager": "kubectl"}],
            False,
            id="reported-on",
        ),
    ],
)
def test_what_an_apply_found_there_is_told_from_what_it_made(
    made_at: str, entries: list[dict[str, Any]], *, is_anothers: bool
) -> None:
    metadata = {"creationTimestamp": f"2026-01-05T{made_at}Z", "managedFields": entries}

    assert was_anothers({"metadata": metadata}, "2026-01-05T09:00:00Z") is is_anothers
