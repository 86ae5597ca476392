"""Bytes between two connections."""

import asyncio

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def pass_on(near: Streams, far: Streams) -> None:
    """Both directions, each until either of its ends is gone."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_pump(near[0], far[1]))
        tasks.create_task(_pump(far[0], near[1]))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction."""
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
