"""The seam between decisions and the cluster."""

import inspect

from codelab_operator.cluster import Cluster
from codelab_operator.live_cluster import LiveCluster

VERBS = ["apply", "confirm", "create", "delete", "merge", "observe", "read"]


def test_the_seam_is_these_verbs_which_the_live_cluster_has_with_the_same_parameters() -> None:
    asked = {name: inspect.signature(getattr(Cluster, name)) for name in VERBS}

    public = [name for name in vars(Cluster) if not name.startswith("_")]

    assert sorted(public) == VERBS
    assert asked == {name: inspect.signature(getattr(LiveCluster, name)) for name in VERBS}


def test_no_type_of_a_client_leaks_through_the_seam() -> None:
    modules = {
        parameter.annotation.__module__
        for name in VERBS
        for parameter in inspect.signature(getattr(Cluster, name)).parameters.values()
        if isinstance(parameter.annotation, type)
    }

    assert modules <= {
        "builtins",
        "inspect",
        "codelab_operator.children",
        "codelab_operator.observations",
    }
