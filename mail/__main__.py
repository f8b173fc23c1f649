"""`python -m mail`: the mail half, from the shell."""

from mail.commands import app


def main() -> None:
    """The console script kavkom-mail."""
    app(prog_name="python -m mail")


if __name__ == "__main__":
    main()
