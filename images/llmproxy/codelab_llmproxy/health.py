"""How each target is doing, as all inferences of this process see it."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from codelab_core.clock import Clock
from codelab_core.errors import CodelabError
from codelab_core.llm_names import SCRIPTED
from codelab_core.protocol.inference import TargetView
from codelab_llmproxy.breaker import Breaker, RetryBudget
from codelab_llmproxy.catalogue import Target
from codelab_llmproxy.plan import Standing

SPREAD: Final = 0.1
_WEIGHTS: Final[Mapping[str | None, int]] = {
    "overloaded": 1,
    "server_error": 1,
    "connect_failed": 1,
    "reset": 1,
    "cut": 1,
    "stalled": 1,
    "malformed": 1,
    "silent": 2,
    "slow_first_content": 2,
}
"""Failures that count against a target; limits and keys are the business of its provider."""


@dataclass(slots=True)
class _Doing:
    """What is known of one target."""

    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0
    last_error: str | None = None


class Health:
    """Breakers per target, retry budgets per provider; local, and effective for the next call."""

    def __init__(self, clock: Clock, uniform: Callable[[float, float], float]) -> None:
        self._clock = clock
        self._uniform = uniform
        self._doing: defaultdict[tuple[str, str], _Doing] = defaultdict(_Doing)
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)

    def standing(self, target: Target) -> Standing:
        """A target as the plan sees it."""
        closed_in = self._of(target).breaker.wait_s(self._clock.monotonic())
        held = target.provider.hold(target.model)
        return Standing(
            provider=target.provider.name,
            window=target.facts.context_window,
            wait_s=max(closed_in, held.wait_s),
            may_repeat=not self._budgets[target.provider.name].is_empty,
            is_denied=held.is_denied and not closed_in,
            is_spare=target.is_spare,
            is_stand_in=target.provider.kind == SCRIPTED,
        )

    def begin(self, target: Target, *, is_retry: bool) -> int:
        """A call starts; returns its number, for `note` or `leave`."""
        doing = self._of(target)
        doing.in_flight += 1
        if is_retry:
            self._budgets[target.provider.name].spend()
        return doing.breaker.begin(self._clock.monotonic())

    def note(self, target: Target, call: int, error: CodelabError | None) -> bool:
        """How a call ended, `None` for a whole answer; whether the target is left alone now."""
        doing, now = self._of(target), self._clock.monotonic()
        doing.in_flight -= 1
        doing.last_error = (error.reason or "internal") if error else None
        breaker = doing.breaker
        if error is None:
            breaker.succeeded(now)
            self._budgets[target.provider.name].regain()
        elif weight := _WEIGHTS.get(error.reason):
            spread = self._uniform(1 - SPREAD, 1 + SPREAD)
            breaker.failed(call, now, weight, spread)
        else:
            breaker.let_go(call)
        return breaker.is_open

    def leave(self, target: Target, call: int) -> None:
        """A call was given up: nothing is known of how it would have ended."""
        doing = self._of(target)
        doing.in_flight -= 1
        doing.breaker.let_go(call)

    def last_error(self, targets: Sequence[Target]) -> str | None:
        """The class of the last failure of the first of some targets that had one."""
        return next((e for target in targets if (e := self._of(target).last_error)), None)

    def view(self, provider: str, label: str) -> TargetView:
        """A target as callers see it."""
        doing = self._doing.get((provider, label)) or _Doing()
        return TargetView(
            model=label,
            breaker=doing.breaker.state(self._clock.monotonic()),
            in_flight=doing.in_flight,
            last_error=doing.last_error,
        )

    def _of(self, target: Target) -> _Doing:
        """What is known of a target."""
        return self._doing[target.provider.name, target.label]
