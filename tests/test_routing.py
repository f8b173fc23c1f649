"""Which customer a letter goes to, and why it is held when it goes to none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.clues import NO_CLUES, Clue, Clues, Source
from mail.evidence import Says
from mail.letter import Letter
from mail.lexicon import plain
from mail.rights import RightsRead
from mail.routing import Candidate, Held, Route, find_route
from mail.settings import Automatic
from storage.types import Hold, KeyKind, Kind

TODAY = date(2026, 11, 24)
US = "privacy@kavkom.example"
ACME, BOREAL = "privacy+acme@kavkom.example", "privacy+boreal@kavkom.example"
ACMES_NUMBER, BOREALS_NUMBER = "+33199000100", "+33199000200"
ASKS = RightsRead(Kind.REQUEST, ("erasure",), (), ("effacez",))


@dataclass(frozen=True)
class Known:
    """A customer as routing sees it."""

    reference: str
    contract_end: date | None = None
    contract_start: date | None = None


@dataclass(frozen=True)
class Had:
    """What a customer had on some days."""

    customer: Known
    first: date = date.min
    last: date = date.max

    def had_it(self, first: date, last: date) -> bool:
        return self.first <= last and first <= self.last


@dataclass(frozen=True)
class Entries:
    """A directory; `distinctive` are the names that nobody else can be meant by."""

    keys: dict[tuple[KeyKind, str], list[Had]] = field(default_factory=dict)
    distinctive: frozenset[str] = frozenset()

    def owners(self, kind: KeyKind, value: str) -> Sequence[Had]:
        return self.keys.get((kind, value), [])

    def named(self, clues: Clues) -> Mapping[str, Sequence[Had]]:
        return {word: found for word in clues.words.split() if (found := self.keys.get((KeyKind.NAME, word)))}

    def is_distinctive(self, name: str) -> bool:
        return name in self.distinctive

    def without(self, reference: str) -> "Entries":
        left = {
            key: [one for one in owners if one.customer.reference != reference] for key, owners in self.keys.items()
        }
        return Entries({key: owners for key, owners in left.items() if owners}, self.distinctive)


def entries_of(customer: Known, address: str, number: str, word: str) -> dict[tuple[KeyKind, str], list[Had]]:
    has = [Had(customer)]
    return {
        (KeyKind.INTAKE_ALIAS, address): has,
        (KeyKind.TELEPHONE, number): has,
        (KeyKind.DOMAIN, f"{word}.example"): has,
        (KeyKind.SMS_SENDER, word.upper()): has,
        (KeyKind.NAME, word): has,
    }


DIRECTORY = Entries(
    entries_of(Known("C0001"), ACME, ACMES_NUMBER, "acme")
    | entries_of(Known("C0002"), BOREAL, BOREALS_NUMBER, "boreal")
)
LETTER = Letter(sender="jeanne@courriel.example", recipients=(US, ACME), text="Effacez tout.")
UNADDRESSED = replace(LETTER, recipients=(US,))


def clue(kind: KeyKind, *values: str, source: Source = Source.WRITTEN) -> Clue:
    return Clue(kind, values, source)


def number(*values: str, source: Source = Source.WRITTEN) -> Clue:
    return clue(KeyKind.TELEPHONE, *values, source=source)


def clues(*found: Clue, **changed: Any) -> Clues:
    return NO_CLUES._replace(found=found, **changed)


def route(
    letter: Letter = LETTER,
    directory: Entries = DIRECTORY,
    *,
    names: Clues = NO_CLUES,
    rights: RightsRead = ASKS,
    automatic: Automatic = Automatic.IDENTIFIERS,
    junk: bool = False,
) -> Route | Held:
    says = Says(letter, rights, names)
    return find_route(says, directory, automatic=automatic, junk=junk, today=TODAY, own_address=US)


def hold_of(found: Route | Held) -> Hold | None:
    return found.hold if isinstance(found, Held) else None


def goes_to(found: Route | Held) -> str | None:
    return found.customer.reference if isinstance(found, Route) else None


def ending(day: date) -> Entries:
    return Entries({(KeyKind.INTAKE_ALIAS, ACME): [Had(Known("C0001", day))]})


# --- intake addresses ---


def test_a_letter_to_one_customers_intake_address_goes_to_that_customer() -> None:
    assert route() == Route(Known("C0001"), (f"intake-alias:{ACME}",))


def test_two_addresses_of_one_customer_are_still_one_customer() -> None:
    has = [Had(Known("C0001"))]
    directory = Entries({(KeyKind.INTAKE_ALIAS, ACME): has, (KeyKind.INTAKE_ALIAS, BOREAL): has})

    found = route(replace(LETTER, recipients=(ACME, BOREAL)), directory)

    assert found == Route(Known("C0001"), (f"intake-alias:{ACME}", f"intake-alias:{BOREAL}"))


def test_a_letter_to_two_customers_is_held_with_both() -> None:
    found = route(replace(LETTER, recipients=(ACME, BOREAL)))

    assert isinstance(found, Held)
    assert found.hold is Hold.SEVERAL_CUSTOMERS
    assert [one.customer.reference for one in found.candidates] == ["C0001", "C0002"]


def test_an_address_that_two_customers_share_decides_nothing() -> None:
    directory = Entries({(KeyKind.INTAKE_ALIAS, ACME): [Had(Known("C0001")), Had(Known("C0002"))]})

    assert hold_of(route(directory=directory)) is Hold.SEVERAL_CUSTOMERS


def test_an_unknown_plus_address_is_no_evidence() -> None:
    assert hold_of(route(replace(LETTER, recipients=("privacy+acne@kavkom.example",)))) is Hold.NO_EVIDENCE


def test_an_intake_address_that_is_nobodys_contradicts_all_other_evidence() -> None:
    letter = replace(LETTER, recipients=("privacy+acne@kavkom.example",))

    assert hold_of(route(letter, names=clues(number(ACMES_NUMBER)))) is Hold.SEVERAL_CUSTOMERS


def test_a_case_address_is_no_intake_address() -> None:
    letter = replace(LETTER, recipients=("privacy+c.7.abcdefghijk@kavkom.example",))

    assert goes_to(route(letter, names=clues(number(ACMES_NUMBER)))) == "C0001"


# --- other evidence ---


@pytest.mark.parametrize(
    ("found", "evidence"),
    [
        (number(ACMES_NUMBER), f"telephone:{ACMES_NUMBER}"),
        (number("+32199000100", ACMES_NUMBER), f"telephone:{ACMES_NUMBER}"),
        (clue(KeyKind.SMS_SENDER, "ACME"), "sms-sender:ACME"),
        (clue(KeyKind.DOMAIN, "www.acme.example", "acme.example"), "domain:acme.example"),
        (clue(KeyKind.DOMAIN, "acme.example", source=Source.QUOTED), "campaign:acme.example"),
        (clue(KeyKind.DOMAIN, "acme.example", source=Source.ATTACHED), "campaign:acme.example"),
    ],
)
def test_each_kind_of_evidence_decides_alone(found: Clue, evidence: str) -> None:
    assert route(UNADDRESSED, names=clues(found)) == Route(Known("C0001"), (evidence,))


def test_evidence_for_two_customers_is_a_persons_decision() -> None:
    both = clues(number(ACMES_NUMBER), clue(KeyKind.DOMAIN, "boreal.example"))

    assert hold_of(route(UNADDRESSED, names=both)) is Hold.SEVERAL_CUSTOMERS


def test_what_a_campaign_says_and_what_the_writer_says_must_agree() -> None:
    both = clues(number(ACMES_NUMBER), clue(KeyKind.DOMAIN, "boreal.example", source=Source.ATTACHED))

    assert hold_of(route(UNADDRESSED, names=both)) is Hold.SEVERAL_CUSTOMERS


def test_a_number_that_nobody_has_is_no_evidence() -> None:
    assert hold_of(route(UNADDRESSED, names=clues(number("+33199999999")))) is Hold.NO_EVIDENCE


def test_a_name_alone_decides_nothing_and_makes_a_candidate() -> None:
    found = route(UNADDRESSED, names=clues(words="acme"))

    assert isinstance(found, Held)
    assert found.hold is Hold.NO_EVIDENCE
    assert [one.customer.reference for one in found.candidates] == ["C0001"]


def test_the_name_of_another_customer_contradicts() -> None:
    assert hold_of(route(names=clues(words="boreal"))) is Hold.SEVERAL_CUSTOMERS
    assert hold_of(route(UNADDRESSED, names=clues(number(ACMES_NUMBER), words="boreal"))) is Hold.SEVERAL_CUSTOMERS


def test_its_own_name_and_that_of_the_writers_employer_do_not_contradict() -> None:
    named = clues(number(ACMES_NUMBER), words="acme boreal", own_domains=("boreal.example",))

    assert goes_to(route(UNADDRESSED, names=named)) == "C0001"


def test_a_number_of_the_writers_own_company_decides_nothing() -> None:
    own = clues(number(ACMES_NUMBER), own_domains=("mail.acme.example",))

    assert hold_of(route(UNADDRESSED, names=own)) is Hold.WRITERS_OWN


def test_the_writers_own_domain_is_no_evidence() -> None:
    own = clues(clue(KeyKind.DOMAIN, "acme.example"), own_domains=("acme.example",))

    assert hold_of(route(UNADDRESSED, names=own)) is Hold.NO_EVIDENCE


def test_an_employee_may_write_to_his_own_companys_intake_address() -> None:
    assert goes_to(route(names=clues(own_domains=("acme.example",)))) == "C0001"


# --- time ---


def test_a_contract_that_has_ended_is_a_persons_decision() -> None:
    assert hold_of(route(directory=ending(date(2026, 11, 23)))) is Hold.CONTRACT_ENDED


def test_a_contract_is_live_on_its_last_day() -> None:
    assert hold_of(route(directory=ending(TODAY))) is None


def test_a_contract_that_has_not_begun_is_a_persons_decision() -> None:
    future = Entries({(KeyKind.INTAKE_ALIAS, ACME): [Had(Known("C0001", contract_start=TODAY + timedelta(1)))]})

    assert hold_of(route(directory=future)) is Hold.CONTRACT_ENDED


@pytest.mark.parametrize(("ended", "hold"), [(30, Hold.SEVERAL_CUSTOMERS), (200, None)])
def test_a_number_may_be_of_somebody_whose_contract_ended_lately(ended: int, hold: Hold | None) -> None:
    former = Had(Known("C0001", TODAY - timedelta(ended)))
    shared = Entries({(KeyKind.TELEPHONE, ACMES_NUMBER): [former, Had(Known("C0002"))]})

    assert hold_of(route(UNADDRESSED, shared, names=clues(number(ACMES_NUMBER)))) is hold


def moved(on: date) -> Entries:
    """A number that C0001 had until that day and C0002 has had since."""
    before, after = Had(Known("C0001"), last=on - timedelta(1)), Had(Known("C0002"), first=on)
    return Entries({(KeyKind.TELEPHONE, ACMES_NUMBER): [before, after]})


@pytest.mark.parametrize(
    ("on", "days", "goes"),
    [
        (date(2026, 1, 5), (), None),
        (date(2026, 11, 5), (), None),
        (date(2026, 11, 5), (date(2026, 11, 18),), "C0002"),
        (date(2026, 11, 5), (date(2026, 11, 2),), "C0001"),
        (date(2026, 11, 5), (date(2026, 11, 2), date(2026, 11, 18)), None),
        (date(2026, 8, 20), (date(2026, 8, 12),), "C0001"),
        (date(2026, 11, 5), (date(2016, 4, 27),), None),
        (date(2026, 11, 5), (date(2027, 4, 27),), None),
    ],
)
def test_the_day_of_the_call_says_whose_a_number_was(on: date, days: tuple[date, ...], goes: str | None) -> None:
    assert goes_to(route(UNADDRESSED, moved(on), names=clues(number(ACMES_NUMBER), days=days))) == goes


# --- what a letter is ---


@pytest.mark.parametrize(
    ("hold", "changed"),
    [
        (Hold.AUTOMATIC_MAIL, {"automatic": "list"}),
        (Hold.OWN_MAIL, {"sender": "privacy@kavkom.example"}),
        (Hold.OWN_MAIL, {"sender": "Privacy+C.7.abc@Kavkom.Example"}),
        (Hold.OWN_MAIL, {"received_lines": 26}),
        (Hold.UNREADABLE, {"unreadable": "headers", "recipients": (), "sender": None}),
        (Hold.DISGUISED, {"hidden": True}),
        (None, {"received_lines": 25}),
        (None, {"sender": None}),
        (None, {"unreadable": "encrypted"}),
    ],
)
def test_what_a_letter_is_can_hold_it(hold: Hold | None, changed: dict[str, object]) -> None:
    assert hold_of(route(replace(LETTER, **changed))) is hold  # type: ignore[arg-type]  # the table varies any field


@pytest.mark.parametrize(
    ("hold", "kind", "flags"),
    [
        (Hold.AUTHORITY, Kind.AUTHORITY, ()),
        (Hold.CONTROLLER, Kind.CONTROLLER, ()),
        (Hold.NOT_A_REQUEST, Kind.NOT_REQUEST, ()),
        (Hold.POSSIBLE_BREACH, Kind.REQUEST, ("possible_breach",)),
        (None, Kind.FOLLOW_UP, ("deadline",)),
    ],
)
def test_only_a_request_goes_by_itself(hold: Hold | None, kind: Kind, flags: tuple[str, ...]) -> None:
    assert hold_of(route(rights=RightsRead(kind, (), flags, ()))) is hold


def test_what_could_not_be_read_is_not_judged_by_its_words() -> None:
    letter = replace(LETTER, unreadable="encrypted", text="")

    assert goes_to(route(letter, rights=RightsRead(Kind.NOT_REQUEST, (), (), ()))) == "C0001"


def test_a_campaign_mail_sent_on_without_a_word_asks_for_an_end_of_it() -> None:
    nothing = RightsRead(Kind.NOT_REQUEST, (), (), ())
    campaign = clue(KeyKind.DOMAIN, "acme.example", source=Source.ATTACHED)

    assert goes_to(route(UNADDRESSED, names=clues(campaign, wordless=True), rights=nothing)) == "C0001"
    assert hold_of(route(UNADDRESSED, names=clues(campaign), rights=nothing)) is Hold.NOT_A_REQUEST


@pytest.mark.parametrize("changed", [{"disguised": True}, {"too_many": True}])
def test_what_is_disguised_is_held(changed: dict[str, bool]) -> None:
    assert hold_of(route(names=clues(**changed))) is Hold.DISGUISED


def test_junk_is_held_whatever_it_says() -> None:
    assert hold_of(route(junk=True)) is Hold.JUNK


# --- settings ---


def test_nothing_is_forwarded_where_automatic_forwarding_is_off() -> None:
    found = route(automatic=Automatic.OFF)

    assert isinstance(found, Held)
    assert found.hold is Hold.AUTOMATIC_FORWARDING_OFF
    assert found.evidence == (f"intake-alias:{ACME}",)


def test_only_intake_addresses_decide_where_that_is_the_setting() -> None:
    only = Automatic.INTAKE_ADDRESS

    assert goes_to(route(automatic=only)) == "C0001"
    held = route(UNADDRESSED, names=clues(number(ACMES_NUMBER)), automatic=only)
    assert hold_of(held) is Hold.AUTOMATIC_FORWARDING_OFF


def test_a_better_reason_is_given_before_automatic_forwarding_being_off() -> None:
    assert hold_of(route(UNADDRESSED, automatic=Automatic.OFF)) is Hold.NO_EVIDENCE


# --- names, where they may decide ---

SAYS_IT = "Quillivicus m'appelle tous les jours. Effacez mes données."
QUILLIVICUS = Entries(
    entries_of(Known("C0001"), ACME, ACMES_NUMBER, "quillivicus")
    | entries_of(Known("C0002"), BOREAL, BOREALS_NUMBER, "boreal"),
    frozenset({"quillivicus"}),
)
NAMED = replace(UNADDRESSED, text=SAYS_IT)
ITS_NAME = clues(words="quillivicus")


def by_name(
    letter: Letter = NAMED, directory: Entries = QUILLIVICUS, *, names: Clues = ITS_NAME, rights: RightsRead = ASKS
) -> Route | Held:
    return route(letter, directory, names=names, rights=rights, automatic=Automatic.EVIDENCE)


def test_a_distinctive_name_decides_where_the_setting_says_so() -> None:
    assert by_name() == Route(Known("C0001"), ("name:quillivicus",))
    assert hold_of(route(NAMED, QUILLIVICUS, names=ITS_NAME)) is Hold.NO_EVIDENCE


def test_a_name_that_others_may_bear_decides_nothing() -> None:
    assert hold_of(by_name(directory=replace(QUILLIVICUS, distinctive=frozenset()))) is Hold.NO_EVIDENCE
    shared = {**QUILLIVICUS.keys, (KeyKind.NAME, "quillivicus"): [Had(Known("C0001")), Had(Known("C0002"))]}
    assert hold_of(by_name(directory=replace(QUILLIVICUS, keys=shared))) is Hold.NO_EVIDENCE


@pytest.mark.parametrize(
    "found",
    [
        number("+33199999999"),
        clue(KeyKind.DOMAIN, "bidulor.example"),
        clue(KeyKind.SMS_SENDER, "BIDULOR"),
        clue(KeyKind.DOMAIN, "bidulor.example", source=Source.QUOTED),
        clue(KeyKind.DOMAIN, "bidulor.example", source=Source.ATTACHED),
    ],
)
def test_a_clue_that_is_nobodys_leaves_a_name_to_a_person(found: Clue) -> None:
    assert hold_of(by_name(names=clues(found, words="quillivicus"))) is Hold.NO_EVIDENCE


@pytest.mark.parametrize(
    ("hold", "changed"),
    [
        (Hold.DISGUISED, {"disguised": True}),
        (Hold.DISGUISED, {"too_many": True}),
        (Hold.SEVERAL_CUSTOMERS, {"denies": True}),
        (Hold.NO_EVIDENCE, {"words": "quillivicus boreal"}),
        (Hold.NO_EVIDENCE, {"own_domains": ("quillivicus.example",)}),
    ],
)
def test_what_contradicts_leaves_a_name_to_a_person(hold: Hold, changed: dict[str, Any]) -> None:
    assert hold_of(by_name(names=ITS_NAME._replace(**changed))) is hold


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.REQUEST])
def test_only_in_a_request_does_a_name_decide(kind: Kind) -> None:
    assert goes_to(by_name(rights=RightsRead(kind, (), (), ()))) is None


@pytest.mark.parametrize("flag", ["press", "misrouted", "minor", "agent", "own", "deadline", "possible_breach"])
def test_what_is_flagged_is_no_letter_in_which_a_name_decides(flag: str) -> None:
    assert goes_to(by_name(rights=RightsRead(Kind.REQUEST, ("erasure",), (flag,), ()))) is None


def test_a_name_whose_contract_has_ended_is_a_persons_decision() -> None:
    ended = {**QUILLIVICUS.keys, (KeyKind.NAME, "quillivicus"): [Had(Known("C0001", date(2026, 11, 23)))]}

    assert hold_of(by_name(directory=replace(QUILLIVICUS, keys=ended))) is Hold.CONTRACT_ENDED


# --- candidates ---


def test_each_candidate_has_the_kinds_of_evidence_that_point_to_it() -> None:
    names = clues(number(ACMES_NUMBER), clue(KeyKind.DOMAIN, "boreal.example", source=Source.QUOTED), words="boreal")

    found = route(names=names)

    assert isinstance(found, Held)
    assert found.candidates == (
        Candidate(Known("C0001"), ("intake-alias", "telephone")),
        Candidate(Known("C0002"), ("campaign", "name")),
    )


def test_a_candidate_whose_data_is_gone_comes_last() -> None:
    gone = Known("C0001", TODAY - timedelta(31))
    directory = Entries(DIRECTORY.keys | entries_of(gone, ACME, ACMES_NUMBER, "acme"))

    found = route(directory=directory, names=clues(number(ACMES_NUMBER), words="boreal"))

    assert isinstance(found, Held)
    assert [one.customer.reference for one in found.candidates] == ["C0002", "C0001"]


# --- whatever the letter ---

CUSTOMERS = [Known(f"C000{number}") for number in range(1, 5)]
CALLED = ("quillivicus", "tournemirus", "pharamondus", "sauvageotus")
KEYS = {
    key: owners
    for number, customer in enumerate(CUSTOMERS)
    for key, owners in entries_of(
        customer, f"privacy+{'abcd'[number]}@kavkom.example", f"+3319900010{number}", CALLED[number]
    ).items()
}
EVERYBODY = Entries(KEYS, frozenset(CALLED))
CLUES = st.sampled_from([key for key in KEYS if key[0] not in {KeyKind.INTAKE_ALIAS, KeyKind.NAME}])
FOUND = st.lists(
    st.builds(lambda key, source: Clue(key[0], (key[1],), source), CLUES, st.sampled_from(Source)), max_size=4
)
ADDRESSES = st.lists(st.sampled_from([US, *(key[1] for key in KEYS if key[0] is KeyKind.INTAKE_ALIAS)]), max_size=2)
WORDS = st.lists(st.sampled_from([*CALLED, "efgh", "ijkl"]), max_size=2)
MODES = st.sampled_from(Automatic)
SENTENCES = st.sampled_from(
    ["{} m'appelle tous les jours.", "Je suis harcelé par {}.", "Ce n'est pas {}.", "Je travaille chez {}.", "{}", ""]
)


@st.composite
def letters(draw: st.DrawFn) -> tuple[Letter, Clues]:
    """The names in its text are among its words, as mail/clues.py finds them."""
    named = draw(st.lists(st.sampled_from(CALLED), max_size=2))
    said = " ".join(draw(SENTENCES).format(name.capitalize()) for name in named)
    letter = replace(LETTER, recipients=tuple(draw(ADDRESSES)), text=f"{said} Effacez mes données.")
    own_domains = draw(st.sampled_from([(), (f"{CALLED[0]}.example",)]))
    found = draw(st.one_of(st.just([]), FOUND))
    return letter, clues(*found, words=plain(f"{letter.text} {' '.join(draw(WORDS))}"), own_domains=own_domains)


def owners_in(letter: Letter, names: Clues) -> set[str]:
    """Whose deciding evidence a letter has: the writer's own domain is none."""
    keys = [(KeyKind.INTAKE_ALIAS, address) for address in letter.recipients]
    keys += [(one.kind, value) for one in names.found for value in one.values if value not in names.own_domains]
    return {one.customer.reference for key in keys for one in EVERYBODY.owners(*key)}


def named_in(names: Clues) -> set[str]:
    """Whose names stand in a letter, but for the writer's own company."""
    own = {domain.removesuffix(".example") for domain in names.own_domains}
    return {EVERYBODY.owners(KeyKind.NAME, name)[0].customer.reference for name in CALLED if name in names.words} - {
        EVERYBODY.owners(KeyKind.NAME, name)[0].customer.reference for name in own
    }


@given(letters(), MODES)
def test_who_gets_a_letter_is_the_only_one_of_whom_it_has_evidence(
    mail: tuple[Letter, Clues], automatic: Automatic
) -> None:
    goes = goes_to(route(mail[0], EVERYBODY, names=mail[1], automatic=automatic))

    by_names = named_in(mail[1]) if automatic is Automatic.EVIDENCE and not owners_in(*mail) else set()
    assert goes is None or owners_in(*mail) | by_names == {goes}
    assert goes is None or automatic is not Automatic.OFF


@given(letters(), letters(), MODES)
def test_evidence_of_another_customer_never_lets_a_held_letter_go(
    mail: tuple[Letter, Clues], more: tuple[Letter, Clues], automatic: Automatic
) -> None:
    (letter, names), (_, others) = mail, more
    added = names._replace(found=(*names.found, *others.found), words=f"{names.words} {others.words}")
    held = hold_of(route(letter, EVERYBODY, names=names, automatic=automatic))
    if held and (owners_in(letter, names) or automatic is Automatic.EVIDENCE):
        goes = goes_to(route(letter, EVERYBODY, names=added, automatic=automatic))
        assert goes is None or (not owners_in(letter, names) and owners_in(letter, added) == {goes})


@given(letters(), st.sampled_from(CUSTOMERS), MODES)
def test_nobody_else_gets_the_mail_of_a_customer_who_is_no_longer_in_the_directory(
    mail: tuple[Letter, Clues], gone: Known, automatic: Automatic
) -> None:
    if goes_to(route(mail[0], EVERYBODY, names=mail[1], automatic=automatic)) == gone.reference:
        left = EVERYBODY.without(gone.reference)
        assert goes_to(route(mail[0], left, names=mail[1], automatic=automatic)) is None


@given(letters())
def test_what_a_stricter_mode_forwards_every_laxer_one_forwards_too(mail: tuple[Letter, Clues]) -> None:
    modes = (Automatic.OFF, Automatic.INTAKE_ADDRESS, Automatic.IDENTIFIERS, Automatic.EVIDENCE)
    goes = [goes_to(route(mail[0], EVERYBODY, names=mail[1], automatic=mode)) for mode in modes]

    assert all(strict in {None, lax} for strict, lax in pairwise(goes))


def test_the_letters_of_these_properties_do_go_by_name() -> None:
    letter = replace(UNADDRESSED, text="Tournemirus m'appelle tous les jours. Effacez mes données.")
    names = clues(words=plain(letter.text))

    assert goes_to(route(letter, EVERYBODY, names=names, automatic=Automatic.EVIDENCE)) == "C0002"
