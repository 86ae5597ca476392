"""`codelab`, and `python -m codelab_client`."""

from codelab_client.cli import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
