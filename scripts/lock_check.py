"""Checks that `requirements/*.txt` fit what the `pyproject.toml` files declare.

python scripts/lock_check.py           prints what is missing, does not fit or differs; 1 then
python scripts/lock_check.py --seed    makes `uv.lock` with exactly the committed versions
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = [ROOT, *(path.parent for path in ROOT.glob("*/pyproject.toml"))]
PROJECTS += [path.parent for path in ROOT.glob("images/*/pyproject.toml")]


def pins(file: Path) -> dict[str, Version]:
    """Name → version of an export; entries for other platforms count too."""
    lines = (line.partition(" \\")[0] for line in file.read_text().splitlines())
    found = (Requirement(line) for line in lines if line and not line.startswith((" ", "#")))
    return {canonicalize_name(pin.name): pinned_version(pin) for pin in found}


def pinned_version(pin: Requirement) -> Version:
    """The version in `name==version`."""
    (specifier,) = pin.specifier
    return Version(specifier.version)


def declared(project: Path) -> Iterator[Requirement]:
    """Direct dependencies of one project on packages that are not ours."""
    table = tomllib.loads((project / "pyproject.toml").read_text())
    lines = list(table["project"].get("dependencies", []))
    for extra in (
        table["project"].get("optional-dependencies", {}),
        table.get("dependency-groups", {}),
    ):
        lines += [line for group in extra.values() for line in group]
    found = map(Requirement, lines)
    return (need for need in found if not need.name.startswith("codelab-"))


def faults() -> Iterator[str]:
    """One sentence per fault, none when all is well."""
    files = {path.stem: pins(path) for path in sorted((ROOT / "requirements").glob("*.txt"))}
    everything = files["dev"]
    for project in PROJECTS:
        own = files.get(project.name, everything)
        for need in declared(project):
            name = canonicalize_name(need.name)
            if name not in own:
                yield f"{project.name}: {need} is in no requirements file; run scripts/lock"
            elif own[name] not in need.specifier:
                yield f"{project.name}: {need} is pinned to {own[name]}; run scripts/lock"
    for stem, versions in files.items():
        for pinned, version in versions.items():
            if everything.get(pinned) != version:
                other = everything.get(pinned)
                yield f"requirements/{stem}.txt: {pinned} {version}, dev.txt: {other}"


def seed() -> None:
    """Resolve a copy of the workspace with the committed versions as constraints; keep its lock."""
    constraints = [
        f"{name}=={version}" for name, version in pins(ROOT / "requirements/dev.txt").items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        for project in PROJECTS:
            copy = Path(folder) / project.relative_to(ROOT)
            copy.mkdir(parents=True, exist_ok=True)
            shutil.copy(project / "pyproject.toml", copy)
        root = Path(folder) / "pyproject.toml"
        line = f"constraint-dependencies = {constraints}\n"
        root.write_text(root.read_text().replace("[tool.uv]\n", f"[tool.uv]\n{line}", 1))
        command = [str(ROOT / "scripts/uv"), "lock", "--quiet", "--python", sys.executable]
        subprocess.run(command, check=True, cwd=folder)  # noqa: S603 -- our own script with fixed arguments
        shutil.copy(Path(folder) / "uv.lock", ROOT)


def main() -> int:
    """Check, or with `--seed` make the lock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seed", action="store_true", help="make uv.lock from requirements/dev.txt"
    )
    if parser.parse_args().seed:
        seed()
        return 0
    found = list(faults())
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
