"""Probes from a thread of their own."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from codelab_operator.probes import ProbeServer, Verdict


@pytest.fixture
def server() -> Iterator[ProbeServer]:
    """A process that is alive, not ready, and has counted something."""
    registry = CollectorRegistry()
    Counter("things", "Things", registry=registry).inc(3)
    made = ProbeServer(
        ("127.0.0.1", 0),
        lambda: Verdict(passes=True, text="ok"),
        lambda: Verdict(passes=False, text="standby"),
        registry,
    )
    yield made
    made.close()


def ask(server: ProbeServer, path: str) -> tuple[int, str]:
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_each_probe_says_what_its_judge_says(server: ProbeServer) -> None:
    assert ask(server, "/healthz") == (200, "ok")
    assert ask(server, "/readyz?verbose") == (503, "standby")
    assert ask(server, "/other") == (404, "not found")


def test_metrics_are_rendered(server: ProbeServer) -> None:
    status, text = ask(server, "/metrics")

    assert status == 200
    assert "things_total 3.0" in text
