"""The file, variables and keys that the operator renders, in the hands of the real proxy."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from codelab_operator.mounts import ROOT
from fakes.agents import children_of, container_of, pod_of
from fakes.dialect_writers import WRITERS, Said
from fakes.upstreams import Play, Upstream, refusal, upstream
from harness.llm import Client, proxy_of, user

KINDS: Final = {"openai": "openai-compatible", "anthropic": "anthropic", "ollama": "ollama"}
BASE: Final = {"openai": "/v1", "anthropic": "", "ollama": ""}
KEYED: Final = ("openai", "anthropic")
DOWN: Final = refusal(503, {})


def spec_of(urls: dict[str, str]) -> dict[str, Any]:
    """An agent with a provider of each kind, and names for their models."""
    providers = [
        {
            "name": name,
            "kind": KINDS[name],
            "baseUrl": url + BASE[name],
            "allowPrivate": True,
            "models": [{"id": f"{name}-model", "contextWindow": 32768, "maxOutput": 4096}],
        }
        | ({"keys": [key_of(name)]} if name in KEYED else {})
        for name, url in urls.items()
    ]
    targets = [
        {"provider": "ollama", "model": "ollama-model"},
        {"provider": "anthropic", "model": "anthropic-model", "priority": 1},
        {"provider": "scripted", "model": "scripted/ok", "priority": 2},
    ]
    return {
        "llmproxy": {
            "providers": [*providers, {"name": "scripted", "kind": "scripted"}],
            "routes": [{"name": "coder", "targets": targets}],
            "aliases": {"default": "coder", "fast": "openai/openai-model"},
            "quotas": [{"name": "default", "requestsPerMin": 600}],
            "cache": {"enabled": True, "ttlSeconds": 60},
        }
    }


def key_of(name: str) -> dict[str, Any]:
    """The reference to a provider's key."""
    return {"id": "main", "secretRef": {"name": f"{name}-key", "key": "api-key"}, "weight": 3}


class Pod:
    """A folder that stands for the root of the proxy's pod."""

    def __init__(self, folder: Path, spec: dict[str, Any]) -> None:
        self._folder = folder
        self.env = {
            entry["name"]: self._moved(entry["value"])
            for entry in container_of("llmproxy", **spec)["env"]
        }
        (container,) = pod_of("llmproxy", **spec)["containers"]
        places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        config = children_of("ConfigMap", **spec)["llmproxy"]
        for volume in pod_of("llmproxy", **spec)["volumes"]:
            place = places[volume["name"]]
            for source in volume.get("projected", {}).get("sources", ()):
                secret = source["secret"]
                for item in secret["items"]:
                    self._write(f"{place}/{item['path']}", f"{secret['name']}/{item['key']}\n")
            if volume.get("configMap", {}).get("name") == config["metadata"]["name"]:
                for name, text in config["data"].items():
                    self._write(f"{place}/{name}", self._moved(text))

    def _moved(self, text: str) -> str:
        """A text in which our files lie in the folder."""
        return text.replace(ROOT, f"{self._folder}{ROOT}")

    def _write(self, path: str, text: str) -> None:
        file = Path(f"{self._folder}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@asynccontextmanager
async def running(
    folder: Path, patch: pytest.MonkeyPatch, *down: str
) -> AsyncIterator[tuple[Client, dict[str, Upstream]]]:
    """The proxy as the operator would start it, and its providers by name, some of them down."""
    async with AsyncExitStack() as stack:
        plays = {name: DOWN if name in down else hello(name) for name in KINDS}
        acting = {name: await stack.enter_async_context(upstream(plays[name])) for name in KINDS}
        pod = Pod(folder, spec_of({name: one.url for name, one in acting.items()}))
        for name, value in pod.env.items():
            patch.setenv(name, value)
        yield await stack.enter_async_context(proxy_of(folder, host="127.0.0.1")), acting


def hello(name: str) -> Play:
    """A provider's short answer."""
    return Play(tuple(WRITERS[KINDS[name]](Said((f"Hello from {name}",)))))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("fast", "openai"),
        ("anthropic/anthropic-model", "anthropic"),
        ("ollama-model", "ollama"),
        ("default", "ollama"),
        ("coder", "ollama"),
    ],
)
async def test_every_name_of_the_specification_leads_to_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, name: str
) -> None:
    async with running(tmp_path, monkeypatch) as (proxy, acting):
        answer = await proxy.stream({"model": model, "messages": user("Hi")})

    assert answer.text == f"Hello from {name}"
    assert {who: len(one.asked) for who, one in acting.items()} == {
        who: int(who == name) for who in KINDS
    }
    assert acting[name].asked[0].body["model"] == f"{name}-model"


@pytest.mark.parametrize(
    ("down", "provider"),
    [(["ollama"], "anthropic"), (["ollama", "anthropic"], "scripted")],
)
async def test_the_targets_of_a_route_stand_in_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, down: list[str], provider: str
) -> None:
    """P-10, P-17."""
    async with running(tmp_path, monkeypatch, *down) as (proxy, acting):
        answer = await proxy.stream({"model": "default", "messages": user("Hi")})

    assert answer.values(b"done")[0]["provider"] == provider
    assert acting["openai"].asked == []


async def test_keys_are_the_files_of_their_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as (proxy, acting):
        for name in KEYED:
            await proxy.stream({"model": f"{name}-model", "messages": user("Hi")})

    assert acting["openai"].asked[0].headers["authorization"] == "Bearer openai-key/api-key"
    assert acting["anthropic"].asked[0].headers["x-api-key"] == "anthropic-key/api-key"


async def test_health_names_providers_as_the_specification_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as (proxy, _):
        checks = (await proxy.get("/health"))["checks"]

    assert checks.keys() >= KINDS.keys()
