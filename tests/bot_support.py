"""The real bot in this process, on a real database, in the local Slack workspace."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.access import People
from bot.poster import Pace
from bot.running import Bot
from bot.settings import BotSettings
from storage import arrivals, breach_opening, breaches, customers, requests
from storage.clock import now
from storage.database import Database, open_database
from storage.messages import Place, keep_message
from storage.models import Breach, Customer, Delivery, Request, Staff
from storage.types import DESK, Hold, Kind, Medium, Role
from tests.playground import people
from tests.playground.connecting import release
from tests.playground.workspace import Message, Timing, Workspace

ANNE, BORIS, CARLA = people.ANNE.id, people.BORIS.id, people.CARLA.id
GUEST, MEMBER, STRANGER = people.GUEST.id, people.MEMBER.id, people.STRANGER.id
ESCALATION = "direction@kavkom.example"
MANIFEST = Path(__file__).parent.parent / "bot" / "manifest.json"
CUSTOMERS = (
    ("C0001", "Garage du Lac", "contact@garage-du-lac.example", "fr"),
    ("C0002", "Hôtel Azur", "direction@hotel-azur.example", "fr"),
    ("C0003", "Tel Aviv Tours", "privacy@tours.example", "en"),
)
LETTER = b"From: Jeanne <jeanne@example.org>\r\nSubject: Mes donnees\r\n\r\nEffacez mes donnees.\r\n"
QUICK = Pace(card=0.05, channel=0, post=0, update=0)


@dataclass(frozen=True)
class Desk:
    """What a test holds: the database, the workspace, the bot, and the clock."""

    database: Database
    workspace: Workspace
    bot: Bot
    clock: Path

    def move(self, **length: float) -> None:
        """Move the desk's clock forward."""
        offset = float(self.clock.read_text()) + timedelta(**length).total_seconds()
        draft = self.clock.with_suffix(".new")
        draft.write_text(str(offset))
        draft.replace(self.clock)

    def deliveries(self, medium: Medium = Medium.EMAIL, **columns: Any) -> list[Delivery]:
        with self.database.reading() as session:
            wanted = select(Delivery).where(Delivery.medium == medium).filter_by(**columns).order_by(Delivery.id)
            found = list(session.scalars(wanted))
            session.expunge_all()
            return found

    def wait_for_card(self, reference: str, words: str = "") -> Message:
        """The case's card in the channel, once it says these words."""

        def find() -> Message | None:
            wanted = (each for each in self.workspace.messages() if f"*{reference}*" in str(each.blocks))
            return next((each for each in wanted if words in str(each.blocks)), None)

        found = self.workspace.wait_for(find, what=f"the card of {reference} saying {words!r}")
        assert found is not None
        return found

    def hold_request(self) -> str:
        """A held request, as mail would leave it; its reference."""
        with self.bot.desk.decide() as session:
            return held_request(session).reference

    def breach(self, reference: str) -> Breach:
        with self.database.reading() as session:
            found = breaches.get_breach(session, reference)
            session.expunge_all()
            return found

    def request(self, reference: str) -> Request:
        with self.database.reading() as session:
            found = requests.get_request(session, reference)
            session.expunge_all()
            return found

    def open_breach(self, *references: str, hours_ago: float = 1, lead: str | None = BORIS, aware: bool = True) -> str:
        """An open breach; its reference."""
        at = now() - timedelta(hours=hours_ago)
        instants: dict[str, Any] = {"aware_at" if aware else "suspected_at": at}
        with self.bot.desk.decide() as session:
            named = customers.get_customers(session, references)
            breach = breach_opening.open_breach(
                session, summary="A test", customers=named, lead=lead, by=DESK, now=now(), **instants
            )
        return breach.reference

    def set_role(self, user: str, role: Role) -> None:
        with self.database.begin() as session:
            session.execute(update(Staff).where(Staff.slack_user == user).values(role=role))

    def button(self, message: Message, action: str) -> bool:
        return f"'{action}'" in str(message.blocks)


_uids = iter(range(1, 1_000_000))


def held_request(session: Session, *, rights: tuple[str, ...] = ("erasure",)) -> Request:
    """A kept letter, held for want of evidence."""
    place = Place("privacy", "INBOX", 1, next(_uids))
    raw = b"X-Number: %d\r\n" % place.uid + LETTER
    message = keep_message(session, place, raw, received_at=now(), now=now())
    reading = arrivals.Reading(Kind.REQUEST, rights, "fr")
    return arrivals.receive_request(session, message, reading, hold=Hold.NO_EVIDENCE, by=DESK, now=now())


def fill(database: Database) -> None:
    """Three customers and three colleagues."""
    from storage.models import CustomerKey
    from storage.types import KeyKind

    with database.begin() as session:
        for reference, name, address, language in CUSTOMERS:
            customer = Customer(reference=reference, name=name, request_address=address, language=language)
            session.add(customer)
            session.flush()
            session.add(CustomerKey(customer_id=customer.id, kind=KeyKind.NAME, value=name.lower()))
        for person in people.STAFF:
            session.add(
                Staff(
                    slack_user=person.id,
                    name=person.name,
                    email=person.email,
                    role=Role(person.role),
                    language=person.language,
                )
            )


def bot_settings(url: str, workspace: Workspace, **more: Any) -> BotSettings:
    values: dict[str, Any] = {
        "database_url": url,
        "slack_bot_token": workspace.bot_token,
        "slack_app_token": workspace.app_token,
        "slack_channel": workspace.channel,
        "slack_api_url": workspace.api_url,
        "staff_language": "en",
        "escalation_addresses": (ESCALATION,),
        "mail_address": "privacy@kavkom.example",
        **more,
    }
    return BotSettings(_env_file=None, **values)


@contextmanager
def running_desk(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    pace: Pace = QUICK,
    tick_every: float = 0.05,
    digest: bool = False,
    **more: Any,
) -> Iterator[Desk]:
    """Everything connected; closed again without the SDK's waits. Without `digest` no day's figures come between."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    database = open_database(url)
    fill(database)
    with Workspace(MANIFEST, timing=Timing(patience=3.0, redeliver_after=3.0)) as workspace:
        monkeypatch.setenv("CLOCK_OFFSET_FILE", str(clock))
        monkeypatch.setenv("SLACK_API_URL", workspace.api_url)
        settings = bot_settings(url, workspace, **more)
        bot = Bot(database, settings, people=People(remembered=0), pace=pace, tick_every=tick_every, digest=digest)
        bot.start()
        try:
            workspace.await_connection(2)
            yield Desk(database, workspace, bot, clock)
        finally:
            bot.stop_clocks()
            release(workspace, *bot.connections.handlers)
            database.dispose()


def minutes_ago(minutes: float) -> datetime:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).replace(second=0, microsecond=0)
