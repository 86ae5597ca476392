"""Which models there are, under which names, and who serves them; immutable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.llm_config import ClocksConfig, LLMConfig, RouteConfig, TargetConfig
from codelab_core.llm_names import SCRIPTED, Names, RouteName, UnknownNameError, names_of
from codelab_core.protocol.inference import ModelInfo
from codelab_llmproxy.affinity import ranked
from codelab_llmproxy.clocks import Limits, limits_of
from codelab_llmproxy.model_facts import ModelFacts
from codelab_llmproxy.providers import Provider

SCRIPTED_MODEL: Final = f"{SCRIPTED}/agent"
_KIND_OF_ALIAS: Final[Mapping[str, str]] = {
    "gpt-4": "openai-compatible",
    "gpt-4o": "openai-compatible",
    "claude-3": "anthropic",
    "local-llama2": "ollama",
}
"""Names that people know, and the kind of provider that each stands for."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one inference goes, and how long each part of it may take.

    `hurried` is how long where another target could answer instead. `restarts`: an answer that
    broke off may be taken back and given anew. `is_spare`: only for what is too long for others.
    """

    provider: Provider
    facts: ModelFacts
    limits: Limits
    hurried: Limits
    restarts: bool = True
    is_spare: bool = False

    @property
    def model(self) -> str:
        """The model as its provider knows it."""
        return self.facts.id

    @property
    def label(self) -> str:
        """The model as metrics name it."""
        return self.facts.label


class Catalogue:
    """All models of some providers, and other names for them.

    The providers are those of the configuration, in its order.
    """

    def __init__(self, providers: Sequence[Provider], config: LLMConfig) -> None:
        self.providers = tuple(providers)
        self._by_name = {provider.name: provider for provider in providers}
        self._routes = config.routes
        named = names_of(config.model_dump())
        aliases = dict(config.aliases) | dict(_default_aliases(config, providers))
        self._names = Names(named.models, named.scripted, aliases, named.routes)

    def resolve(self, name: str, affinity: str = "") -> tuple[Target, ...]:
        """The targets of a name, in the order in which they are asked; there is at least one.

        Raises `NOT_FOUND`/unknown_model with the valid ids.
        """
        targets = self._find(name, affinity)
        if not targets:
            raise CodelabError(
                Code.NOT_FOUND,
                "unknown_model",
                message=f"There is no model {name[:128]!r}.",
                models=[known.id for known in self.models()],
            )
        return targets

    def models(self) -> list[ModelInfo]:
        """Every model to list, aliases and routes first: they are what most callers ask for."""
        others = {name: self._find(name) for name in (*self._names.aliases, *self._routes)}
        return [
            *(_info(name, targets[0]) for name, targets in others.items() if targets),
            *(
                _info(self._shown(provider, facts), self._target(provider.name, facts))
                for provider in self.providers
                for facts in provider.models()
            ),
        ]

    def _find(self, name: str, affinity: str = "") -> tuple[Target, ...]:
        """The targets of a name; none for one that stands for nothing, or for a model gone."""
        try:
            meaning = self._names.meaning(name)
        except UnknownNameError:
            return ()
        if isinstance(meaning, RouteName):
            return tuple(self._along(self._routes[meaning.route], affinity))
        target = self._served(meaning.provider, meaning.model)
        return (target,) if target else ()

    def _shown(self, provider: Provider, facts: ModelFacts) -> str:
        """The id of a model, with its provider where another has one of the same name."""
        having = [other for other in self.providers if other.find(facts.id)]
        is_taken = facts.id in self._names.aliases or facts.id in self._routes
        return f"{provider.name}/{facts.id}" if is_taken or len(having) > 1 else facts.id

    def _along(self, route: RouteConfig, affinity: str) -> Iterator[Target]:
        """The targets of a route: by priority, then in the same order for the same session.

        Those with more room come last. A route without a target of its own is none.
        """
        served = [self._served(t.provider, t.model, route.clocks) for t in _order(route, affinity)]
        targets = [replace(t, restarts="restart" in route.rescue) for t in served if t]
        spares = [self._served(t.provider, t.model, route.clocks) for t in route.larger_context]
        yield from targets
        if targets:
            restarts = targets[0].restarts
            yield from (replace(t, restarts=restarts, is_spare=True) for t in spares if t)

    def _served(
        self, provider: str, model: str, clocks: ClocksConfig | None = None
    ) -> Target | None:
        """A model, where its provider has it."""
        facts = self._by_name[provider].find(model)
        return self._target(provider, facts, clocks) if facts else None

    def _target(
        self, provider: str, facts: ModelFacts, clocks: ClocksConfig | None = None
    ) -> Target:
        """A model with its limits; those of the route win."""
        found = self._by_name[provider]
        both = [
            limits_of(found.kind, reasoning=facts.reasoning, is_last=is_last).changed(facts.clocks)
            for is_last in (True, False)
        ]
        limits, hurried = [one.changed(clocks) if clocks else one for one in both]
        return Target(found, facts, limits, hurried)


def _order(route: RouteConfig, affinity: str) -> list[TargetConfig]:
    """The targets of a route as one session asks them."""
    named = {f"{target.provider}/{target.model}": target for target in route.targets}
    ranks = ranked(affinity, ((name, target.weight) for name, target in named.items()))
    return sorted((named[name] for name in ranks), key=lambda target: target.priority)


def _default_aliases(config: LLMConfig, providers: Sequence[Provider]) -> Iterator[tuple[str, str]]:
    """Names that the configuration need not give.

    Beside a real provider the scripted one answers only where it is named: nobody may take what it
    says for the answer of a model.
    """
    taken = config.aliases.keys() | config.routes.keys()
    firsts = {kind: _first_of(kind, providers) for kind in ("", *_KIND_OF_ALIAS.values())}
    is_scripted_only = all(provider.kind == SCRIPTED for provider in providers)
    wanted = {"default": next(iter(config.routes), firsts[""])}
    wanted["auto"] = wanted["default"] if "default" not in taken else "default"
    for alias, kind in _KIND_OF_ALIAS.items():
        wanted[alias] = firsts[""] if is_scripted_only else firsts[kind]
    real = {facts.id for provider in providers for facts in provider.models()}
    for alias, name in wanted.items():
        if name and alias not in taken and alias not in real:
            yield alias, name


def _first_of(kind: str, providers: Sequence[Provider]) -> str | None:
    """The first model of the first provider of a kind, or of any."""
    for provider in providers:
        if not kind or provider.kind == kind:
            return f"{provider.name}/{provider.models()[0].id}"
    return None


def _info(name: str, target: Target) -> ModelInfo:
    """A model as callers see it, under one of its names."""
    facts = target.facts
    return ModelInfo(
        id=name,
        name=facts.id if name == facts.id else name,
        provider=target.provider.name,
        family=facts.family,
        context_length=facts.context_window,
        max_tokens=facts.max_output,
        supports_tools=facts.tools,
    )
