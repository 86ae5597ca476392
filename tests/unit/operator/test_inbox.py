"""Items from another thread, in order."""

import asyncio

from codelab_operator.api_group import AGENT_LABEL
from codelab_operator.children import ObjectKey
from codelab_operator.inbox import Gone, Inbox, Item, gone


async def test_items_of_a_thread_arrive_on_the_loop_in_order() -> None:
    taken: list[Item] = []
    inbox = Inbox(taken.append)
    items = [Gone(ObjectKey("v1", "Service", "ns", str(n)), "a", "u") for n in range(100)]

    def put_all() -> None:
        for item in items:
            inbox.put(item)

    await asyncio.to_thread(put_all)
    await asyncio.sleep(0)

    assert taken == items


def test_the_end_of_an_object_names_its_agent_where_it_still_has_the_label() -> None:
    metadata = {"name": "s", "namespace": "ns", "uid": "u"}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    key = ObjectKey("v1", "Service", "ns", "s")

    assert gone(body) == Gone(key, "", "u")
    labelled = body | {"metadata": metadata | {"labels": {AGENT_LABEL: "a"}}}
    assert gone(labelled) == Gone(key, "a", "u")
