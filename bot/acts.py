"""What is done with a request, from Slack or from a shell: the decision, and who is told of it, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot import person_mails, telling
from bot.access import Speaker
from bot.desk import Desk
from bot.gestures import is_first
from bot.pressing import actor_of, request_to_change
from bot.settings import DeskSettings
from bot.words import word
from storage import asking, breach_opening, decisions, misrouting, staff
from storage.clock import now
from storage.models import Breach, Customer, Request, Staff
from storage.requests import record_step
from storage.types import BY_MAIL, Actor, Role


@dataclass(frozen=True)
class Acts:
    """The acts of one person at one instant. They raise what the record refuses (storage/decisions.py …)."""

    session: Session
    settings: DeskSettings
    by: Actor
    now: datetime

    def choose(self, request: Request, customer: Customer, *, several: bool = False) -> bool:
        """Forward it to the chosen customer, or to one of `several`; False when a second person must agree first."""
        forward = decisions.choose(
            self.session,
            request,
            customer,
            two_persons=self.settings.two_persons,
            own_address=self.settings.mail_address,
            several=several,
            by=self.by,
            now=self.now,
        )
        self._tell(request, "request_routed" if forward else "request_proposed")
        return forward is not None

    def reject_proposal(self, request: Request, customer: str | None = None) -> None:
        """The proposed customer, or this one if it still is that, is not the right one."""
        decisions.reject_proposal(self.session, request, customer=customer, by=self.by, now=self.now)
        self._tell(request, "request_proposal_rejected")

    def hand_over(self, request: Request, colleague: Staff) -> None:
        """Give it to a colleague, who is told directly."""
        decisions.hand_over(self.session, request, colleague, by=self.by, now=self.now)
        telling.tell_colleague(self.session, request.reference, "request_handed_over", colleague, now=self.now)

    def refer(self, request: Request) -> None:
        """Hand it to the dpo, who is told directly and by e-mail."""
        decisions.refer(self.session, request, by=self.by, now=self.now)
        self._tell_dpos(request, "request_referred")

    def keep_as_own(self, request: Request) -> None:
        """Kavkom itself answers it: the dpo is told directly and by e-mail."""
        decisions.keep_as_own(self.session, request, by=self.by, now=self.now)
        self._tell_dpos(request, "request_own")

    def ask(self, request: Request) -> None:
        """Ask the person which customer is meant."""
        words, language = person_mails.write_question(request, self.settings.company_name)
        own = self.settings.mail_address
        asking.ask_person(self.session, request, words, language=language, own_address=own, by=self.by, now=self.now)
        self._tell(request, "request_asked")

    def close_unknown(self, request: Request) -> None:
        """A last mail to the person, and set aside: nobody can know which customer is meant."""
        words, language = person_mails.write_closing(request, self.settings.company_name)
        own = self.settings.mail_address
        asking.close_unknown(self.session, request, words, language=language, own_address=own, by=self.by, now=self.now)
        self._tell(request, "request_closed_unknown")

    def open_possible_breach(self, request: Request, *, lead: str | None, through: str | None = None) -> Breach:
        """The letter may tell of a breach: its clock counts from the receipt (agreement clause 6)."""
        breach = breach_opening.open_breach(
            self.session,
            summary=word(self.settings.staff_language, "said.letter_summary", reference=request.reference),
            suspected_at=request.received_at,
            ladder=self.settings.breach_ladder,
            lead=lead,
            opened_through=through,
            about=request.reference,
            by=self.by,
            now=self.now,
        )
        record_step(self.session, request, "breach-opened-about", by=self.by, now=self.now, breach=breach.reference)
        telling.tell_opened(self.session, breach, self.settings, now=self.now)
        return breach

    def record_misrouted(
        self, request: Request, wrong: Customer, right: Customer | None, *, lead: str | None, through: str | None = None
    ) -> Breach | None:
        """It went to a wrong customer: the right one gets it. The possible breach, None if nothing had left."""
        misrouting.refuse_right(request, wrong, right)
        result = misrouting.record_misrouted(
            self.session,
            request,
            wrong,
            wording=self._wording(request, wrong),
            lead=lead,
            ladder=self.settings.breach_ladder,
            opened_through=through,
            by=self.by,
            now=self.now,
        )
        topic = "request_misrouted" if result.breach else "request_withdrawn"
        telling.tell_thread(self.session, request.reference, topic, now=self.now, forward_id=result.forward.id)
        if right is not None:
            self.choose(request, right)
        if result.breach:
            telling.tell_opened(self.session, result.breach, self.settings, now=self.now)
        return result.breach

    def _wording(self, request: Request, wrong: Customer) -> misrouting.Wording:
        language = self.settings.staff_language
        customer = wrong.reference
        summary = word(language, "said.misrouted_summary", reference=request.reference, customer=customer)
        return misrouting.Wording(person_mails.write_deletion(request, wrong, self.settings.company_name), summary)

    def _tell(self, request: Request, topic: str) -> None:
        telling.tell_thread(self.session, request.reference, topic, now=self.now)

    def _tell_dpos(self, request: Request, topic: str) -> None:
        self._tell(request, topic)
        telling.tell_thread(self.session, request.reference, topic, now=self.now, recipient=BY_MAIL)
        for dpo in staff.active_staff(self.session, now=self.now, role=Role.DPO):
            telling.tell_colleague(self.session, request.reference, topic, dpo, now=self.now)


def act_once(
    desk: Desk, speaker: Speaker, reference: str, gesture: str, act: Callable[[Acts, Request], object]
) -> None:
    """Act on a request from Slack, once for each gesture; whether this person may is asked again at the commit."""
    with desk.decide() as session:
        if is_first(session, gesture, now=now()):
            request = request_to_change(session, speaker, reference)
            act(Acts(session, desk.settings, actor_of(speaker), now()), request)
