"""`python -m bot`: Slack and the clocks."""

from bot.commands import app


def main() -> None:
    """The console script kavkom-bot."""
    app(prog_name="python -m bot")


if __name__ == "__main__":
    main()
