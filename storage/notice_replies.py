"""What customers reply to a notice of a breach: kept with their row, and rung for staff.

Any answer shows that the customer has it (storage/ledger.py); an out-of-office note counts as nothing, and so does what
somebody else writes, which a person reads.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import addresses, announcements, journal, tasks
from storage.breaches import is_drill, record
from storage.correspondence import attach
from storage.instructed import keep_instruction
from storage.models import Affected, CaseMail, Delivery, Message
from storage.notice_failures import silence
from storage.replies import RINGS
from storage.types import Actor, Correspondence, Said, TaskKind

TASKS = {Said.HELP: TaskKind.HELP, Said.INSTRUCTION: TaskKind.INSTRUCTION}
"""What staff must do about a reply; whatever else rings, somebody reads."""


def record_reply(
    session: Session,
    message: Message,
    affected: Affected,
    said: Said | None,
    *,
    answers: Delivery | None,
    by: Actor,
    now: datetime,
) -> CaseMail:
    """A customer replied to a notice; recording the same mail twice is recording it once.

    `said` is None for what comes from another address than the customer's. `answers` is the notice whose signature it
    brings.
    """
    automatic = said is Said.OUT_OF_OFFICE
    new = attach(
        session,
        message,
        Correspondence.AUTOMATIC if automatic else Correspondence.REPLY,
        breach_id=affected.breach_id,
        affected_id=affected.id,
        delivery_id=answers.id if answers else None,
        said=said,
        now=now,
    )
    if new:
        shown: dict[str, journal.Detail] = {"customer": affected.customer.reference, "sha256": message.sha256}
        shown["said"] = said.value if said else None
        if said is not None and not automatic and _ends_delay(answers):
            shown["ends_delay"] = True
        action = "customer-absent" if automatic else "customer-replied"
        session.expire(affected, ["mails"])
        if "ends_delay" in shown:
            silence(session, affected.breach.reference, now=now)
        entry = record(session, affected.breach, action, by=by, now=now, **shown)
        if answers is not None and said in addresses.CONFIRMING:
            addresses.confirm(session, answers, message=message, by=by, now=now)
        if not automatic:
            _ring(session, entry, message, affected, said, by=by, now=now)
    return session.get_one(CaseMail, message.id)


def _ends_delay(notice: Delivery | None) -> bool:
    """Whether a notice counts as delayed whose customer has it, as the answer shows; its report stays in the record."""
    if notice is None or notice.delayed_at is None or notice.bounced_at is not None:
        return False
    notice.delayed_at = None
    return True


def _ring(
    session: Session,
    entry: journal.Recorded,
    message: Message,
    affected: Affected,
    said: Said | None,
    *,
    by: Actor,
    now: datetime,
) -> None:
    if said is not None and said not in RINGS:
        return
    case = affected.breach.reference
    if said is Said.INSTRUCTION and not is_drill(case):  # who plays a customer instructs nobody
        keep_instruction(session, message, affected.customer, case, by=by, now=now)
    topic = RINGS[said].topic if said in TASKS else "reply_other"
    announcements.announce(session, entry, f"breach_{topic}", affected_id=affected.id)
    what = TaskKind.READ if said is None else TASKS.get(said, TaskKind.READ)
    tasks.open_task(session, case, what, message=message, by=by, now=now)
