"""`python -m storage`: the record, from the shell."""

from storage.commands import app


def main() -> None:
    """The console script kavkom-storage."""
    app(prog_name="python -m storage")


if __name__ == "__main__":
    main()
