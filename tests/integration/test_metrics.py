"""docs/metrics.md names exactly what the services count."""

import re
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes.dialect_writers import WRITERS, Said
from fakes.upstreams import Play, upstream
from harness.person import person
from harness.providers import config_file, provider
from harness.services import Wanted, services
from harness.sockets import opened, refusal

PAGE = (Path(__file__).resolve().parents[2] / "docs/metrics.md").read_text()
ROW = re.compile(
    r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([\w, `]+|\N{EN DASH}) \|", re.MULTILINE
)
BEYOND_A_TEST = {"codelab_gateway_breaker_open"}
"""Has no address to name before one fails."""

Kind = tuple[str, frozenset[str] | None]


def promised(service: str) -> dict[str, Kind]:
    """Type and labels by name, as the page has them."""
    _, _, section = PAGE.partition(f"## {service}\n")
    rows = ROW.findall(section.partition("\n## ")[0])
    return {name: (kind, frozenset(re.findall(r"\w+", labels))) for name, kind, labels in rows}


async def counted(url: str) -> dict[str, Kind]:
    """The same of a service; labels are not known where nothing was counted yet."""
    async with aiohttp.ClientSession(url) as http, http.get("/metrics") as response:
        text = await response.text()
    found: dict[str, Kind] = {}
    for family in text_string_to_metric_families(text):
        if family.name.endswith("_created"):
            continue
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
        assert len(labels) <= 1, name
        found[name] = (family.type, labels.pop() if labels else None)
    return found


async def test_the_page_names_what_three_services_count(
    store_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-04, O-05, O-06, D-09: after a turn with a tool, a broken answer, and a refused socket."""
    monkeypatch.setenv("TEST_KEY", "k")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "a.py").write_text("old = 1\n")
    write = WRITERS["ollama"]
    broken = b'{"oops\n' + b"".join([*write(Said(("Re",)))][:1])
    reading = write(Said(("Reading.",), calls=(("read_file", '{"path":"a.py"}'),)))
    uncounted = (piece.replace(b"eval_count", b"other") for piece in write(Said(("Done.",))))
    plays = (Play((broken,)), Play(tuple(reading)), Play(tuple(uncounted)))
    async with upstream(*plays) as acting:
        file = config_file(tmp_path, provider("ollama", acting.url))
        async with services(
            store_server, tmp_path, Wanted(llmproxy={"config_file": file})
        ) as platform:
            async with person(platform.gateway_url, workspace) as (session, _):
                completed = await session.ask("look")
            async with opened(f"{platform.socket_url}/ws/one"):
                pass
            await refusal(f"{platform.socket_url}/ws/bad%20id")
            async with aiohttp.ClientSession(platform.gateway_url) as http:
                await http.get("/api/v1/models")
            urls = (platform.gateway_url, platform.runtime_url, platform.llmproxy_url)
            found = [await counted(url) for url in urls]

    assert completed["reason"] == "completed"
    for service, counts in zip(("Gateway", "Runtime", "LLM proxy"), found, strict=True):
        assert {
            name: (kind, promised(service)[name][1] if labels is None else labels)
            for name, (kind, labels) in counts.items()
        } == promised(service)
        assert {name for name, (_, labels) in counts.items() if labels is None} <= BEYOND_A_TEST
