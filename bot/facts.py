"""Recording what is known of a breach, page by page: choose a page, see what is known, write what is new."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import breach_cards, fact_forms, fields
from bot.access import Speaker
from bot.affected_select import AFFECTED
from bot.desk import Desk
from bot.fact_forms import Answers, Place
from bot.gestures import is_first, submission_key
from bot.personal import find_personal_data
from bot.pressing import actor_of, breach_pressed, breach_to_change, open_modal, pressed, require_handler
from bot.refusals import sentence_of
from bot.words import word
from storage import breach_record, breaches, staff
from storage.breach_errors import NotAffected
from storage.breach_facts import BreachFacts, Value, known_facts, last_fact
from storage.breach_types import FactName
from storage.clock import now
from storage.errors import PersonalDataInText
from storage.models import Affected, Breach
from storage.types import typist_of

ACCOUNTS = frozenset({FactName.ACCOUNT, FactName.ACCOUNT_EN})


@dataclass(frozen=True)
class FactListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(breach_cards.RECORD))(self.ask_which_page)
        app.view(fact_forms.CHOOSE)(self.show_page)
        app.view(fact_forms.PAGE)(self.record)

    def ask_which_page(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.RECORD)
        with_customers = bool(card.customers)
        open_modal(
            client, body, fact_forms.choose_form(card.reference, speaker.language, with_customers=with_customers)
        )
        ack()

    def show_page(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        view = body["view"]
        reference, customer = view["private_metadata"], fields.read_choice(view, AFFECTED) or ""
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
            breach = breaches.get_breach(session, reference)
            place = Place(reference, customer, fields.read_option(view, "page"), last_fact(session, breach))
            shown = _shown(session, breach, place)
            offered = _offer_summary(breach, shown, place), self._written_in(session, breach)
        telecom = self.desk.settings.telecom_operator
        form = fact_forms.page_form(place, shown, speaker.language, telecom=telecom, offered=offered)
        ack(response_action="update", view=form)

    def _written_in(self, session: Session, breach: Breach) -> str:
        """The language of whoever reported it, which another who reads the page may not share."""
        reporter = staff.find_staff(session, breach.opened_by, now=now())
        return reporter.language if reporter else self.desk.settings.staff_language

    def record(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """What differs from what was shown is written down; what looks like personal data is refused beside it."""
        speaker: Speaker = context["speaker"]
        place = Place.read(body["view"]["private_metadata"])
        with self.desk.decide() as session:
            breach = breach_to_change(session, speaker, place.reference)
            answers = fact_forms.read_page(body["view"], place.page, _shown(session, breach, place))
            errors = _errors(answers, speaker.language)
            if not errors and is_first(session, submission_key(body), now=now()):
                _record(session, speaker, breach, place, answers)
        if errors:
            ack(response_action="errors", errors=errors)
        else:
            ack()


def _record(session: Session, speaker: Speaker, breach: Breach, place: Place, answers: Answers) -> None:
    affected = find_affected(breach, place.customer)
    values, by = _without_stale_offer(session, breach, place, answers.values), actor_of(speaker)
    breach_record.record_facts(session, breach, values, affected=affected, by=by, now=now())


def _shown(session: Session, breach: Breach, place: Place) -> BreachFacts:
    """What the page was filled in with, whatever was recorded since."""
    return known_facts(session, breach, find_affected(breach, place.customer), until=place.until)


def _offer_summary(breach: Breach, shown: BreachFacts, place: Place) -> str:
    """What somebody typed in Slack to report it, for who writes the first account for all; "" where it is of no use.

    What was typed at a shell stays out of Slack.
    """
    typed = breach.summary.strip() if typist_of(breach.opened_by) is None else ""
    fits = breach.about is None and len(typed) <= fact_forms.LONGEST and find_personal_data(typed) is None
    return typed if fits and not place.customer and not shown.knows(FactName.ACCOUNT) else ""


def _without_stale_offer(
    session: Session, breach: Breach, place: Place, values: dict[FactName, Value]
) -> dict[FactName, Value]:
    """What was offered and left as it is says nothing where somebody has written an account meanwhile."""
    offered = _offer_summary(breach, _shown(session, breach, place), place)
    if not (offered and known_facts(session, breach).knows(FactName.ACCOUNT)):
        return values
    return {name: value for name, value in values.items() if name not in ACCOUNTS or value != offered}


def find_affected(breach: Breach, customer: str) -> Affected | None:
    """The row of this customer, None for "". Raises NotAffected."""
    if not customer:
        return None
    found = next((one for one in breach.affected if one.customer.reference == customer.upper()), None)
    if found is None:
        raise NotAffected(breach.reference, customer)
    return found


def _errors(answers: Answers, language: str) -> dict[str, str]:
    """A sentence beside each field that cannot be taken."""
    personal = {name: sentence_of(PersonalDataInText(found), language) for name, found in answers.personal.items()}
    ended = {fact_forms.ENDED_AT.value: word(language, "said.ended_when")} if answers.end_missing else {}
    counts = {name.value: word(language, "said.whole_number") for name in answers.no_count}
    return personal | ended | counts
