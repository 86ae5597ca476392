"""Tests of the files in pods."""

from typing import Any

from codelab_operator.mounts import Item, secret_files, store_credentials
from fakes.agents import agent_of, pod_of

KEYS = [
    {"id": "main", "secretRef": {"name": "key", "key": "api"}},
    {"id": "spare", "secretRef": {"name": "other", "key": "api"}},
]
PROVIDER = {"name": "p", "kind": "anthropic", "keys": KEYS}


def volume(pod: dict[str, Any], name: str) -> Any:
    """One volume of a pod."""
    return next(entry for entry in pod["volumes"] if entry["name"] == name)


def test_a_missing_key_of_a_provider_keeps_no_pod_from_starting() -> None:
    pod = pod_of("llmproxy", llmproxy={"providers": [PROVIDER]})

    sources = [source["secret"] for source in volume(pod, "keys")["projected"]["sources"]]

    assert sources == [
        {"name": "key", "items": [{"key": "api", "path": "p/main"}], "optional": True},
        {"name": "other", "items": [{"key": "api", "path": "p/spare"}], "optional": True},
    ]


def test_each_service_has_its_own_password() -> None:
    keys = {
        name: volume(pod_of(name), "redis")["projected"]["sources"][0]["secret"]["items"]
        for name in ("runtime", "llmproxy")
    }

    assert keys == {
        "runtime": [{"key": "redis-runtime", "path": "password"}],
        "llmproxy": [{"key": "redis-llmproxy", "path": "password"}],
    }


def test_files_are_readable_by_group_and_never_single_mounts() -> None:
    pod = pod_of("llmproxy", llmproxy={"providers": [PROVIDER]})

    (container,) = pod["containers"]
    assert all("subPath" not in mount for mount in container["volumeMounts"])
    modes = {
        entry[kind]["defaultMode"]
        for entry in pod["volumes"]
        for kind in ("projected", "configMap")
        if kind in entry
    }
    assert modes == {0o440}


def test_a_store_that_asks_for_nothing_needs_no_folder() -> None:
    agent = agent_of(redis={"external": {"url": "redis://r"}})

    assert store_credentials(agent, "runtime") == ()
    assert secret_files("x", "/x", []) == ()


def test_a_missing_credential_of_a_store_keeps_no_pod_from_starting() -> None:
    external = {
        "url": "rediss://r",
        "passwordSecretRef": {"name": "s", "key": "k"},
        "tls": {"caSecretRef": {"name": "c", "key": "ca"}, "clientCertSecretName": "t"},
    }

    (mount,) = store_credentials(agent_of(redis={"external": external}), "runtime")

    sources = mount.volume()["projected"]["sources"]
    assert len(sources) == 4
    assert all(source["secret"]["optional"] for source in sources)


def test_an_item_is_required_unless_it_says_otherwise() -> None:
    (mount,) = secret_files("x", "/x", [Item("s", "k", "p")])

    assert mount.volume()["projected"]["sources"] == [
        {"secret": {"name": "s", "items": [{"key": "k", "path": "p"}]}}
    ]
    assert mount.mount() == {"name": "x", "mountPath": "/x", "readOnly": True}
