from codelab_client.outgoing import Outgoing


def test_commands_are_kept_in_order_until_they_are_answered() -> None:
    """S-02."""
    outgoing = Outgoing()
    first = outgoing.add({"type": "ping"}, "a")
    second = outgoing.add({"type": "cancel"}, "a")

    outgoing.settle(first["cid"])

    assert first == {"type": "ping", "cid": "a-1"}
    assert outgoing.open == (second,)


def test_a_command_with_its_own_cid_keeps_it() -> None:
    outgoing = Outgoing()

    numbered = outgoing.add({"type": "cancel", "cid": "mine"}, "a")

    assert numbered["cid"] == "mine"
    assert outgoing.settle("mine") == numbered


def test_an_answer_to_nothing_is_nothing() -> None:
    outgoing = Outgoing()

    assert outgoing.settle("unknown") is None
    assert outgoing.settle(None) is None
