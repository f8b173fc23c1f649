"""The customers of a breach in Slack: adding them, not affected after all and back, and closing."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import breach_cards, breach_forms, breach_report, choosing, fields, forms, telling
from bot.access import Speaker
from bot.affected_select import read_affected
from bot.blocks import SHOWN
from bot.choosing import Choice
from bot.desk import Desk
from bot.gestures import Body, button_key, is_first, submission_key
from bot.personal import refuse_personal_data
from bot.pressing import actor_of, breach_pressed, breach_to_change, open_modal, pressed, require_handler
from storage import breach_choosing, breach_closing, breach_customers, breach_excluding, breaches, customers
from storage.breach_closing import refuse_unfinished
from storage.clock import now
from storage.models import Breach


@dataclass(frozen=True)
class CustomerListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(breach_cards.ADD))(self.ask_who_else)
        app.action(pressed(breach_cards.EXCLUDE))(self.ask_who_is_not)
        app.action(pressed(breach_cards.INCLUDE))(self.ask_who_is_after_all)
        app.action(pressed(breach_cards.CLOSE))(self.close)
        app.view(forms.ADD_CUSTOMERS)(self.choose_customers)
        app.view(breach_forms.CONFIRM_CUSTOMERS)(self.add_customers)
        app.view(breach_cards.EXCLUDE)(self.exclude)
        app.view(breach_cards.INCLUDE)(self.include)
        app.view(breach_forms.CLOSE_LATE)(self.close_late)

    def ask_who_else(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.ADD)
        open_modal(client, body, breach_forms.add_form(card.reference, speaker.language))
        ack()

    def choose_customers(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """Those who were chosen one by one are added; of a list or a period the count is shown first."""
        speaker: Speaker = context["speaker"]
        choice, reference = choosing.read_choice(body["view"]), body["view"]["private_metadata"]
        if choice.by_name:
            self._add(body, speaker, reference, choice)
            ack()
        else:
            ack(response_action="update", view=self._preview(speaker, reference, choice))

    def add_customers(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """Confirmed. When there are more or fewer of them by now, that is shown, and nothing is added."""
        speaker: Speaker = context["speaker"]
        reference, shown, packed = body["view"]["private_metadata"].split("|", 2)
        choice = Choice.unpack(packed)
        if self._add(body, speaker, reference, choice, shown=int(shown)):
            ack()
        else:
            ack(response_action="update", view=self._preview(speaker, reference, choice))

    def ask_who_is_not(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.EXCLUDE)
        open_modal(client, body, breach_forms.exclude_form(card.reference, speaker.language))
        ack()

    def exclude(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        reason = fields.read_text(body["view"], "exclusion_reason")
        refuse_personal_data(reason)
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach, by = breach_to_change(session, speaker, body["view"]["private_metadata"]), actor_of(speaker)
                customer = customers.get_customer(session, read_affected(body["view"]))
                one = breach_excluding.exclude_customer(session, breach, customer, reason, by=by, now=now())
                telling.tell_thread(session, breach.reference, "breach_excluded", affected_id=one.id, now=now())
        ack()

    def ask_who_is_after_all(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.INCLUDE)
        open_modal(client, body, breach_forms.include_form(card.reference, speaker.language))
        ack()

    def include(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach, by = breach_to_change(session, speaker, body["view"]["private_metadata"]), actor_of(speaker)
                customer = customers.get_customer(session, read_affected(body["view"]))
                one = breach_excluding.include_customer(session, breach, customer, by=by, now=now())
                telling.tell_thread(session, breach.reference, "breach_included", affected_id=one.id, now=now())
        ack()

    def close(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        """Close it at once when everybody was told in time; else ask why not."""
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.CLOSE)
        if late := self._find_late(card.reference):
            open_modal(client, body, breach_forms.close_late_form(card.reference, late, speaker.language))
        else:
            with self.desk.decide() as session:
                if is_first(session, button_key(body), now=now()):
                    self._close(session, speaker, card.reference, None)
        ack()

    def close_late(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        reason = fields.read_text(body["view"], "late_reason")
        refuse_personal_data(reason)
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                self._close(session, speaker, body["view"]["private_metadata"], reason)
        ack()

    def _find_late(self, reference: str) -> list[str]:
        """The names of the customers that were told late. Raises what forbids to close the breach at all."""
        with self.desk.database.reading() as session:
            late = refuse_unfinished(breaches.get_breach(session, reference))
            return [row.customer.name for row in late]

    def _close(self, session: Session, speaker: Speaker, reference: str, late_reason: str | None) -> None:
        breach = breach_to_change(session, speaker, reference)
        breach_closing.close_breach(session, breach, late_reason=late_reason, by=actor_of(speaker), now=now())
        breach_report.tell_closed(session, breach, self.desk.settings, now=now())

    def _add(self, body: Body, speaker: Speaker, reference: str, choice: Choice, shown: int | None = None) -> bool:
        """Add them, once; False, and nothing is done, when they are not as many new ones as were `shown`."""
        with self.desk.decide() as session:
            breach = breach_to_change(session, speaker, reference)
            chosen = choosing.find_chosen(session, choice).customers
            if shown is not None and breach_choosing.count_new(breach, chosen) != shown:
                return False
            if not is_first(session, submission_key(body), now=now()):
                return True
            if breach_customers.add_customers(session, breach, chosen, by=actor_of(speaker), now=now()):
                telling.tell_thread(session, breach.reference, "breach_customers_added", now=now())
        return True

    def _preview(self, speaker: Speaker, reference: str, choice: Choice) -> fields.View:
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
            breach = breaches.get_breach(session, reference)
            breaches.refuse_closed(breach)
            chosen = choosing.find_chosen(session, choice)
            return breach_forms.confirm_form(_describe(breach, chosen, choice), speaker.language)


def _describe(breach: Breach, chosen: choosing.Chosen, choice: Choice) -> breach_forms.Preview:
    known = {one.customer_id for one in breach.affected}
    new = [one for one in chosen.customers if one.id not in known]
    return breach_forms.Preview(
        reference=breach.reference,
        new=len(new),
        first=tuple(f"{one.name} ({one.reference})" for one in new[:SHOWN]),
        named=len(chosen.customers) - len(new),
        held=chosen.held,
        deadline_at=breach.deadline_at,
        overdue=breach.deadline_at < now(),
        packed=choice.pack(),
    )
