"""`python -m tests.torture`: nothing lost, nothing doubled, nothing wrong, however often it is killed."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.database import upgrade
from tests.servers import Dovecot, Exim, PostgreSQL
from tests.torture.ladder_plan import LadderPlan
from tests.torture.outcome import Plan, figures
from tests.torture.progress import Progress
from tests.torture.run import Torture


def read_ladder(words: list[str]) -> tuple[LadderPlan, str]:
    """What `python -m tests.torture ladder` asks for, and the kind of database."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture ladder", description=__doc__)
    add = parser.add_argument
    add("--breaches", type=int, default=200, help="breaches whose clock runs (200)")
    add("--deaths", type=int, default=30, help="how often a bot process is killed (30)")
    add("--fail", type=int, default=25, help="per cent of all sends that fail (25)")
    add("--hours", type=int, default=60, help="hours that the clock is moved (60)")
    add("--step", type=int, default=1, help="hours in one step (1)")
    add("--processes", type=int, default=2, help="bot processes at the same time (2)")
    add("--outage", choices=["none", "slack", "smtp", "both"], default="none", help="what is away for four hours")
    add("--patience", type=float, default=5.0, help="seconds that a step waits at most until all is sent (5)")
    add("--database", choices=["sqlite", "postgresql"], default="sqlite")
    add("--seed", type=int, default=1, help="what chance begins with (1)")
    asked = vars(parser.parse_args(words))
    kind = asked.pop("database")
    return LadderPlan(**asked), kind


def read_arguments() -> tuple[Plan, str]:
    """What is asked for, and the kind of database."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    add = parser.add_argument
    add("-n", "--letters", type=int, default=200, help="letters to be forwarded (200)")
    add("--deaths", type=int, default=100, help="how often a mail process is killed (100)")
    add("--database", choices=["sqlite", "postgresql"], default="sqlite")
    add("--processes", type=int, default=1, help="mail processes at the same time (1)")
    add("--renumber", action="store_true", help="change the mailbox's UIDVALIDITY in flight")
    add("--proxy", action="store_true", help="cut, stall and reset connections")
    add("--seed", type=int, default=1, help="what chance begins with (1)")
    asked = vars(parser.parse_args())
    kind = asked.pop("database")
    return Plan(**asked), kind


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a new, migrated database."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'desk.db'}"
        upgrade(url)
        yield url
        return
    with PostgreSQL() as server:
        url = server.create_database()
        upgrade(url)
        yield url


def torture_ladder(words: list[str]) -> bool:
    """Whether no rung was lost, hardly one doubled, and none rang after the end."""
    from tests.torture.ladder_run import LadderTorture, figures

    plan, kind = read_ladder(words)
    progress = Progress(plan.hours)
    with TemporaryDirectory(prefix="torture-") as name, fresh_database(kind, Path(name)) as url:
        outcome = LadderTorture(plan, url, Path(name), progress.show).run()
    progress.end()
    sys.stdout.write("\n".join(figures(plan, outcome)) + "\n")
    return outcome.is_clean


def main() -> None:
    if sys.argv[1:2] == ["ladder"]:
        raise SystemExit(0 if torture_ladder(sys.argv[2:]) else 1)
    plan, kind = read_arguments()
    progress = Progress(plan.deaths)
    with TemporaryDirectory(prefix="torture-") as name, Dovecot() as dovecot, Exim(dovecot) as exim:
        folder = Path(name)
        with fresh_database(kind, folder) as url:
            outcome = Torture(plan, dovecot, exim, url, folder, progress.show).run()
    progress.end()
    sys.stdout.write("\n".join(figures(plan, outcome)) + "\n")
    raise SystemExit(0 if outcome.verdict.is_clean else 1)


if __name__ == "__main__":
    main()
