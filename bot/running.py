"""The running bot: Slack, the poster, and the clocks, for ever; each survives the others' bad days."""

import os
import signal
import sys
from collections.abc import Callable
from threading import Event, Thread
from typing import NoReturn

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.access import People
from bot.app import build_app, build_client
from bot.auditing import Auditor
from bot.breach_ladder import BreachLadder
from bot.connections import Connections
from bot.desk import Desk
from bot.digest import DigestClock
from bot.evidence_mail import make_wanted
from bot.gathering import gather
from bot.ladder import Ladder
from bot.notice_ringing import gather_lost
from bot.outage import StandIn
from bot.poster import Pace, Poster
from bot.register_mail import make_registers
from bot.ringing import gather_rings
from bot.settings import BotSettings
from bot.ticking import Ticker
from bot.unread import tick as tick_unread
from bot.watch import MailWatch, raise_stuck
from storage import heartbeats, home, staff
from storage.clock import now as desk_now
from storage.clock import real_now
from storage.database import Database
from storage.logs import Condition, name_of

BEAT_EVERY = 5.0
SILENCE = 30.0
"""Seconds without a tick after which the scheduler is started anew; after twice that the process ends."""
EX_SOFTWARE = 70


class Bot:
    """Everything that runs; `stop` ends it in the order in which nothing is lost."""

    def __init__(
        self,
        database: Database,
        settings: BotSettings,
        *,
        people: People | None = None,
        pace: Pace | None = None,
        tick_every: float = 1.0,
        digest: bool = True,
    ) -> None:
        self.desk = Desk(database, settings)
        self._database = Condition("clock-database")
        self.app = build_app(self.desk, build_client(settings), people)
        client = build_client(settings, timeout=10)
        app_token = settings.slack_app_token.get_secret_value()
        self.connections = Connections(self.app, app_token, client)
        self.poster = Poster(self.desk, client, settings.slack_channel, pace)
        self.ticker = Ticker(tick_every)
        self._watch_breaches(settings)
        self.ticker.add(self._surviving(self._beat), every=BEAT_EVERY)
        self._watch_requests(tick_every)
        self.ticker.add(self._surviving(lambda: tick_unread(self.desk)), every=min(BEAT_EVERY * 4, tick_every * 20))
        if digest:
            clock = DigestClock(self.desk)
            self.ticker.add(self._surviving(lambda: clock.tick(now=desk_now())), every=min(BEAT_EVERY, tick_every * 5))
        self._stop = Event()
        self._posting = Thread(target=self._post_for_ever, name="poster", daemon=True)

    def _watch_breaches(self, settings: BotSettings) -> None:
        """The clock of breaches, and the auditor who looks after it."""
        ladder = BreachLadder(self.desk)
        auditor = Auditor(self.desk, settings.heartbeat_url.get_secret_value() if settings.heartbeat_url else None)
        self.ticker.add(self._surviving(lambda: ladder.tick(now=desk_now())), vital=True)
        self.ticker.add(self._surviving(lambda: auditor.tick(now=desk_now())), every=BEAT_EVERY)

    def _watch_requests(self, every: float) -> None:
        """The clocks of requests, and what steps in when Slack or the mail half is away."""
        ladder, watch = Ladder(self.desk), MailWatch(self.desk)
        stand_in = StandIn(self.desk, self.poster.health)
        self.ticker.add(self._surviving(lambda: ladder.tick(now=desk_now())))
        for job in (
            lambda: stand_in.tick(now=desk_now()),
            lambda: gather_rings(self.desk, slack_out=self.poster.health.out, now=desk_now()),
            lambda: gather_lost(self.desk, slack_out=self.poster.health.out, now=desk_now()),
            lambda: gather(self.desk, slack_out=self.poster.health.out, now=desk_now()),
            lambda: watch.tick(now=real_now()),
            lambda: raise_stuck(self.desk, now=desk_now()),
            lambda: make_wanted(self.desk, now=desk_now()),
            lambda: make_registers(self.desk),
        ):
            self.ticker.add(self._surviving(job), every=min(BEAT_EVERY, every * 5))

    def start(self) -> None:
        self._surviving(self._beat)()
        self.connections.start()
        self._posting.start()
        self.ticker.start()

    def stop(self) -> None:
        """Hear nothing more, let the post under way finish, and be silent."""
        self.connections.stop()
        self.stop_clocks()

    def stop_clocks(self) -> None:
        self.ticker.stop()
        self._stop.set()
        self.desk.bell.set()
        self._posting.join(15)

    def watch(self, stop: Event) -> int:
        """Wait until told to stop; restart a scheduler whose ticks stay away, then give up. The exit code."""
        while not stop.wait(1):
            self.connections.watch()
            if self.ticker.age > SILENCE:
                if not self.ticker.has_ticked:
                    return EX_SOFTWARE
                structlog.get_logger().error("ticker restarted")
                self.ticker.start()
        return 0

    def _post_for_ever(self) -> None:
        while not self._stop.is_set():
            try:
                self.poster.run(self._stop)
            except Exception as error:  # noqa: BLE001 - the poison guard: one bad row must not end the poster
                structlog.get_logger().error("poster failed", fault=error)
                self._stop.wait(1)

    def _beat(self) -> None:
        with self.desk.database.begin() as session:
            heartbeats.beat(session, "bot", now=real_now())
        home.note_progress(self.desk.database)

    def _surviving(self, job: Callable[[], object]) -> Callable[[], None]:
        """The job, but a database that is away is noted once and waited for."""

        def run() -> None:
            try:
                job()
                self._database.well()
            except SQLAlchemyError as error:
                self._database.failed(name_of(error))
            except Exception as error:  # noqa: BLE001 - a tick must not be the last one
                structlog.get_logger().error("tick failed", fault=error)

        return run


def prepare(database: Database, settings: BotSettings) -> None:
    """What a first start needs: SLACK_STAFF names the first dpo of an empty staff table."""
    if settings.slack_staff and settings.dpo_address:
        address, language = settings.dpo_address, settings.staff_language
        with database.begin() as session:
            staff.ensure_first_dpo(session, settings.slack_staff, email=address, language=language)


def run_for_ever(database: Database, settings: BotSettings) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    stop = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    prepare(database, settings)
    bot = Bot(database, settings)
    bot.start()
    structlog.get_logger().info("bot started")
    try:
        code = bot.watch(stop)
        if code:
            end_now(code)
    finally:
        bot.stop()
        structlog.get_logger().info("bot stopped")
    return code


def end_now(code: int) -> NoReturn:
    """End this process although its threads hang: waiting for them would keep it from being started anew."""
    structlog.get_logger().critical("ticker stopped", code=code)
    sys.stderr.flush()
    os._exit(code)
