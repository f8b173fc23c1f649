"""`/breach register`: the register of breaches, made by the next tick, to the asker's own company address."""

from hashlib import sha256

from sqlalchemy import Select
from sqlalchemy.orm import Session

from bot import wanted
from bot.access import Speaker
from bot.desk import Desk
from bot.letters import write_text_mail
from bot.pressing import actor_of
from bot.register import register_page, register_table
from bot.wanted import LARGEST, File
from bot.words import word
from storage import journal, staff
from storage.announcements import DESK_CASE
from storage.clock import now as desk_now
from storage.evidence import CLAUSE
from storage.models import Delivery
from storage.register import read_register
from storage.types import Role

TOPIC = "register_wanted"


def want_register(desk: Desk, speaker: Speaker, gesture: str) -> str:
    """A colleague asks for it; what is answered. Raises UnknownStaff, RoleTooSmall."""
    at = desk_now()
    with desk.decide() as session:
        colleague = staff.get_staff(session, speaker.user, now=at, at_least=Role.HANDLER)
        words = write_text_mail("register_mail", colleague.language, attached=True)
        if wanted.ask(session, TOPIC, DESK_CASE, colleague, words, gesture=gesture, now=at):
            journal.record(session, "register-wanted", by=actor_of(speaker), now=at, clause=CLAUSE)
    return word(speaker.language, "said.register_wanted")


def make_registers(desk: Desk) -> int:
    """One tick: make what was asked for; how many."""
    return wanted.make_each(desk, _waiting(), "register-not-made", lambda one: _make(desk, one))


def _waiting() -> Select[Delivery]:
    """Of this topic; the case is what the index finds."""
    return wanted.waiting(TOPIC).where(Delivery.case == DESK_CASE)


def _make(desk: Desk, asked: Delivery) -> bool:
    """Make one, and let its e-mail go; False when another bot has."""
    files = _write(desk, asked.language)
    with desk.decide() as session:
        delivery = wanted.take(session, _waiting(), asked)
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
    if not files:
        delivery.text = write_text_mail("register_mail", delivery.language, attached=False).text
    wanted.let_go(session, delivery, files)
    by, hashes = wanted.asker_of(delivery), [sha256(content).hexdigest() for _, _, content in files]
    journal.record(session, "register-exported", by=by, now=desk_now(), clause=CLAUSE, sha256=hashes)
