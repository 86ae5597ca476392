"""Where the API has each kind."""

import pytest

from codelab_operator.kinds import AGENT, DEFINITION, SECRET, kind_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            AGENT.path("ns", "a", "status"),
            "/apis/codelab.dev/v1beta1/namespaces/ns/codelabagents/a/status",
            id="subresource",
        ),
        pytest.param(AGENT.path(""), "/apis/codelab.dev/v1beta1/codelabagents", id="everywhere"),
        pytest.param(SECRET.path("ns", "x"), "/api/v1/namespaces/ns/secrets/x", id="core"),
        pytest.param(
            DEFINITION.path("", "d"),
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/d",
            id="no-namespace",
        ),
    ],
)
def test_paths_are_those_of_the_api(path: str, expected: str) -> None:
    assert path == expected


def test_a_kind_that_no_agent_has_is_unknown() -> None:
    assert kind_of("v1", "Secret") is SECRET
    with pytest.raises(KeyError):
        kind_of("v1", "Node")
