"""Names in the configuration of the LLM proxy: what each stands for, and which lead nowhere. Pure.

A name is looked up as alias, then route, then `provider/model`, then model id if only one provider
has it. Works on any document, however broken: what is of the wrong type is passed over here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Path = tuple[int | str, ...]

SCRIPTED: Final = "scripted"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a document; the empty path is the document itself."""

    path: Path
    message: str

    def __str__(self) -> str:
        """`providers[0].base_url: what is wrong`."""
        return f"{path_text(self.path)}: {self.message}" if self.path else self.message


def path_text(path: Path) -> str:
    """A path as people write it."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


@dataclass(frozen=True, slots=True)
class RouteName:
    """A name that stands for a route."""

    route: str


@dataclass(frozen=True, slots=True)
class ModelName:
    """A name that stands for one model of one provider."""

    provider: str
    model: str


Meaning = RouteName | ModelName


class UnknownNameError(Exception):
    """A name that stands for nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Names:
    """All names of one configuration.

    `models` has the ids of each provider; those of `scripted` providers are without end.
    """

    models: Mapping[str, frozenset[str]]
    scripted: frozenset[str]
    aliases: Mapping[str, str]
    routes: frozenset[str]

    def serves(self, provider: str, model: str) -> bool:
        """Whether a provider has a model."""
        if provider in self.scripted:
            return model == "echo" or model.startswith(f"{SCRIPTED}/")
        return model in self.models.get(provider, ())

    def meaning(self, name: str) -> Meaning:
        """What a name stands for; raises `UnknownNameError`."""
        seen: list[str] = []
        while name in self.aliases:
            if name in seen:
                raise UnknownNameError(f"aliases run in a circle: {' → '.join((*seen, name))}")
            seen.append(name)
            name = self.aliases[name]
        return RouteName(name) if name in self.routes else self._model(name)

    def _model(self, name: str) -> ModelName:
        """The model of a name that is no alias and no route."""
        provider, _, model = name.partition("/")
        if self.serves(provider, model):
            return ModelName(provider, model)
        having = [provider for provider in self.models if self.serves(provider, name)]
        if len(having) > 1:
            raise UnknownNameError(f"{name!r} is a model of several: {', '.join(having)}")
        if not having:
            raise UnknownNameError(f"{name!r} is no route and no model")
        return ModelName(having[0], name)


def names_of(document: object) -> Names:
    """The names in a decoded document."""
    providers = [item for _, item in _entries(document, "providers")]
    named = [(item["name"], item) for item in providers if isinstance(item.get("name"), str)]
    aliases = _table(document, "aliases")
    return Names(
        {name: frozenset(_ids(item)) for name, item in named},
        frozenset(name for name, item in named if item.get("kind") == SCRIPTED),
        {name: wanted for name, wanted in aliases.items() if isinstance(wanted, str)},
        frozenset(_table(document, "routes")),
    )


def reference_problems(document: object) -> list[Problem]:
    """Names that come twice or belong to another, and references that lead nowhere."""
    names = names_of(document)
    return [
        *_misnamed(document),
        *_twice(document),
        *_bad_aliases(names),
        *_bad_targets(document, names),
    ]


def _misnamed(document: object) -> Iterator[Problem]:
    """What the scripted provider says bears its name, and nothing else does."""
    for path, item in _entries(document, "providers"):
        if (item.get("kind") == SCRIPTED) != (item.get("name") == SCRIPTED):
            message = "the scripted provider, and no other, is named scripted"
            yield Problem((*path, "name"), message)


def _twice(document: object) -> Iterator[Problem]:
    """Providers, keys of one, models of one, that have the same name."""
    providers = list(_entries(document, "providers"))
    yield from _repeated(((path, item.get("name")) for path, item in providers), "name")
    for path, item in providers:
        for part in ("keys", "models"):
            inner = ((path + at, entry.get("id")) for at, entry in _entries(item, part))
            yield from _repeated(inner, "id")


def _repeated(items: Iterable[tuple[Path, Any]], field: str) -> Iterator[Problem]:
    """Every item whose name an earlier one has."""
    count: Counter[str] = Counter()
    for path, name in items:
        if isinstance(name, str):
            count[name] += 1
            if count[name] > 1:
                yield Problem((*path, field), "this name is used twice")


def _bad_aliases(names: Names) -> Iterator[Problem]:
    """Aliases that hide a route, run in a circle, or stand for nothing."""
    for alias in names.aliases:
        path = ("aliases", alias)
        if alias in names.routes:
            yield Problem(path, "a route has the same name")
        try:
            names.meaning(alias)
        except UnknownNameError as error:
            yield Problem(path, str(error))


def _bad_targets(document: object, names: Names) -> Iterator[Problem]:
    """Targets that do not exist, or that stand in one list twice."""
    for route, fields in _table(document, "routes").items():
        for part in ("targets", "larger_context"):
            seen: set[tuple[Any, Any]] = set()
            for at, target in _entries(fields, part):
                yield from _bad_target(("routes", route, *at), target, names, seen)


def _bad_target(
    path: Path, target: Mapping[str, Any], names: Names, seen: set[tuple[Any, Any]]
) -> Iterator[Problem]:
    """What is wrong with one target; adds it to those that were seen."""
    provider, model = target.get("provider"), target.get("model")
    if not isinstance(provider, str) or not isinstance(model, str):
        return
    if (provider, model) in seen:
        yield Problem(path, "this target is there twice")
    seen.add((provider, model))
    if provider not in names.models:
        yield Problem((*path, "provider"), f"there is no provider {provider!r}")
    elif not names.serves(provider, model):
        yield Problem((*path, "model"), f"{provider} has no model {model!r}")


def _entries(parent: object, part: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The mappings in a list of a mapping, each with its path from there."""
    listed = parent.get(part) if isinstance(parent, Mapping) else None
    for at, item in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(item, Mapping):
            yield (part, at), item


def _table(parent: object, part: str) -> Mapping[str, Any]:
    """A mapping in a mapping, of which the names are text."""
    found = parent.get(part) if isinstance(parent, Mapping) else None
    items = found.items() if isinstance(found, Mapping) else ()
    return {name: item for name, item in items if isinstance(name, str)}


def _ids(provider: Mapping[str, Any]) -> Iterator[str]:
    """The model ids of one provider."""
    for _, model in _entries(provider, "models"):
        if isinstance(model.get("id"), str):
            yield model["id"]
