"""Items from another thread, in order."""

import asyncio

from codelab_operator.children import ObjectKey
from codelab_operator.inbox import Gone, Inbox, Item


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
