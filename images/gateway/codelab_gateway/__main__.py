"""`python -m codelab_gateway`: one gateway process, configured by the environment."""

from codelab_core.observability import configure_logging
from codelab_core.server import run, run_main
from codelab_core.settings import GatewaySettings
from codelab_gateway.app import gateway


async def main() -> None:
    """Serve until SIGTERM."""
    settings = GatewaySettings.load()
    configure_logging(settings.log_level)
    async with gateway(settings) as running:
        await run(running, settings)


if __name__ == "__main__":
    run_main(main)
