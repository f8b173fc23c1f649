"""`/breach register`: the register of breaches, made by the next tick, to the asker's own company address."""

from hashlib import sha256

from sqlalchemy import Select
from sqlalchemy.orm import Session

from bot import telling
from bot.access import Speaker
from bot.desk import Desk
from bot.evidence_mail import LARGEST, hold_back, waiting
from bot.guarding import PoisonGuard
from bot.letters import write_text_mail
from bot.pressing import actor_of
from bot.register import register_page, register_table
from bot.words import word
from storage import journal, staff
from storage.announcements import DESK_CASE
from storage.clock import now as desk_now
from storage.clock import real_now
from storage.evidence import CLAUSE
from storage.models import Attachment, Delivery
from storage.register import read_register
from storage.types import Actor, Purpose, Role

TOPIC = "register_wanted"
File = tuple[str, str, bytes]
"""Name, content type, content."""


def want_register(desk: Desk, speaker: Speaker, gesture: str) -> str:
    """A colleague asks for it; what is answered. Raises UnknownStaff, RoleTooSmall."""
    at = desk_now()
    with desk.decide() as session:
        colleague = staff.get_staff(session, speaker.user, now=at, at_least=Role.HANDLER)
        key = f"{TOPIC}:{DESK_CASE}:{speaker.user}:{gesture}"
        new = telling.queue_mail(
            session,
            key,
            case=DESK_CASE,
            topic=TOPIC,
            address=colleague.email,
            language=colleague.language,
            words=write_text_mail("register_mail", colleague.language, attached=True),
            purpose=Purpose.EVIDENCE,
            now=at,
        )
        if new:
            hold_back(session, key)
            journal.record(session, "register-wanted", by=actor_of(speaker), now=at, clause=CLAUSE)
    return word(speaker.language, "said.register_wanted")


def make_registers(desk: Desk) -> int:
    """One tick: make what was asked for; how many. One that cannot be made is tried again at the next."""
    with desk.database.reading() as session:
        wanted = list(session.scalars(_waiting()))
        session.expunge_all()
    made = 0
    for one in wanted:
        with PoisonGuard("register-not-made", one.key):
            made += _make(desk, one)
    return made


def _waiting() -> Select[Delivery]:
    """Of this topic; the case is what the index finds."""
    return waiting(TOPIC).where(Delivery.case == DESK_CASE)


def _make(desk: Desk, wanted: Delivery) -> bool:
    """Make one, and let its e-mail go; False when another bot has."""
    files = _write(desk, wanted.language)
    with desk.decide() as session:
        delivery = session.scalars(_waiting().where(Delivery.id == wanted.id).with_for_update()).first()
        if delivery is not None:
            _let_go(session, delivery, files)
    return delivery is not None


def _write(desk: Desk, language: str) -> list[File]:
    """The page and the table; nothing where they are too large for an e-mail."""
    at, company = desk_now(), desk.settings.company_name
    with desk.database.reading() as session:
        rows, head = read_register(session, now=at), journal.head(session)
    page = register_page(rows, head=head, company=company, language=language, now=at).encode()
    files = [("register.html", "text/html", page), ("register.csv", "text/csv", register_table(rows).encode())]
    return files if sum(len(content) for _, _, content in files) <= LARGEST else []


def _let_go(session: Session, delivery: Delivery, files: list[File]) -> None:
    for ordinal, (name, kind, content) in enumerate(files):
        row = Attachment(delivery_id=delivery.id, ordinal=ordinal, name=name, content_type=kind, content=content)
        session.add(row)
    if not files:
        delivery.text = write_text_mail("register_mail", delivery.language, attached=False).text
    delivery.due_at = real_now()
    by, hashes = Actor(delivery.key.split(":")[2], "slack"), [sha256(content).hexdigest() for _, _, content in files]
    journal.record(session, "register-exported", by=by, now=desk_now(), clause=CLAUSE, sha256=hashes)
