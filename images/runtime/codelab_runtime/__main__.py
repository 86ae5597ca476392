"""`python -m codelab_runtime`: one runtime process, configured by the environment."""

from codelab_core.observability import configure_logging
from codelab_core.server import run, run_main
from codelab_core.settings import RuntimeSettings
from codelab_runtime.app import runtime


async def main() -> None:
    """Serve until SIGTERM."""
    settings = RuntimeSettings.load()
    configure_logging(settings.log_level)
    async with runtime(settings) as running:
        await run(running, settings)


if __name__ == "__main__":
    run_main(main)
