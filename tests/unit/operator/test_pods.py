"""Tests of pods: hardened, placed, and told when to stop."""

from typing import Any

import pytest

from fakes.agents import children_of, container_of, pod_of

COMPONENTS = ["gateway", "runtime", "llmproxy"]


@pytest.mark.parametrize("component", [*COMPONENTS, "redis"])
def test_every_pod_fits_the_restricted_profile(component: str) -> None:
    """kubernetes.io/docs/concepts/security/pod-security-standards."""
    pod = pod_of(component)
    container = container_of(component)

    user = 999 if component == "redis" else 65532
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert {next(iter(v.keys() - {"name"})) for v in pod["volumes"]} <= {"projected", "emptyDir"}


@pytest.mark.parametrize("component", [*COMPONENTS, "redis"])
def test_services_of_the_namespace_do_not_leak_into_the_environment(component: str) -> None:
    """An agent named `codelab` would set `CODELAB_RUNTIME_PORT=tcp://…` in every pod."""
    assert pod_of(component)["enableServiceLinks"] is False


@pytest.mark.parametrize("component", [*COMPONENTS, "redis"])
def test_probes_are_patient_with_python(component: str) -> None:
    container = container_of(component)

    probes = [container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]

    assert [probe["timeoutSeconds"] for probe in probes] == [5, 5, 5]
    assert [probe["periodSeconds"] for probe in probes] == [1, 2, 10]
    assert [probe["failureThreshold"] for probe in probes[1:]] == [2, 3]


def test_services_are_asked_for_life_and_readiness_apart() -> None:
    container = container_of("gateway")

    paths = [
        container[f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "readiness", "liveness")
    ]

    assert paths == ["/health/live", "/health/ready", "/health/live"]


def test_a_pod_has_its_drain_and_a_margin_until_it_is_killed() -> None:
    pod = pod_of("llmproxy", llmproxy={"drainSeconds": 120})

    assert pod["terminationGracePeriodSeconds"] == 135
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert pod_of("gateway")["terminationGracePeriodSeconds"] == 40


@pytest.mark.parametrize(
    ("own", "merged"),
    [
        (
            {},
            {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            },
        ),
        (
            {"requests": {"cpu": "0.5"}, "limits": {"memory": "1024Mi", "cpu": 2}},
            {
                "requests": {"cpu": "500m", "memory": "128Mi"},
                "limits": {"cpu": "2", "memory": "1Gi"},
            },
        ),
        (
            {"requests": {"cpu": 0}},
            {
                "requests": {"cpu": "0", "memory": "128Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            },
        ),
    ],
    ids=["defaults", "key-by-key", "zero"],
)
def test_resources_are_merged_key_by_key(own: dict[str, Any], merged: dict[str, Any]) -> None:
    assert container_of("runtime", runtime={"resources": own})["resources"] == merged


@pytest.mark.parametrize(
    ("spec", "image"),
    [
        ({}, "codelab/gateway:0.1.0"),
        ({"images": {"registry": "r.io/x/"}}, "r.io/x/codelab/gateway:0.1.0"),
        ({"version": "0.1.3-rc.1"}, "codelab/gateway:0.1.3-rc.1"),
        ({"images": {"registry": "r.io"}, "gateway": {"image": "mine@sha256:0"}}, "mine@sha256:0"),
    ],
    ids=["default", "registry", "version", "own"],
)
def test_an_image_has_registry_name_and_version(spec: dict[str, Any], image: str) -> None:
    assert container_of("gateway", **spec)["image"] == image


@pytest.mark.parametrize(
    ("wanted", "action"), [("Preferred", "ScheduleAnyway"), ("Required", "DoNotSchedule")]
)
def test_pods_of_one_revision_spread_over_nodes_and_zones(wanted: str, action: str) -> None:
    pod = pod_of("runtime", runtime={"scheduling": {"topologySpread": wanted}})

    spread = pod["topologySpreadConstraints"]

    keys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert [entry["topologyKey"] for entry in spread] == keys
    assert {entry["whenUnsatisfiable"] for entry in spread} == {action}
    assert all(entry["matchLabelKeys"] == ["pod-template-hash"] for entry in spread)


def test_spreading_can_be_switched_off() -> None:
    pod = pod_of("runtime", runtime={"scheduling": {"topologySpread": "Disabled"}})

    assert "topologySpreadConstraints" not in pod


def test_labels_of_people_never_hide_ours() -> None:
    labels = {"team": "a", "app.kubernetes.io/name": "mine"}
    made = children_of("Deployment", gateway={"podLabels": labels, "podAnnotations": {"a": "b"}})

    metadata = made["gateway"]["spec"]["template"]["metadata"]

    assert metadata == {
        "labels": {
            "team": "a",
            "app.kubernetes.io/name": "codelab-agent",
            "app.kubernetes.io/instance": "demo",
            "app.kubernetes.io/component": "gateway",
        },
        "annotations": {"a": "b"},
    }
