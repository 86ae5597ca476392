"""What follows when a call of a provider has failed: which target is asked next, or the end. Pure.

Nothing shown: the next call is invisible. Text shown: it is taken back, the answer is given anew.
Whole tool calls shown: they stand, and the model asks again for what is missing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, NamedTuple

from codelab_core.errors import CodelabError
from codelab_llmproxy.scopes import NO_TARGET, SCOPES, STAYS, Scope

Rung = Literal["first", "retry", "failover", "restart", "salvage", "none"]
PAUSE_S: Final = 0.5
"""Before the same provider is asked again, doubled each time; the random part is the caller's."""
LONGEST_PAUSE_S: Final = 4.0
PATIENCE_S: Final = 3.0
"""The longest wait a provider may ask for while another target could answer at once."""
MAX_PER_TARGET: Final = 2
MAX_CALLS: Final = 4
"""Of one inference, those aside that give anew what was shown."""
MAX_RESCUES: Final = 2
ASKED_WAIT: Final = "asked_wait"
"""Detail of a failure that is false where the wait is our guess, not what the provider said."""


class Shown(IntEnum):
    """What readers may have seen of an answer."""

    NOTHING = 0
    TEXT = 1
    CALLS = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """One target as it stands now; `wait_s` is 0 where it can be asked at once.

    `may_repeat`: its provider has retries left. `is_denied`: its keys were refused, nothing else
    keeps it. `is_spare`: it is only for what is too long for the others. `is_stand_in`: it imitates
    a model, and is taken only where no real one can answer.
    """

    provider: str
    window: int
    wait_s: float = 0.0
    may_repeat: bool = True
    is_denied: bool = False
    is_spare: bool = False
    is_stand_in: bool = False


class Next(NamedTuple):
    """What to do, after how many seconds, with the target of which number."""

    rung: Rung
    pause_s: float = 0.0
    target: int = 0


END: Final = Next("none")


class Plan:
    """The state of one inference; `first` is the failure that its caller is told of.

    Targets are numbered in the order in which they are tried. Without `restarts` text that was
    shown is never taken back; `rescues_left` tells how often it still may be.
    """

    def __init__(self, *, restarts: bool = True) -> None:
        self.first: CodelabError | None = None
        self._target = 0
        self._calls: Counter[int] = Counter()
        self._asked: Counter[int] = Counter()
        self.rescues_left = MAX_RESCUES if restarts else 0
        self._repeats = 0
        self._barred: set[int] = set()
        self._too_long: int | None = None
        self._was_spoilt = False

    def begin(self, targets: Sequence[Standing]) -> Next:
        """The first call; none where no target can be asked, then with the wait for the earliest.

        A target is asked whose keys were refused before, rather than none: they may be good by now.
        """
        usual = [number for number, target in enumerate(targets) if not target.is_spare]
        ready = [number for number in usual if not targets[number].wait_s]
        denied = [number for number in usual if targets[number].is_denied]
        for number in (*ready, *denied):
            return self._go(Next("first", 0.0, number), Shown.NOTHING)
        return Next("none", min((targets[number].wait_s for number in usual), default=0.0))

    def after(self, error: CodelabError, shown: Shown, targets: Sequence[Standing]) -> Next:
        """The next step after a call that failed."""
        if self.first is None or self.first.reason == NO_TARGET:
            self.first = error
        scope = self._scope(error)
        if scope is Scope.NONE:
            return END
        if shown is Shown.CALLS:
            return Next("salvage")
        if not self._may_go_on(shown):
            return END
        self._bar(scope, targets[self._target])
        return self._go(self._choice(scope, error, shown, targets), shown)

    def has_other(self, targets: Sequence[Standing]) -> bool:
        """Whether another real target could answer where the one that is asked now does not."""
        others = self._others(Scope.OTHER_ONLY, targets)
        return any(not targets[number].is_stand_in for number in others)

    def _scope(self, error: CodelabError) -> Scope:
        """Where to go after a failure; at a limit of the answer it would end there again."""
        scope = SCOPES.get(error.reason, Scope.NONE)
        if scope is not Scope.ANEW:
            return scope
        if self._was_spoilt or error.details.get("finish_reason") == "length":
            return Scope.NONE
        self._was_spoilt = True
        return scope

    def _may_go_on(self, shown: Shown) -> bool:
        """Whether one more call is within the limits."""
        return self.rescues_left > 0 if shown else self._calls.total() < MAX_CALLS

    def _bar(self, scope: Scope, failed: Standing) -> None:
        """Remember which targets are of no use to this inference any more."""
        if scope in {Scope.OTHER_ONLY, Scope.LARGER}:
            self._barred.add(self._target)
        if scope is Scope.LARGER:
            self._too_long = max(self._too_long or 0, failed.window)

    def _choice(
        self, scope: Scope, error: CodelabError, shown: Shown, targets: Sequence[Standing]
    ) -> Next:
        """The same target or another one."""
        others = sorted(
            self._others(scope, targets),
            key=lambda n: (targets[n].is_stand_in, self._asked[n], n),
        )
        now = targets[self._target]
        pause_s = self._pause_s(scope, error, now) if shown or now.may_repeat else None
        is_full = not shown and self._calls[self._target] >= MAX_PER_TARGET
        if pause_s is not None and not is_full:
            is_free = pause_s <= PATIENCE_S and (shown or not self._is_scarce(others))
            stays = not shown and scope in STAYS
            if not others or (is_free and (stays or self._outranks(others, targets))):
                return Next("restart" if shown else "retry", pause_s, self._target)
        if others:
            return Next("restart" if shown else "failover", 0.0, others[0])
        return END

    def _outranks(self, others: Sequence[int], targets: Sequence[Standing]) -> bool:
        """Whether the target that is asked now comes before all others once more."""
        is_real = not targets[self._target].is_stand_in
        has_real = any(not targets[number].is_stand_in for number in others)
        return is_real and not has_real and self._asked[self._target] < MAX_PER_TARGET

    def _is_scarce(self, others: Sequence[int]) -> bool:
        """Whether the calls that are left are needed for targets that were not asked yet."""
        new = [number for number in others if not self._asked[number]]
        return MAX_CALLS - self._calls.total() <= len(new)

    def _others(self, scope: Scope, targets: Sequence[Standing]) -> Iterator[int]:
        """Targets that can be asked instead, in their order."""
        now = targets[self._target]
        for number, target in enumerate(targets):
            is_used = number in self._barred or self._calls[number] >= MAX_PER_TARGET
            if number == self._target or is_used or target.wait_s:
                continue
            if self._holds_it(target) and (
                scope is not Scope.KEY or target.provider != now.provider
            ):
                yield number

    def _holds_it(self, target: Standing) -> bool:
        """Whether a target may have room for what was too long for others."""
        if self._too_long is None:
            return not target.is_spare
        return target.is_spare or target.window > self._too_long

    def _pause_s(self, scope: Scope, error: CodelabError, now: Standing) -> float | None:
        """How long to wait before the same target is asked again; `None` where it must not be."""
        if scope in {Scope.OTHER_ONLY, Scope.LARGER}:
            return None
        if scope is Scope.LIMITED and now.wait_s:
            is_guess = not error.details.get(ASKED_WAIT, True)
            return PAUSE_S if is_guess else (error.retry_after_ms or 0) / 1000
        if now.wait_s:
            return None
        return self._backoff_s(error) if scope is Scope.SAME_FIRST else 0.0

    def _backoff_s(self, error: CodelabError) -> float:
        """The wait for a provider in trouble: what it asks for, else longer each time."""
        if error.retry_after_ms is not None:
            return min(error.retry_after_ms / 1000, PATIENCE_S)
        pause_s: float = PAUSE_S * 2**self._repeats
        return min(LONGEST_PAUSE_S, pause_s)

    def _go(self, step: Next, shown: Shown) -> Next:
        """Note a call that is going to be made."""
        if step.rung == "none":
            return step
        self._repeats += step.target == self._target and self._asked.total() > 0
        self._target = step.target
        self._asked[step.target] += 1
        if shown:
            self.rescues_left -= 1
        else:
            self._calls[step.target] += 1
        return step
