"""How often a hunk lands in the wrong copy of a repeated block.

    python benchmarks/patch_placement.py [--cases 3000] [--git-cases 300] [--json FILE]

The engine places a patch or refuses it. A refused one is tried once more with chosen lines, and
where context tells copies apart, once more with three more lines of it. Plain `git apply` gets
some of the cases too. Exit status 1 if the engine changed the wrong place, or did what had to be
refused, or was not right at the second try.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from codelab_core.patch.apply import applied_hunks
from codelab_core.patch.build import prepare
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.model import AppliedHunk
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.tool_errors import ToolError
from harness import Report, options
from patch_corpus import ALIKE, NAME, OLDER, PLAIN, TWICE, Case, case, joined

NO_CHOICE: Final[Mapping[int, int]] = MappingProxyType({})
COLUMNS: Final = (
    "cases",
    "right",
    "refused",
    "wrong",
    "at: right",
    "at: other",
    "wider: right",
    "wider: other",
    "git cases",
    "git wrong",
)


def sent(
    tried: Case, at: Mapping[int, int], made: Sequence[AppliedHunk] = ()
) -> PreparedPatch | None:
    """The patch in the file that the model read; `None` when it is refused."""
    try:
        patch = parse_patch(tried.diff())
        return prepare(patch, {NAME: Base(joined(tried.base))}, at=at, applied=made)
    except ToolError:
        return None


def judged(tried: Case, at: Mapping[int, int] = NO_CHOICE) -> str:
    """What the engine makes of the case: `right`, `refused` or `wrong`."""
    ready = sent(tried, at)
    if ready is None:
        return "refused"
    post = ready.posts[NAME] or b""
    if post != tried.right(tried.base):
        return "wrong"
    if tried.base != tried.disk:
        return "refused"  # the file has not the hash that the guard names
    after = tuple(post.decode().splitlines())
    again = replace(tried, base=after, disk=after)
    twice = tried.variant == TWICE and sent(again, {}, applied_hunks(ready.diff, "first"))
    return "wrong" if twice else "right"


def second_tries(tried: Case) -> Iterator[str]:
    """What becomes of a refused case that is read and sent again without damage, in two ways."""
    plain = replace(tried, variant=PLAIN, seen=tried.disk, base=tried.disk)
    lines = {number: first + 1 for number, (_, first, _) in enumerate(plain.blocks(), 1)}
    yield f"at: {_right(judged(plain, lines))}"
    if tried.layout not in ALIKE:
        yield f"wider: {_right(judged(replace(plain, context=6)))}"


def _right(judgement: str) -> str:
    """`right` or `other`."""
    return judgement if judgement == "right" else "other"


def judged_by_git(tried: Case) -> str:
    """What `git apply` makes of the case; it says by its exit status whether all is well."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, NAME)
        file.write_bytes(joined(tried.disk))
        if not asyncio.run(_git_apply(tried.diff(), folder)):
            return "refused"
        right = file.read_bytes() == tried.right(tried.disk)
        twice = tried.variant == TWICE and asyncio.run(_git_apply(tried.diff(), folder))
        return "right" if right and not twice else "wrong"


async def _git_apply(diff: str, folder: str) -> bool:
    """Whether git says that it applied the patch."""
    pipe = asyncio.subprocess.PIPE
    command = ("git", "apply", "--whitespace=nowarn", "-")
    git = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe
    )
    await git.communicate(diff.encode())
    return git.returncode == 0


def measured(cases: int, git_cases: int) -> dict[str, Counter[str]]:
    """How often which judgement was passed, by variant."""
    step = max(cases // git_cases, 1) if git_cases and shutil.which("git") else 0
    tally: dict[str, Counter[str]] = {}
    for number in range(cases):
        tried = case(number)
        counts = tally.setdefault(tried.variant, Counter())
        judgement = judged(tried)
        counts.update(("cases", judgement))
        if judgement == "refused" and tried.variant != OLDER:
            counts.update(second_tries(tried))
        if step and number % step == number // step % step:  # not always the same layout
            counts.update(("git cases", f"git {judged_by_git(tried)}"))
    return tally


def table(tally: Mapping[str, Mapping[str, int]]) -> str:
    """The tally as text."""
    lines = [" " * 24 + "".join(f"{name:>13}" for name in COLUMNS)]
    for variant, counts in tally.items():
        lines.append(f"{variant:<24}" + "".join(f"{counts.get(c, 0):>13}" for c in COLUMNS))
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and say by the exit status whether the promise holds."""
    parser = options("Placement of patches among repeated blocks.")
    parser.add_argument("--cases", type=int, default=3_000)
    parser.add_argument("--git-cases", type=int, default=300)
    chosen = parser.parse_args()
    if chosen.smoke:
        chosen.cases, chosen.git_cases = min(chosen.cases, 500), min(chosen.git_cases, 20)
    began = time.process_time()
    tally = measured(chosen.cases, chosen.git_cases)
    total = sum(tally.values(), Counter[str]())
    print(table({**tally, "all": total}))
    print(f"\nengine: {total['wrong']} of {total['cases']} wrong", end="")
    if total["git cases"]:
        print(
            f"; git apply: {total['git wrong']} of {total['git cases']}, reported as fine", end=""
        )
    print(f"; {time.process_time() - began:.1f} s CPU")
    print()
    report = Report("patch_placement", [{"variant": name, **tally[name]} for name in tally])
    report.check(f"{total['wrong']} patches changed the wrong place", holds=not total["wrong"])
    other = total["at: other"] + total["wider: other"]
    report.check(f"{other} refused patches not right at the second try", holds=not other)
    return report.finish(chosen, ("right", "refused", "wrong"))


if __name__ == "__main__":
    sys.exit(main())
