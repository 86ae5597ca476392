"""`python -m codelab_operator`: the operator; `… crd apply`: bring the definition up to date."""

import asyncio
import signal
import sys

from codelab_core.observability import SERVICE, configure_logging
from codelab_operator.app import Operator
from codelab_operator.definition import apply_definition
from codelab_operator.settings import OperatorSettings

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop


async def main(arguments: list[str]) -> int:
    """Run until SIGTERM; the exit code."""
    settings = OperatorSettings.load()
    configure_logging(settings.log_level)
    SERVICE.set(OperatorSettings.service)
    if arguments:
        if arguments != ["crd", "apply"]:
            sys.stderr.write("usage: codelab_operator [crd apply]\n")
            return 2
        await apply_definition(settings)
        return 0
    operator = Operator(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, operator.stopping.set)
    await operator.run()
    return 0


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        sys.exit(runner.run(main(sys.argv[1:])))
