"""Tests of Secrets that are made once."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from codelab_core.identity import TokenTable
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Child
from codelab_operator.secrets import filled, mended, secrets

EXTERNAL = {"external": {"url": "redis://r"}}


def wanted(**spec: Any) -> dict[str, Child]:
    """The Secrets of an agent by what they are filled with."""
    agent = Agent("team", "demo", "uid", 1, Spec.model_validate(spec))
    return {child.secret: child for child in secrets(agent)}


def counted() -> Callable[[], str]:
    """Tokens that can be told apart: token-000…1, token-000…2."""
    numbers = iter(range(1, 100))
    return lambda: f"token-{next(numbers):032}"


def values(manifest: Any) -> dict[str, str]:
    """What a Secret holds, as text."""
    return {name: base64.b64decode(text).decode() for name, text in manifest["data"].items()}


@pytest.mark.parametrize(
    ("spec", "keys"),
    [
        ({}, {"tokens", "users.acl", "redis-runtime", "redis-llmproxy"}),
        ({"redis": EXTERNAL}, {"tokens"}),
        (
            {"internalAuth": {"secretName": "own"}},
            {"users.acl", "redis-runtime", "redis-llmproxy"},
        ),
    ],
    ids=["all", "external-redis", "own-token"],
)
def test_the_internal_secret_has_what_nobody_else_gives(
    spec: dict[str, Any], keys: set[str]
) -> None:
    made = filled(wanted(**spec)["internal"], counted())

    assert set(made["data"]) == keys
    assert "stringData" not in made


def test_with_all_secrets_given_none_is_made() -> None:
    auth = {"auth": {"tokensSecretName": "clients"}}

    assert wanted(gateway=auth, redis=EXTERNAL, internalAuth={"secretName": "own"}) == {}


def test_signed_tokens_alone_need_no_client_secret() -> None:
    jwt = {"issuer": "https://id", "audience": "a", "jwksUrl": "https://id/k"}

    assert set(wanted(gateway={"auth": {"modes": ["jwt"], "jwt": jwt}})) == {"internal"}


def test_the_gateway_knows_the_holder_of_the_token_that_is_made() -> None:
    made = values(filled(wanted()["client"], counted()))

    assert TokenTable.parse(made["tokens"]).verify(made["token"]) == "client"


def test_passwords_differ_and_only_their_hashes_are_in_the_access_list() -> None:
    made = values(filled(wanted()["internal"], counted()))

    passwords = {made["tokens"], made["redis-runtime"], made["redis-llmproxy"]}
    assert len(passwords) == 3
    assert not any(password in made["users.acl"] for password in passwords)
    assert "{" not in made["users.acl"]
    for user in ("runtime", "llmproxy"):
        digest = hashlib.sha256(made[f"redis-{user}"].encode()).hexdigest()
        assert f"user {user} on #{digest} resetkeys ~cla:team.demo:* " in made["users.acl"]


def test_the_intent_holds_nothing_secret_and_is_always_the_same() -> None:
    assert wanted() == wanted()
    assert set(wanted()["client"].manifest["stringData"].values()) == {""}


def test_a_secret_that_is_as_it_should_be_is_left_alone() -> None:
    child = wanted()["internal"]
    live = {**filled(child, counted()), "metadata": {"resourceVersion": "7"}}

    assert mended(child, live, counted()) is None


def test_a_rotated_token_stays() -> None:
    child = wanted()["internal"]
    live = {**filled(child, counted()), "metadata": {"resourceVersion": "7"}}
    live["data"] = {**live["data"], "tokens": base64.b64encode(b"new\nold").decode()}

    assert mended(child, live, counted()) is None


def test_users_whose_rights_changed_keep_their_passwords() -> None:
    child = wanted()["internal"]
    whole = filled(child, counted())
    old = {**whole["data"], "users.acl": base64.b64encode(b"user default off\n").decode()}

    patch = mended(child, {"data": old, "metadata": {"resourceVersion": "7"}}, counted())

    assert patch is not None
    assert patch["data"] == {"users.acl": whole["data"]["users.acl"]}
    assert patch["metadata"]["resourceVersion"] == "7"
    assert patch["metadata"]["annotations"] == child.manifest["metadata"]["annotations"]


def test_a_key_that_was_lost_is_made_again() -> None:
    child = wanted()["client"]
    live = {"metadata": {}, "data": {"token": "not base64"}}

    patch = mended(child, live, counted())

    assert patch is not None
    assert set(patch["data"]) == {"token", "tokens"}
    assert "resourceVersion" not in patch["metadata"]


def test_tokens_that_a_person_wrote_stay() -> None:
    child = wanted()["client"]
    live = {**filled(child, counted()), "metadata": {}}
    live["data"] = {**live["data"], "tokens": base64.b64encode(b"# mine").decode()}

    assert mended(child, live, counted()) is None


def test_a_token_that_is_made_again_is_known_beside_those_that_a_person_wrote() -> None:
    child = wanted()["client"]
    line = f"{hashlib.sha256(b'x' * 24).hexdigest()} ann\n"
    live = {"metadata": {}, "data": {"tokens": base64.b64encode(line.encode()).decode()}}

    patch = mended(child, live, counted())

    assert patch is not None
    made = values(patch)
    table = TokenTable.parse(made["tokens"])
    assert (table.verify("x" * 24), table.verify(made["token"])) == ("ann", "client")
