"""The definition of the resource as a real API server understands it: rules, columns, words."""

import pytest

from fixtures.agent_specs import ACCEPTED, NAMES, REFUSED, UPDATES
from harness.cluster_api import Api
from harness.kubernetes import Cluster, Manifest, agent

pytestmark = pytest.mark.timeout(120)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CONFLICT = 409
COLUMNS = [
    ("Name", 0),
    ("Ready", 0),
    ("Reason", 0),
    ("Version", 0),
    ("Gateway", 0),
    ("Runtime", 0),
    ("Proxy", 0),
    ("Redis", 0),
    ("Age", 0),
    ("Message", 1),
]


def tried(api: Api, manifest: Manifest, method: str = "POST") -> tuple[int, list[str]]:
    """Status and fields of the complaint of a server that is only asked what it would do."""
    path = "/apis/codelab.dev/v1beta1/namespaces/default/codelabagents"
    if method == "PUT":
        path += f"/{manifest['metadata']['name']}"
    status, said = api.request(method, f"{path}?dryRun=All&fieldValidation=Strict", manifest)
    causes = said.get("details", {}).get("causes", [])
    return status, [cause.get("field", "") for cause in causes]


def test_e24_the_server_takes_and_refuses_what_the_table_says(api: Api) -> None:
    taken = {case: tried(api, agent("a", **spec)) for case, spec in ACCEPTED.items()}
    refused = {case: tried(api, agent("a", **spec)) for case, (spec, _) in REFUSED.items()}
    named = {name: tried(api, agent(name))[0] == 201 for name in NAMES}

    assert {case: answer for case, answer in taken.items() if answer[0] != 201} == {}
    assert {case for case, (status, _) in refused.items() if status not in {400, 422}} == set()
    assert named == NAMES
    elsewhere = {
        case: fields
        for case, (_, fields) in refused.items()
        if fields and not any(_is_about(field, REFUSED[case][1]) for field in fields)
    }
    assert elsewhere == {}
    print(f"E24: {len(taken)} taken, {len(refused)} refused")  # noqa: T201 -- the figure


@pytest.mark.parametrize("case", UPDATES)
def test_e24_the_server_takes_and_refuses_updates(case: str, api: Api) -> None:
    old, new, field = UPDATES[case]
    api.create("codelabagents", "default", agent("updated", paused=True, **old))

    status, fields = CONFLICT, list[str]()
    while status == CONFLICT:  # the operator writes its status at the same time
        known = (api.get("codelabagents", "default", "updated") or {})["metadata"]
        version = {"name": "updated", "resourceVersion": known["resourceVersion"]}
        status, fields = tried(api, agent(paused=True, **new) | {"metadata": version}, "PUT")
    api.delete("codelabagents", "default", "updated")

    assert (status == 200) is (not field)
    assert bool(fields) is bool(field)


def test_e24_columns_and_explanations(api: Api, cluster: Cluster) -> None:
    table = api.table("/apis/codelab.dev/v1beta1/codelabagents", TABLE)
    said = cluster.kubectl("explain", "codelabagents.spec.gateway.replicas")

    columns = [(one["name"], one["priority"]) for one in table["columnDefinitions"]]
    assert columns == COLUMNS
    assert "FIELD: replicas <integer>" in said
    for word in ("cla", "codelab"):
        cluster.kubectl("get", word, "-A")


def _is_about(field: str, wanted: str) -> bool:
    """Whether a complaint points at a field, or at what holds it."""
    return wanted.startswith(field) or field.startswith(wanted)
