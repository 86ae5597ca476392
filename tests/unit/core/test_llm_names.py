from typing import Any

import pytest

from codelab_core.llm_names import (
    ModelName,
    Names,
    Problem,
    RouteName,
    UnknownNameError,
    names_of,
    path_text,
    reference_problems,
)

NAMES = Names(
    models={
        "openai": frozenset({"gpt-x", "shared"}),
        "gate": frozenset({"shared", "org/model"}),
        "builtin": frozenset(),
    },
    scripted=frozenset({"builtin"}),
    aliases={"default": "auto", "auto": "coder", "fast": "gpt-x", "a": "b", "b": "a"},
    routes=frozenset({"coder"}),
)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("default", RouteName("coder")),
        ("coder", RouteName("coder")),
        ("fast", ModelName("openai", "gpt-x")),
        ("gate/shared", ModelName("gate", "shared")),
        ("org/model", ModelName("gate", "org/model")),
        ("gate/org/model", ModelName("gate", "org/model")),
        ("echo", ModelName("builtin", "echo")),
        ("scripted/tokens-5@9", ModelName("builtin", "scripted/tokens-5@9")),
        ("builtin/echo", ModelName("builtin", "echo")),
    ],
)
def test_a_name_is_an_alias_then_a_route_then_a_model(
    name: str, meaning: RouteName | ModelName
) -> None:
    """P-12."""
    assert NAMES.meaning(name) == meaning


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("shared", "'shared' is a model of several: openai, gate"),
        ("none", "'none' is no route and no model"),
        ("openai/none", "'openai/none' is no route and no model"),
        ("a", "aliases run in a circle: a → b → a"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(name: str, why: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        NAMES.meaning(name)

    assert str(caught.value) == why


def provider(name: str, *models: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "kind": "ollama", "models": [{"id": m} for m in models], **fields}


def route(*targets: tuple[str, str]) -> dict[str, Any]:
    return {"targets": [{"provider": p, "model": m} for p, m in targets]}


def test_names_are_taken_from_any_document() -> None:
    one = provider("one", "m")
    one["models"].append({"id": 5})
    document = {
        "providers": [one, {"name": "two", "kind": "scripted"}, {"name": 5}, "x"],
        "aliases": {"a": "b", "c": 5, 7: "x"},
        "routes": {"r": {}},
    }

    assert names_of(document) == Names(
        {"one": frozenset({"m"}), "two": frozenset()},
        frozenset({"two"}),
        {"a": "b"},
        frozenset({"r"}),
    )
    assert names_of(None) == Names({}, frozenset(), {}, frozenset())
    broken = {"providers": 5, "aliases": [], "routes": "x"}
    assert names_of(broken) == names_of(None)


PROBLEMS = {
    "nothing": ({"providers": [provider("one", "m")]}, []),
    "provider-twice": (
        {"providers": [provider("one", "m"), provider("one", "n")]},
        ["providers[1].name: this name is used twice"],
    ),
    "model-twice": (
        {"providers": [provider("one", "m", "m")]},
        ["providers[0].models[1].id: this name is used twice"],
    ),
    "key-twice": (
        {"providers": [provider("one", "m", keys=[{"id": "k"}, {"id": "k"}, {"id": 5}])]},
        ["providers[0].keys[1].id: this name is used twice"],
    ),
    "alias-of-route": (
        {
            "providers": [provider("one", "m")],
            "routes": {"r": route(("one", "m"))},
            "aliases": {"r": "m"},
        },
        ["aliases.r: a route has the same name"],
    ),
    "dangling-alias": (
        {"aliases": {"x": "y"}},
        ["aliases.x: 'y' is no route and no model"],
    ),
    "circle": (
        {"aliases": {"x": "x"}},
        ["aliases.x: aliases run in a circle: x → x"],
    ),
    "targets": (
        {
            "providers": [provider("one", "m")],
            "routes": {
                "r": {
                    **route(("one", "m"), ("one", "m"), ("two", "m"), ("one", "n")),
                    "larger_context": [{"provider": "one", "model": "m"}, {"provider": 5}],
                }
            },
        },
        [
            "routes.r.targets[1]: this target is there twice",
            "routes.r.targets[2].provider: there is no provider 'two'",
            "routes.r.targets[3].model: one has no model 'n'",
        ],
    ),
}


@pytest.mark.parametrize(("document", "expected"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_what_is_twice_and_what_leads_nowhere_is_found(
    document: dict[str, Any], expected: list[str]
) -> None:
    """Regression 26."""
    assert [str(problem) for problem in reference_problems(document)] == expected


def test_a_problem_names_its_place() -> None:
    assert str(Problem((), "it is empty")) == "it is empty"
    assert path_text(("a", 0, "b")) == "a[0].b"
