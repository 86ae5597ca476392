"""`codelab up` for a benchmark: prints its address, runs until it is told to stop."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from codelab_client.up import Options, stack
from processes import UNLIMITED
from stamping_proxy import write_times


async def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    free = Options(folder, gateway_port=0, runtime_port=0, llmproxy_port=0)
    async with stack(free) as running:
        print(running.gateway_url, flush=True)
        await stop.wait()


if __name__ == "__main__":
    os.environ.update(UNLIMITED)  # noqa: TID251 -- read by the settings of the services
    write_times()
    asyncio.run(main(Path(sys.argv[1])))
