"""What every benchmark shares: options, percentiles, a table, JSON, a picture, ✓ and ✗ lines."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Final

BAR_WIDTH: Final = 420
ROW_HEIGHT: Final = 24
LARGE: Final = 100
"""From here on figures are shown without a fraction."""

Row = Mapping[str, str | int | float]


def options(what: str) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--smoke", action="store_true", help="a small run, at most 20 s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them, as SVG")
    parser.add_argument("--strict", action="store_true", help="a missed figure is a failure too")
    return parser


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share (0…1) of the values does not exceed; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpus": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(memory / 2**30),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


@dataclass(slots=True)
class Report:
    """Rows of figures, and what was promised of them."""

    name: str
    rows: list[Row] = field(default_factory=list)
    checks: list[tuple[bool, bool, str]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """One more row, shown at once."""
        self.rows.append(row)
        if len(self.rows) == 1:
            print("  ".join(f"{name:>{_width(name)}}" for name in row))
        print("  ".join(f"{_shown(value):>{_width(name)}}" for name, value in row.items()))
        sys.stdout.flush()

    def check(self, text: str, *, holds: bool, required: bool = True) -> None:
        """A promise with its figure; one that is not `required` fails only with `--strict`."""
        self.checks.append((holds, required, text))
        print(f"{'✓' if holds else '✗'} {text}")

    def finish(self, chosen: argparse.Namespace, plotted: Sequence[str] = ()) -> int:
        """Write what was asked for; the exit status. `plotted` names the columns to draw."""
        body = {
            "benchmark": self.name,
            "machine": machine(),
            "rows": self.rows,
            "checks": [{"holds": holds, "text": text} for holds, _, text in self.checks],
        }
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")
        if chosen.plot:
            chosen.plot.write_text(svg(self.name, self.rows, plotted))
        missed = [
            text for holds, must, text in self.checks if not holds and (must or chosen.strict)
        ]
        return 1 if missed else 0


def _width(name: str) -> int:
    """Room for a column."""
    return max(len(name), 8)


def _shown(value: str | float) -> str:
    """A figure with as many digits as it deserves."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < LARGE else f"{value:.0f}"
    return str(value)


def svg(title: str, rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Bars of some columns, one group per row; a row is named by its first columns of text."""
    parts, y = [f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>'], 44
    for column in columns:
        figures = [(row, float(row[column])) for row in rows if column in row]
        largest = max((figure for _, figure in figures), default=0.0) or 1.0
        parts.append(f'<text x="8" y="{y}">{escape(column)}</text>')
        for row, figure in figures:
            y += ROW_HEIGHT
            width = BAR_WIDTH * figure / largest
            label = " ".join(str(v) for v in list(row.values())[:2])
            parts.append(f'<text x="190" y="{y}" text-anchor="end">{escape(label)}</text>')
            parts.append(
                f'<rect x="200" y="{y - 12}" width="{width:.1f}" height="14" fill="#47a"/>'
            )
            parts.append(f'<text x="{206 + width:.1f}" y="{y}">{_shown(figure)}</text>')
        y += 2 * ROW_HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y}" '
    style = 'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([head + style, *parts, "</svg>", ""])
