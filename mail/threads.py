"""To which case a mail belongs (mail.md rule 7): by our own signed address or Message-ID, or because the same person
answers a mail of that case. Subjects, numbers in texts and threads of mail programs are nobody's proof.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from mail.bounce import Recipient, Report
from mail.bounce_words import Outcome
from mail.confirming import settle_answer
from mail.letter import Letter
from mail.notice import settle_reply
from mail.reading import MailRead
from mail.replies import read_deletion, read_reply
from mail.settings import ReadingSettings
from mail.tags import signed_in, tagged
from storage import breaches, correspondence, failures, notice_failures, replies, requests, tasks, tokens
from storage.forwards import address_of, is_address_of
from storage.models import Affected, Delivery, Forward, Message, Request
from storage.ringing import POSSIBLE_BREACH, ring_further
from storage.types import Actor, Channel, Correspondence, Purpose, Said, TaskKind

TO_PERSONS = frozenset({Purpose.ACKNOWLEDGEMENT, Purpose.QUESTION, Purpose.CLOSING})
"""Our mails to data subjects."""

RECORDED = {Outcome.FAILED: failures.record_bounce, Outcome.DELAYED: failures.record_delay}
OF_NOTICE = {Outcome.FAILED: notice_failures.record_bounce, Outcome.DELAYED: notice_failures.record_delay}
LOOKED_AT = 10
"""Identifiers of earlier mails that are looked up, the newest first."""


@dataclass(frozen=True)
class Threads:
    """Finds the cases of a group of mails and records what belongs to them."""

    session: Session
    mails: Sequence[MailRead]
    settings: ReadingSettings
    by: Actor
    now: datetime

    def take_turns(self) -> None:
        """Of the breaches whose notices these mails answer or report on, before anything is in the journal: whoever has
        one of them now writes there next."""
        signed = (one for mail in self.mails for one in (*_signed_report(mail), *_signed_answer(mail)))
        ids = {token[1] for one in signed if (token := tokens.read(self.session, one)) and token[0] in ("b", "m")}
        of_notices = select(Delivery.case).where(Delivery.id.in_(ids), Delivery.purpose == Purpose.NOTICE)
        breaches.take_turns(self.session, self.session.scalars(of_notices.distinct()).all() if ids else ())

    def settle(self, mail: MailRead) -> bool:
        """Record a mail that belongs to a case; False when it opens one of its own."""
        return self._settle_report(mail) or self._settle_correspondence(mail)

    def _settle_report(self, mail: MailRead) -> bool:
        """A report on a delivery of ours, as genuine as the token that it brings back."""
        report = mail.report
        if report is None:
            return False
        delivery = self._delivery(_signed_report(mail))
        if delivery is None:
            return False
        message = self.session.get_one(Message, mail.message_id)
        told = _about_others(report, self.settings.mail_address)
        if told is None:
            self._keep_report(message, delivery, to_read=False)
        elif told.outcome in RECORDED:
            recorded = OF_NOTICE if delivery.purpose is Purpose.NOTICE else RECORDED
            recorded[told.outcome](
                self.session,
                delivery,
                status=told.status,
                reason=told.reason.value,
                message=message,
                by=self.by,
                now=self.now,
            )
        else:
            self._keep_report(message, delivery, to_read=told.outcome is Outcome.UNKNOWN)
        return True

    def _keep_report(self, message: Message, delivery: Delivery, *, to_read: bool) -> None:
        request = delivery.forward.request if delivery.forward else None
        affected = self.session.get(Affected, delivery.affected_id) if delivery.affected_id else None
        correspondence.attach(
            self.session,
            message,
            Correspondence.REPORT,
            now=self.now,
            request_id=request.id if request else None,
            forward_id=delivery.forward_id,
            breach_id=affected.breach_id if affected else None,
            affected_id=delivery.affected_id,
            delivery_id=delivery.id,
        )
        if to_read and (request or affected):
            tasks.open_task(self.session, delivery.case, TaskKind.READ, message=message, by=self.by, now=self.now)

    def _settle_correspondence(self, mail: MailRead) -> bool:
        """An answer to something of ours, or to an earlier mail of the same person."""
        delivery = self._delivery(_signed_answer(mail))
        request = self._request(mail, delivery)
        if request is None:
            return self._settle_answer(mail, delivery)
        message = self.session.get_one(Message, mail.message_id)
        forward = _forward_of(mail.letter, request, delivery)
        if POSSIBLE_BREACH in mail.says.rights.flags and mail.letter.automatic is None:
            ring_further(self.session, request, message, by=self.by, now=self.now)
        if mail.says.is_in_doubt or mail.says.channel is Channel.COLLEAGUE:
            self._keep_to_read(message, request)
        elif forward is not None:
            said = read_deletion(mail.letter) if forward.misrouted_at else read_reply(mail.letter)
            replies.record_reply(
                self.session, message, forward, said, answers=_that_of(forward, delivery), by=self.by, now=self.now
            )
        elif not _is_persons(mail.letter, request, delivery):
            self._keep_unknown(mail, message, request)
        else:
            return self._settle_persons(mail, message, request)
        return True

    def _settle_persons(self, mail: MailRead, message: Message, request: Request) -> bool:
        """What the person wrote again. From Junk only what our own signature brought here, and to be read."""
        if mail.letter.automatic is not None:
            correspondence.attach(self.session, message, Correspondence.AUTOMATIC, request_id=request.id, now=self.now)
        elif not mail.junk:
            replies.record_follow_up(self.session, message, request, by=self.by, now=self.now)
        elif any(tagged(mail.letter.recipients, "c")):
            self._keep_to_read(message, request)
        else:
            return False
        return True

    def _settle_answer(self, mail: MailRead, delivery: Delivery | None) -> bool:
        """An answer to a notice of a breach, or to what we asked a customer about its address: no request's."""
        if delivery is not None and delivery.purpose is Purpose.NOTICE:
            settle_reply(self.session, mail, delivery, by=self.by, now=self.now)
            return True
        if delivery is None or delivery.purpose is not Purpose.CONFIRMATION:
            return False
        settle_answer(self.session, mail, delivery, by=self.by, now=self.now)
        return True

    def _keep_unknown(self, mail: MailRead, message: Message, request: Request) -> None:
        """Somebody has a customer's address of the case, and may not be that customer: a person reads it."""
        if len(request.forwards) > 1:
            self._keep_to_read(message, request)
            return
        said = read_reply(mail.letter)
        said = said if said is Said.OUT_OF_OFFICE else Said.OTHER
        replies.record_reply(self.session, message, request.forwards[0], said, by=self.by, now=self.now)

    def _keep_to_read(self, message: Message, request: Request) -> None:
        """It belongs to the case, and nothing of it is sent on: a person reads it."""
        kept = correspondence.attach(
            self.session, message, Correspondence.REPLY, request_id=request.id, said=Said.OTHER, now=self.now
        )
        if kept:
            tasks.open_task(self.session, request.reference, TaskKind.READ, message=message, by=self.by, now=self.now)

    def _request(self, mail: MailRead, delivery: Delivery | None) -> Request | None:
        for signed in tagged(mail.letter.recipients, "c"):
            if token := tokens.read(self.session, signed):
                return self.session.get(Request, token[1])
        if delivery is not None:
            return _request_of(self.session, delivery)
        return self._same_persons(mail.letter)

    def _same_persons(self, letter: Letter) -> Request | None:
        """The case of an earlier mail of the same sender that this one answers."""
        sender = (letter.sender or "").lower()
        found = [self._known[(one, sender)] for one in _earlier(letter) if (one, sender) in self._known]
        return self.session.get(Request, found[0]) if found else None

    @cached_property
    def _known(self) -> dict[tuple[str, str], int]:
        """The requests that the mails' earlier ones belong to, by Message-ID and sender."""
        wanted = {one for mail in self.mails for one in _earlier(mail.letter)}
        return correspondence.find_earlier(self.session, wanted) if wanted else {}

    def _delivery(self, signed: Iterable[str]) -> Delivery | None:
        for one in signed:
            token = tokens.read(self.session, one)
            if token and token[0] in ("b", "m"):
                return self.session.get(Delivery, token[1])
        return None


def _signed_report(mail: MailRead) -> list[str]:
    """What a report brings back of ours."""
    if (report := mail.report) is None:
        return []
    returned = (*report.returned_to, *mail.letter.recipients)
    return [*tagged(returned, "b"), *signed_in([report.envelope_id or ""]), *signed_in(report.message_ids)]


def _signed_answer(mail: MailRead) -> list[str]:
    """What an answer brings back of ours."""
    return [*tagged(mail.letter.recipients, "b"), *signed_in(_earlier(mail.letter))]


def _earlier(letter: Letter) -> list[str]:
    """What a mail answers: In-Reply-To, then the newest of References."""
    before = [letter.in_reply_to] if letter.in_reply_to else []
    return list(dict.fromkeys([*before, *reversed(letter.references[-LOOKED_AT:])]))


def _request_of(session: Session, delivery: Delivery) -> Request | None:
    """The case of one of our mails to a customer or to a data subject; what we send to staff has none."""
    if delivery.forward is not None:
        return delivery.forward.request
    return requests.find_request(session, delivery.case) if delivery.purpose in TO_PERSONS else None


def _forward_of(letter: Letter, request: Request, delivery: Delivery | None) -> Forward | None:
    """The forward that a customer answers, by our own mail that it answers or by its address; None for others."""
    sender = (letter.sender or "").lower()
    if sender and sender == request.message.sender:
        return None
    if delivery is not None and delivery.forward is not None:
        return delivery.forward
    theirs = (one for one in request.forwards if is_address_of(sender, {one.address.lower(), address_of(one).lower()}))
    return next(theirs, None)


def _that_of(forward: Forward, delivery: Delivery | None) -> Delivery | None:
    """The mail to this customer that is answered, if that is what shows who answers."""
    return delivery if delivery is not None and delivery.forward_id == forward.id else None


def _is_persons(letter: Letter, request: Request, delivery: Delivery | None) -> bool:
    """Whether the data subject writes: from the same address, or with what only it was ever sent."""
    is_same = bool(letter.sender) and (letter.sender or "").lower() == request.message.sender
    return is_same or delivery is not None or not request.forwards


def _about_others(report: Report, own_address: str | None) -> Report | Recipient | None:
    """What a report says of a recipient who is not ourselves, the worst of them; None when it is all about our copy."""
    if not report.recipients or own_address is None:
        return report
    others = [one for one in report.recipients if not requests.is_ours(one.original or one.address, own_address)]
    order = list(Outcome)
    return min(others, key=lambda one: order.index(one.outcome), default=None)
