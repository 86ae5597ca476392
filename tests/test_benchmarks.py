"""The benchmarks find what they are there to find: lost and doubled tokens, missed figures."""

import argparse
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def program(name: str) -> ModuleType:
    """A module of the benchmarks, which are no package."""
    spec = spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


harness, talker = program("harness"), program("talker")


@pytest.mark.parametrize(
    ("text", "gaps", "doubles"),
    [
        pytest.param("t00001 t00002 t00003", 0, 0, id="whole"),
        pytest.param("t00001 t00003", 1, 0, id="one lost"),
        pytest.param("t00001 t00002 t00002", 0, 1, id="one twice"),
        pytest.param("t00002 t00001", 1, 1, id="out of order"),
        pytest.param("t00001@7 t00002@8", 0, 0, id="with times"),
    ],
)
def test_a_lost_or_doubled_token_is_counted(text: str, gaps: int, doubles: int) -> None:
    """G-07."""
    seen: Any = talker.Seen()

    talker.Talker(None, seen)._words(text, 0)

    assert (seen.gaps, seen.doubles, seen.tokens) == (gaps, doubles, len(text.split()))
    assert seen.is_clean == (gaps + doubles == 0)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([], 0.5, 0.0, id="none"),
        pytest.param([3.0], 0.99, 3.0, id="one"),
        pytest.param([4.0, 1.0, 3.0, 2.0], 0.5, 3.0, id="middle"),
        pytest.param(list(map(float, range(100))), 0.95, 95.0, id="95 of 100"),
        pytest.param([1.0, 2.0], 1.0, 2.0, id="all"),
    ],
)
def test_a_percentile_is_one_of_the_values(
    values: list[float], share: float, expected: float
) -> None:
    assert harness.percentile(values, share) == expected


@pytest.mark.parametrize(
    ("required", "strict", "status"), [(True, False, 1), (False, False, 0), (False, True, 1)]
)
def test_a_missed_promise_fails_where_it_has_to(
    capsys: pytest.CaptureFixture[str], *, required: bool, strict: bool, status: int
) -> None:
    """D-06."""
    report = harness.Report("load")

    report.check("p95 501 ms", holds=False, required=required)

    chosen = argparse.Namespace(json=None, plot=None, strict=strict)
    assert report.finish(chosen) == status
    assert capsys.readouterr().out == "✗ p95 501 ms\n"


def test_figures_are_kept_with_their_machine_and_drawn(tmp_path: Path) -> None:
    report = harness.Report("<load>")
    report.add({"system": "a & b", "ms": 3.25})
    chosen = argparse.Namespace(json=tmp_path / "f.json", plot=tmp_path / "f.svg", strict=False)

    assert report.finish(chosen, ("ms",)) == 0

    kept = orjson.loads(chosen.json.read_bytes())
    assert (kept["benchmark"], kept["rows"]) == ("<load>", [{"system": "a & b", "ms": 3.25}])
    assert {"cpus", "processor", "python", "load_average"} <= set(kept["machine"])
    drawn = ElementTree.fromstring(chosen.plot.read_text())  # noqa: S314 -- our own
    texts = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    assert texts == ["<load>", "ms", "a & b 3.25", "3.25"]
