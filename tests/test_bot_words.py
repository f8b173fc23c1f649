"""Every word the bot can say, in both languages; and what it will not let anybody type."""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

import bot.refusals
from bot import breach_forms, call_forms, decision_forms, fact_forms, forms, letters, record_forms, report_forms
from bot.blocks import SHOWN, mention, plain, say, say_buttons, say_card
from bot.breach_cards import (
    ADD,
    AWARE,
    CLOSE,
    EXCLUDE,
    INCLUDE,
    NO_BREACH,
    STATES,
    TOLD,
    BreachCard,
    ClockLine,
    CustomerLine,
    FactsLine,
)
from bot.call_forms import looks_personal
from bot.cards import REASONS, CandidateLine, ForwardLine, ProposalLine, ReplyLine, RequestCard, TaskLine
from bot.digest import say_lines
from bot.digest import write as write_digest
from bot.due import DueTask, say_due
from bot.fact_kinds import MANY as MANY_OF
from bot.fact_kinds import ONE as ONE_OF
from bot.fact_kinds import WORDS
from bot.gathering import Held, Letter, write
from bot.home import Now, render_home
from bot.personal import find_personal_data
from bot.refusals import sentence_of
from bot.ringing import Ring, say_ring
from bot.ringing import write as write_rings
from bot.rungs import RungWords
from bot.words import TABLES, word
from storage.breach_facts import BreachFacts
from storage.breach_types import (
    Cause,
    ClaimKind,
    DataKind,
    FactName,
    Nature,
    Origin,
    PersonKind,
    RowState,
    SensitiveKind,
    TelecomOperator,
)
from storage.digest import Digest
from storage.errors import Refused
from storage.models import Staff
from storage.next_step import NextStep
from storage.outbox import Words
from storage.proposals import Proposals
from storage.types import Hold, Means, Right, Role, Said, TaskKind
from templates import LANGUAGES, render
from tests.playground.rules import check_message, check_view

AT = datetime(2026, 10, 23, 15, 40, tzinfo=UTC)
TEMPLATES = Path(inspect.getfile(render)).parent
SAMPLES: dict[str, Any] = {"datetime": AT, "str": "handler", "int": 3, "tuple": ("Acme", "Garage")}
FORWARD = ForwardLine("Acme", "C0001", AT, "U01ANNE", None, None)
LINES = {
    "on its way": FORWARD,
    "refused": replace(FORWARD, refused_at=AT),
    "bounced": replace(FORWARD, bounced_at=AT, bounce_status="5.1.1"),
    "bounced for no known reason": replace(FORWARD, bounced_at=AT),
    "delayed": replace(FORWARD, accepted_at=AT, delayed_at=AT),
    "sent again": replace(FORWARD, sent_again_at=AT, by_instruction=True),
    "told by telephone": replace(FORWARD, reached_at=AT, means="telephone", bounced_at=AT),
    "without its attachment": replace(FORWARD, accepted_at=AT, withheld_bytes=41_234_567),
    "answered": replace(FORWARD, accepted_at=AT, replies=tuple(ReplyLine(said.value, AT) for said in Said)),
}
EVERY_LINE = tuple(replace(line, customer_reference=f"C{number:04}") for number, line in enumerate(LINES.values()))
TASKS = tuple(
    TaskLine(n, kind.value, "U01ANNE" if n % 2 else None, AT, AT + timedelta(days=n) if n % 3 else None)
    for n, kind in enumerate(TaskKind)
)
DUE_TASK = DueTask("DSR-2026-0042", 1, "authority", AT, AT, None, None)
RING = Ring("DSR-2026-0042", "authority", AT, possible_breach=True, names_deadline=True, until=AT + timedelta(hours=48))
RINGS = tuple(
    replace(RING, reference=f"DSR-2026-{n:04}", kind=kind, possible_breach=breach, names_deadline=breach)
    for n, (kind, breach) in enumerate(
        [("authority", False), ("authority", True), ("controller", False), ("controller", True), ("request", True)]
    )
)
DIGEST = Digest(
    day=AT.date(),
    since=AT - timedelta(days=1),
    until=AT,
    came=5,
    came_authority=1,
    came_controller=2,
    forwarded_automatically=3,
    forwarded_by_person=1,
    waiting=2,
    waiting_since=AT - timedelta(hours=30),
    set_aside=4,
    sample=("DSR-2026-0001", "DSR-2026-0007"),
    bounced=1,
    tasks=tuple((kind, n + 1) for n, kind in enumerate(TaskKind)),
    overdue=1,
    next_due_at=AT + timedelta(days=2),
    open_breaches=1,
    breach_deadline_at=AT + timedelta(hours=20),
    open_drills=1,
    proposals=Proposals(3, 4),
    proposals_ever=Proposals(40, 42),
    addresses_bounced=2,
    addresses_unconfirmed=3,
    entry=1234,
    hash="ab" * 32,
)

CANDIDATES = (
    CandidateLine("Garage du Lac" * 9, "C0001", ("telephone", "domain", "unheard-of")),
    CandidateLine("Hôtel <Azur> & fils", "C0002", ("intake-alias", "sms-sender", "campaign", "name")),
    CandidateLine("Tours", "C0003", ()),
)


REPORT = report_forms.Report(AT, ClaimKind.SUSPECTED, "A doubt", (), False, report_forms.Origin())
ALL_FACTS = BreachFacts(
    account="x",
    nature=tuple(Nature),
    origin=Origin.OTHER,
    origin_other="x",
    cause=Cause.INTERNAL_ACCIDENTAL,
    data_kinds=tuple(DataKind),
    data_other="x",
    sensitive_kinds=tuple(SensitiveKind),
    person_kinds=tuple(PersonKind),
    persons_other="x",
    persons=120,
    records=1,
    started_at=AT,
    ended_at=AT + timedelta(hours=1),
    discovery="x",
    measures_before="x",
    measures_after="x",
    consequences="x",
    other_bodies="x",
    cnil_told_at=AT,
)
FACTS = FactsLine(2, 17, tuple(FactName), tuple(Nature), tuple(DataKind), 120, 1)
CLOCKS = tuple(
    ClockLine(name, AT, done=done, assumed=assumed)
    for name in ("restoration", "telecom")
    for done in (True, False)
    for assumed in (True, False)
)


def fact_page(page: str, facts: BreachFacts, language: str) -> dict[str, Any]:
    place = fact_forms.Place("BR-2026-0007", "C0001", page, 1234)
    return fact_forms.page_form(place, facts, language, telecom=TelecomOperator.YES)


def request_card(**changed: Any) -> RequestCard:
    values: dict[str, Any] = {
        "reference": "DSR-2026-0042",
        "kind": "request",
        "rights": ("erasure", "objection"),
        "language": "fr",
        "received_at": AT,
        "hold": "no_evidence",
        "flags": ("press",),
        "forwards": (),
        "set_aside_at": None,
        "set_aside_reason": None,
        "version": 1,
    }
    return RequestCard(**(values | changed))


def breach_card(**changed: Any) -> BreachCard:
    values: dict[str, Any] = {
        "reference": "BR-2026-0007",
        "opened_at": AT,
        "opened_by": "U01ANNE",
        "suspected_at": AT,
        "aware_at": AT,
        "aware_by": "U01ANNE",
        "deadline_at": AT + timedelta(hours=48),
        "lead": "U01ANNE",
        "closed_at": None,
        "closed_by": None,
        "customers": (CustomerLine("Acme", "C0001", None, None), CustomerLine("Garage", "C0002", AT, "telephone")),
        "version": 1,
    }
    return BreachCard(**(values | changed))


BOUNCED = CustomerLine("Acme", "C0001", None, None, state="bounced", step="telephone-lost")
EVERY_STATE = tuple(
    CustomerLine(
        f"Shop {n}",
        f"C{n:04}",
        None,
        None,
        state=state,
        step=step.value,
        step_at=AT,
        owed=n % 2 == 0,
        may_arrive=n % 3 == 0,
    )
    for n, (state, step) in enumerate(zip(cycle(STATES), [*NextStep] * 40, strict=False))
)
MANY = breach_card(customers=tuple(CustomerLine(f"Customer {n}" * 9, f"C{n:04}", None, None) for n in range(900)))
REQUESTS = {
    "held": request_card(),
    "forwarded": request_card(
        hold=None, forwards=(FORWARD, ForwardLine("B", "C0002", AT, "root", AT, None)), rights=()
    ),
    "refused": request_card(forwards=(ForwardLine("B", "C0002", AT, "root", None, AT),), language="xx"),
    "aside": request_card(set_aside_at=AT, set_aside_reason="spam"),
    "written again": request_card(follow_ups=2, tasks=TASKS),
    "an authority's": request_card(
        kind="authority", flags=("deadline", "possible_breach"), tasks=TASKS, owner="U01ANNE"
    ),
    "with candidates": request_card(candidates=CANDIDATES, owner="U01ANNE", referred_at=AT),
    "proposed": request_card(candidates=CANDIDATES[:1], proposal=ProposalLine("Acme", "C0001", "U01ANNE", AT)),
    "asked": request_card(asked_at=AT, breach="BR-2026-0007"),
    "answered by the person": request_card(asked_at=AT, answered=True, follow_ups=1),
    "gone astray": request_card(forwards=(replace(FORWARD, accepted_at=AT, misrouted_at=AT, misrouted_by="U01ANNE"),)),
    "all at once": request_card(forwards=EVERY_LINE, tasks=TASKS, hold=None, follow_ups=1),
    **{name: request_card(forwards=(line,), hold=None) for name, line in LINES.items()},
}
BREACHES = {
    "aware": breach_card(),
    "suspected": breach_card(aware_at=None, aware_by=None, customers=()),
    "with much to do": breach_card(unmarked=2, replies=1, tasks=TASKS),
    "closed": breach_card(closed_at=AT, closed_by="root", suspected_at=None),
    "many": MANY,
    "with all that is known": breach_card(facts=FACTS, clocks=CLOCKS, lead=None, told_at=AT, telecom_unknown=True),
    "with little": breach_card(facts=FactsLine(0, 17, ()), detected_at=AT),
    "to call": breach_card(customers=(BOUNCED,)),
    "documents owed": breach_card(customers=(CustomerLine("Acme", "C0001", AT, "telephone", owed=True),)),
    "closed, then came back": breach_card(
        closed_at=AT,
        closed_by="root",
        customers=(BOUNCED,),
    ),
    "every state": breach_card(customers=EVERY_STATE),
    "bounced after closing": breach_card(closed_at=AT, closed_by="root", customers=EVERY_STATE),
    "nobody left": breach_card(customers=(replace(EVERY_STATE[0], state="not-affected"),)),
}
CARDS: dict[str, RequestCard | BreachCard] = {**REQUESTS, **BREACHES}
RUNG = RungWords(
    about="deadline",
    until=AT,
    due_at=AT,
    hours_left=6,
    overdue=False,
    late_minutes=312,
    send_now=True,
    unclaimed=True,
)
RUNGS = tuple(
    replace(RUNG, about=about, overdue=overdue, hours_left=-5 if overdue else 6, send_now=not overdue)
    for about in ("deadline", "suspicion", "lead", "restoration", "telecom")
    for overdue in (True, False)
)


def refusals(of: type[Refused] = Refused) -> Iterator[type[Refused]]:
    for kind in of.__subclasses__():
        yield kind
        yield from refusals(kind)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(refusals()), ids=lambda kind: str(kind.__name__))
def test_every_refusal_has_its_sentence(kind: type[Refused], language: str) -> None:
    fields = {about.name: SAMPLES[getattr(about.type, "__name__", str(about.type))] for about in dataclass_fields(kind)}

    refused = kind(**fields)

    sentence = sentence_of(refused, language)
    assert sentence.endswith((".", "!"))
    assert sentence != render("refused/any", language)
    assert bot.refusals


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_every_card_is_one_that_slack_accepts(card: RequestCard | BreachCard, language: str) -> None:
    said = say_card(card, language)

    check_message(said.text, list(said.blocks))
    assert card.reference in said.text
    assert "None" not in str(said.blocks)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_every_line_of_a_thread_can_be_said(card: RequestCard | BreachCard, language: str) -> None:
    kind = "request" if isinstance(card, RequestCard) else "breach"
    topics = sorted(path.name.split(".")[0] for path in TEMPLATES.glob(f"{kind}_thread_*.{language}.slack"))

    for topic in topics:
        for line in (None, *(card.forwards if isinstance(card, RequestCard) else ())):
            check_message(say(topic.removeprefix(f"{kind}_"), card, language, line=line), [])
    if isinstance(card, BreachCard):
        for rung in RUNGS:
            said = say("reminder", card, language, **rung.values)
            check_message(said, [])
            assert "5 h 12" in said
    assert topics


def test_one_customer_more_is_one_in_french() -> None:
    lines = tuple(CustomerLine(f"Shop {n}", f"C{n:04}", AT, "telephone", owed=True) for n in range(SHOWN + 1))
    card = breach_card(customers=lines, closed_at=AT, closed_by="U01ANNE", no_breach=True)

    said = (say_card(card, "fr").blocks, decision_forms.no_breach_form(card, "fr"), say("thread_no_breach", card, "fr"))

    assert all("et 1 autre" in str(one) and "autres" not in str(one) for one in said)


def test_no_article_stands_before_an_instant_that_slack_may_write_as_tomorrow() -> None:
    """Slack shows {date_short_pretty} as “demain”, “hier” or “aujourd’hui”: “pour le demain” is no French."""
    templates = [*TEMPLATES.rglob("*.fr.slack"), TEMPLATES / "digest_lines.fr.txt"]
    article = re.compile(r"\b(le|au|du|dès le) \{\{ *([\w.]+ *\| *slack_instant|at\()")

    assert [path.name for path in templates if article.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bounced", "*came back* <!date^1792770000^{date_short_pretty} {time}|2026-10-23 15:40 UTC> (5.1.1)"),
        ("bounced", "python -m bot dsr redirect DSR-2026-0042 C0001 ADDRESS"),
        ("refused", "*refused by its server*"),
        ("delayed", "then *delayed*"),
        ("sent again", "sent again <!date^1792770000^{date_short_pretty} {time}|2026-10-23 15:40 UTC>, on its way"),
        ("sent again", "to another address on its instruction"),
        ("told by telephone", "the letter itself is still to be handed over"),
        ("without its attachment", "*without its attachment* (41.2 MB"),
        ("answered", "replied: *something to read*"),
        ("written again", "The person wrote again 2 times."),
        ("written again", "1. perhaps sent to the wrong customer"),
        ("written again", "taken by <@U01ANNE>"),
        ("written again", ", *due <!date^1792856400^{date_short_pretty} {time}|2026-10-24 15:40 UTC>*: taken by"),
        ("an authority's", "The letter names a date: please enter it"),
    ],
)
def test_a_card_says_how_far_each_forward_has_come(name: str, words: str) -> None:
    assert words in say("card", REQUESTS[name], "en")


def test_only_a_forward_that_failed_offers_a_remedy() -> None:
    offering = {name for name, card in REQUESTS.items() if "dsr_send_again" in card.actions}

    assert offering == {"refused", "bounced", "bounced for no known reason", "all at once"}
    assert "dsr_read_newest" in REQUESTS["answered"].actions
    assert "dsr_read_newest" in REQUESTS["written again"].actions
    assert "dsr_read_newest" not in REQUESTS["delayed"].actions
    assert {"dsr_take_task", "dsr_finish_task"} <= set(REQUESTS["written again"].actions)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_modal_is_one_that_slack_accepts(language: str) -> None:
    choice = decision_forms.Choice("DSR-2026-0042", "C0001", "Acme", "contact@acme.example", "because")
    mail = Words("A subject", "A text\n" * 400)
    anne = Staff(slack_user="U01ANNE", name="Anne", email="a@k.example", role=Role.DPO, language="fr")
    views = [
        report_forms.report_form(language, with_customers=True),
        report_forms.report_form(language, with_customers=False),
        report_forms.late_form(REPORT, language, with_customers=True, now=AT + timedelta(hours=50)),
        forms.aware_form("BR-2026-0007", language),
        fact_forms.choose_form("BR-2026-0007", language, with_customers=True),
        *(fact_page(page, facts, language) for page in fact_forms.PAGES for facts in (BreachFacts(), ALL_FACTS)),
        *(record_forms.instants_form(card, language) for card in (BREACHES["aware"], BREACHES["suspected"])),
        record_forms.give_lead_form("BR-2026-0007", [anne], language),
        call_forms.call_form(breach_card(), language, now=AT),
        call_forms.waive_form(breach_card(), language),
        call_forms.again_form(breach_card(customers=EVERY_STATE), language),
        breach_forms.add_form("BR-2026-0007", language),
        breach_forms.exclude_form("BR-2026-0007", language),
        breach_forms.include_form("BR-2026-0007", language),
        breach_forms.close_late_form("BR-2026-0007", [f"Customer {n}" * 9 for n in range(300)], language),
        forms.choose_form("DSR-2026-0042", language),
        decision_forms.confirm_form(choice, language),
        decision_forms.confirm_form(replace(choice, second=True), language),
        decision_forms.ask_form("DSR-2026-0042", mail, language),
        decision_forms.close_unknown_form("DSR-2026-0042", mail, language),
        decision_forms.hand_over_form("DSR-2026-0042", [anne], language),
        decision_forms.possible_breach_form("DSR-2026-0042", AT, language),
        decision_forms.misrouted_form("DSR-2026-0042", EVERY_LINE, mail, language),
        decision_forms.no_breach_form(breach_card(customers=EVERY_STATE), language),
        forms.set_aside_form("DSR-2026-0042", language),
        forms.send_again_form(REQUESTS["all at once"], language),
        forms.reached_form(REQUESTS["all at once"], language, now=AT),
        forms.task_form(forms.TAKE_TASK, "DSR-2026-0042", TASKS, language),
        forms.task_form(forms.FINISH_TASK, "DSR-2026-0042", TASKS, language),
        forms.due_form("DSR-2026-0042", TASKS, language),
        forms.due_form("DSR-2026-0042", TASKS[:1], language),
        forms.due_form("DSR-2026-0042", TASKS[1:2], language),
        forms.sentence_view("A sentence.", language),
    ]

    for view in views:
        check_view(view, "modal")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_home_full_of_cases_is_one_that_slack_accepts(language: str) -> None:
    held = tuple(request_card(reference=f"DSR-2026-{n:04}", tasks=TASKS, flags=("deadline",)) for n in range(15))
    ringing = tuple(breach_card(reference=f"BR-2026-{n:04}") for n in range(15))
    now = Now(99, held[:5], 15, ringing, 3, mine=held[5:10], nobodys=held[10:])
    view = {"type": "home", "blocks": render_home(now, language)}

    check_view(view, "home")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("card", BREACHES.values(), ids=BREACHES)
def test_every_letter_to_staff_can_be_written(card: BreachCard, language: str) -> None:
    for in_slack in (True, False):
        opened = letters.write_opened(card, "<b>x</b>", language, company="Kavkom", in_slack=in_slack)

        assert "<b>x</b>" in opened.text
        assert "<b>x</b>" not in (opened.html or "")
        assert "&lt;b&gt;x" in (opened.html or "")
        rungs = [
            letters.write_reminder(card, language, rung=one.values, company="Kavkom", in_slack=in_slack)
            for one in RUNGS
        ]
        assert all("5 h 12" in rung.text and "5 h 12" in (rung.html or "") for rung in rungs)
        for words in (opened, *rungs):
            assert words.subject.startswith("BR-2026-0007")
            assert "\n" not in words.subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("hours", "words"), [(0, ()), (1, ("1 h",)), (4, ("4 h",)), (73, ("3 d", "3 j"))])
def test_a_held_request_is_told_by_post_and_by_letter(hours: int, words: tuple[str, ...], language: str) -> None:
    since = AT - timedelta(hours=hours)
    held = Held(request_card(rights=("erasure",)), since, AT - timedelta(minutes=5))

    post = say("reminder", held.card, language, **letters.describe_waiting(since=since, due_at=held.due_at, now=AT))
    alone = write(Letter((held,), ()), language, company="Kavkom", slack_out=False, now=AT)

    check_message(post, [])
    for said in (post, alone.subject) if words else ():
        assert any(word in said for word in words)
    assert "5 min" in post
    assert alone.subject.startswith("DSR-2026-0042")
    assert "\n" not in alone.subject
    assert "/dsr DSR-2026-0042" in alone.text
    assert "/dsr DSR-2026-0042" in (alone.html or "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_letter_of_many_cases_names_each_and_counts_the_rest(language: str) -> None:
    held = tuple(Held(request_card(reference=f"DSR-2026-{n:04}"), AT, AT) for n in range(250))
    events = (("DSR-2026-1000", "forward_refused"), ("DSR-2026-1001", "reply_nobody_foresaw"))

    words = write(Letter(held, events), language, company="Kavkom & Co", slack_out=True, now=AT)

    assert "\n" not in words.subject
    assert "250" in words.subject
    for text in (words.text, words.html or ""):
        assert text.count("DSR-2026-0") == 200
        assert "50" in text
        assert "DSR-2026-1001" in text
        assert "Slack" in text
    assert "Kavkom &amp; Co" in (words.html or "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=3), ("in 3 days", "dans 3 jours")),
        (timedelta(hours=4, seconds=-20), ("in 4 hours", "dans 4 heures")),
        (timedelta(), ("due now", "à faire maintenant")),
        (timedelta(seconds=-20), ("due now", "à faire maintenant")),
        (timedelta(hours=-26), ("1 day 2 hours ago", "depuis 1 jour 2 heures")),
    ],
)
@pytest.mark.parametrize("owner", [None, "U01ANNE"])
def test_a_date_is_told_by_post_and_by_letter(
    left: timedelta, words: tuple[str, ...], owner: str | None, language: str
) -> None:
    task = replace(
        DUE_TASK, due_at=AT + left, rang_at=AT - timedelta(minutes=5), owner=owner, owner_name=owner and "Anne"
    )

    post = say_due(task, language, now=AT)
    letter = write(Letter((), (), (task,)), language, company="Kavkom & Co", slack_out=False, now=AT)

    check_message(post, [])
    for said in (post.lower(), letter.subject.lower()):
        assert any(word in said for word in words)
    assert ("<@U01ANNE>" in post) == (owner is not None)
    assert letter.subject.startswith("DSR-2026-0042")
    assert "\n" not in letter.subject
    for text in (post, letter.text, letter.html or ""):
        assert "5 min" in text
    for text in (letter.text, letter.html or ""):
        assert ("Anne" in text) == (owner is not None)
        assert "python -m bot dsr finish-task DSR-2026-0042 1" in text
    assert "Kavkom &amp; Co" in (letter.html or "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_dates_stand_in_the_letter_beside_all_else(language: str) -> None:
    dates = tuple(
        replace(DUE_TASK, reference=f"DSR-2026-{n:04}", due_at=AT + timedelta(days=n - 9)) for n in range(250)
    )
    held = Held(request_card(reference="DSR-2027-0001"), AT, AT)

    words = write(
        Letter((held,), (("DSR-2027-0002", "reply_help"),), dates), language, company="K", slack_out=False, now=AT
    )

    assert "250" in words.subject
    for text in (words.text, words.html or ""):
        assert text.count("DSR-2026-0") == 200
        assert "50" in text
        assert "DSR-2027-0001" in text
        assert "DSR-2027-0002" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: f"{ring.kind}-{ring.possible_breach}")
def test_a_letter_that_rings_says_what_came_and_what_to_do(ring: Ring, language: str) -> None:
    flags = ("possible_breach", "deadline") if ring.possible_breach else ()
    post = say_ring(request_card(kind=ring.kind, flags=flags), language)
    letter = write_rings([ring], language, company="Kavkom & Co", slack_out=False)

    check_message(post.text, list(post.blocks))
    assert "dsr_read" in str(post.blocks)
    assert letter.subject.startswith(ring.reference)
    assert "\n" not in letter.subject
    for text in (post.text, letter.text, letter.html or ""):
        assert ("/breach" in text) == ring.possible_breach
        assert ("48" in text) == ring.possible_breach
        assert ("autorité" in text or "authority" in text) == (ring.kind == "authority")
    assert "Kavkom &amp; Co" in (letter.html or "")
    assert f"/dsr {ring.reference}" in letter.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_flood_of_them_is_one_letter(language: str) -> None:
    rings = [replace(RINGS[n % 5], reference=f"DSR-2026-{n:04}") for n in range(250)]

    words = write_rings(rings, language, company="K", slack_out=True)

    assert words.subject.startswith("250 ")
    for text in (words.text, words.html or ""):
        assert len(set(re.findall(r"DSR-2026-\d+", text))) == 200
        assert "50" in text
        assert "/dsr" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_days_figures_read_the_same_in_slack_and_by_e_mail(language: str) -> None:
    letter = write_digest(DIGEST, language, company="Kavkom & Co", now=AT + timedelta(minutes=125))
    lines = say_lines(DIGEST, language, lambda at, _: str(at), now=AT)
    post = render("digest", language, "slack", lines=lines, d=DIGEST, late_minutes=125)

    check_message(post, [])
    assert len(lines) == 14
    assert "\n" not in letter.subject
    for text in (letter.text, letter.html or "", post):
        assert "ab" * 32 in text
        assert "2 h 05" in text
        assert "DSR-2026-0007" in text
        for label, said in lines:
            assert label in text
            assert said
    assert "Kavkom &amp; Co" in (letter.html or "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "topic", ["letters_ring", "mail_silent", "mail_back", "mail_stuck", "sending_paused", "sending_resumed", "other"]
)
def test_what_is_said_of_the_desk_itself_can_be_said(topic: str, language: str) -> None:
    check_message(
        render(f"desk_{topic}", language, "slack", since=AT, stuck=3, reason="restored", topic="new_topic"), []
    )


@pytest.mark.parametrize(
    ("reason", "said"), [("restored", "(the database was restored from a backup)"), ("unforeseen", "(unforeseen)")]
)
def test_why_sending_is_paused_is_said_in_words(reason: str, said: str) -> None:
    assert said in render("desk_sending_paused", "en", "slack", reason=reason)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_has_its_words(language: str) -> None:
    labels = [
        *(f"right.{right.value}" for right in Right),
        *(f"hold.{hold.value}" for hold in Hold),
        *(f"means.{means.value}" for means in Means),
        *(f"said_by.{said.value}" for said in Said),
        *(f"state.{state.value}" for state in RowState),
        *(f"task.{kind.value}" for kind in TaskKind),
        *(f"reason.{reason}" for reason in REASONS),
        *(f"fact.{name}" for name in FactName),
        *(f"fact_short.{name}" for name in FactName),
        *(f"nature_short.{nature}" for nature in Nature),
        *(f"{WORDS[name]}.{label.value}" for name, labels in (ONE_OF | MANY_OF).items() for label in labels),
    ]

    assert all(word(language, label) for label in labels)


def test_both_languages_have_the_same_words() -> None:
    lines = {
        language: [line for name in TABLES for line in render(name, language).splitlines()] for language in LANGUAGES
    }
    keys = [[line.partition(":")[0] for line in lines[language]] for language in LANGUAGES]
    french = {path.name.replace(".fr.", ".en.") for path in TEMPLATES.rglob("*.fr.*")}

    assert set(keys[0]) == set(keys[1])
    assert all(len(each) == len(set(each)) for each in keys)
    assert french == {path.name for path in TEMPLATES.rglob("*.en.*")}


def test_no_line_of_a_french_mail_can_begin_or_end_with_what_belongs_to_a_word() -> None:
    written = letters.write_opened(breach_card(aware_at=None), "Vu : «rien» ; ou ?", "fr", company="Kavkom")
    reminded = letters.write_reminder(breach_card(), "fr", rung=replace(RUNG, about="suspicion").values, company="K")

    assert "Vu : «rien» ; ou ?" in written.text, "typed words stay as they are"
    for one in (written.text.replace("Vu : «rien» ; ou ?", ""), reminded.text, reminded.html, reminded.subject):
        assert not re.search(r" [;:?!»]|« ", one or "")
    assert "\u00a0» ou «\u00a0Pas une violation…\u00a0» sur la fiche" in reminded.text
    assert "\u00a0" not in letters.write_opened(breach_card(), "x", "en", company="Kavkom").text


def test_every_page_and_mail_is_laid_out_for_a_telephone() -> None:
    pages = {path.name: path.read_text() for path in TEMPLATES.rglob("*.html")}

    assert [name for name, page in pages.items() if "<head>" in page and "width=device-width" not in page] == []


def test_a_reminder_that_rings_in_time_does_not_speak_of_lateness() -> None:
    late = letters.how_late(AT, AT + timedelta(seconds=30))

    assert "late" not in say("reminder", breach_card(), "en", **replace(RUNG, late_minutes=late).values)


def test_markup_from_outside_is_escaped_and_staff_are_mentioned() -> None:
    card = breach_card(customers=(CustomerLine("<!channel> & Sons", "C0001", None, None),), opened_by="U01ANNE")

    said = str(say_card(card, "en").blocks)

    assert "&lt;!channel&gt; &amp; Sons" in said
    assert "<@U01ANNE>" in said
    assert mention("<@x>", "en") == "&lt;@x&gt;"


def test_a_long_list_is_counted_not_shown() -> None:
    said = say("card", MANY, "en")

    assert f"and {900 - SHOWN} more" in said or said.endswith("…")


def test_every_state_of_a_customer_is_known_to_the_card() -> None:
    assert set(STATES) == {state.value for state in RowState}
    assert BREACHES["every state"].counts == tuple((state, 40) for state in STATES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_names_the_most_pressing_twenty_and_counts_the_others(language: str) -> None:
    said = say("card", BREACHES["every state"], language)

    named = [line for line in said.splitlines() if line.startswith("• ")]
    assert len(named) == SHOWN
    assert all("revenu" in line or "came back" in line for line in named)
    assert f"{200 - SHOWN}" in said.splitlines()[-1]


def test_the_buttons_of_a_breach_stand_in_rows_of_five() -> None:
    card = breach_card(aware_at=None, customers=EVERY_STATE[:10])
    ours = (AWARE, ADD, EXCLUDE, INCLUDE, TOLD, CLOSE, NO_BREACH)

    assert tuple(action for action in card.actions if action in ours) == ours
    assert [action for row in card.rows for action in row] == list(card.actions)
    assert [len(row) for row in card.rows[:-1]] == [5] * (len(card.rows) - 1)
    assert len(say_buttons(card, "en", suffix=":x", all_rows=False)) == 1
    assert len(say_buttons(card, "en")) == len(card.rows)


def test_buttons_carry_case_and_version_and_differ_where_cases_stand_together() -> None:
    card = request_card(version=3, candidates=CANDIDATES)
    first, further = say_buttons(card, "en", suffix=":DSR-2026-0042")
    values = {each["action_id"]: each["value"] for each in first["elements"]}

    assert values == {
        "dsr_read:DSR-2026-0042": "DSR-2026-0042|3|",
        "dsr_candidate_0:DSR-2026-0042": "DSR-2026-0042|3|C0001",
        "dsr_candidate_1:DSR-2026-0042": "DSR-2026-0042|3|C0002",
        "dsr_candidate_2:DSR-2026-0042": "DSR-2026-0042|3|C0003",
        "dsr_choose:DSR-2026-0042": "DSR-2026-0042|3|",
    }
    assert {each["action_id"].partition(":")[0] for each in further["elements"]} == set(card.further_actions)
    assert plain("x" * 99)["text"].endswith("…")


@pytest.mark.parametrize(
    ("text", "looks_like"),
    [
        ("Jeanne (jeanne.martin@example.org) called", "e-mail"),
        ("jeanne (at) example.org", "e-mail"),
        ("call 06 12 34 56 78", "telephone"),
        ("call 06.12.34.56.78 on 2026-10-23", "telephone"),
        ("+972 54-123-4567", "telephone"),
        ("0033612345678", "telephone"),
        ("from FR7630006000011234567890189", "iban"),
        ("host 10.12.0.254 answered", "ip"),
        ("2001:db8:85a3::8a2e:370:7334 answered", "ip"),
        ("fe80::1 and 2a01::1 answered", "ip"),
        ("call 06\u00a012\u00a034\u00a056\u00a078", "telephone"),
        ("call \u202a06\u202f12\u202f34\u202f56\u202f78\u202c", "telephone"),
        ("call 06\u201112\u201134\u201156\u201178", "telephone"),
        ("call 06_12_34_56_78", "telephone"),
        ("jeanne\uff20example.org", "e-mail"),
        ("jeanne\u200b.martin@\u200bexample.org", "e-mail"),
        ("de\u00a02020 \u00e0\u00a02024, 1\u202f200\u202f000 appels", None),
        ("Ceci\u00a0:: une note", None),
        ("On 2026-10-23 17:40 the export held 12 000 rows", None),
        ("Since 23/10/2026 at 17 h 40, 1 200 000 recordings, see BR-2026-0007 and DSR-2026-0042", None),
        ("Customer C0001, version 3.11.7, 48 hours, 10:15:30", None),
        ("A laptop was stolen, the disk is encrypted.", None),
        ("", None),
    ],
)
def test_what_looks_like_personal_data_is_found(text: str, looks_like: str | None) -> None:
    assert find_personal_data(text) == looks_like


@pytest.mark.parametrize(
    ("text", "name", "looks_like"),
    [
        ("1A 203 123 4567 8", "proof", None),
        ("1A\u00a0203\u00a0123\u00a04567\u00a08", "proof", None),
        ("RR 123 456 789 FR", "proof", None),
        ("1732701234.5678", "call_reference", None),
        ("1732701234.5678", "proof", "telephone"),
        ("06\u00a012\u00a034\u00a056\u00a078", "proof", "telephone"),
    ],
)
def test_numbers_of_letters_and_calls_are_nobodys(text: str, name: str, looks_like: str | None) -> None:
    assert looks_personal(text, name) == looks_like


def test_the_manifest_asks_for_the_least() -> None:
    manifest = json.loads((Path(inspect.getfile(forms)).parent / "manifest.json").read_text())

    assert manifest["oauth_config"]["scopes"]["bot"] == ["chat:write", "commands", "groups:read", "users:read"]
    assert manifest["settings"]["token_rotation_enabled"] is False
    assert manifest["settings"]["socket_mode_enabled"] is True
