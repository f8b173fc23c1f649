"""Which customer a letter goes to, and why it is held when it goes to none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pytest

from mail.letter import Letter
from mail.routing import Held, Route, find_route
from storage.types import Hold

TODAY = date(2026, 11, 24)
US = "privacy@kavkom.example"
ACME, BOREAL = "privacy+acme@kavkom.example", "privacy+boreal@kavkom.example"


@dataclass(frozen=True)
class Known:
    """A customer as routing sees it."""

    reference: str
    contract_end: date | None = None


class Aliases:
    """A directory of intake addresses."""

    def __init__(self, aliases: Mapping[str, Sequence[Known]]) -> None:
        self._aliases = aliases

    def by_alias(self, addresses: Sequence[str]) -> Mapping[str, Sequence[Known]]:
        return {address: self._aliases[address] for address in addresses if address in self._aliases}


DIRECTORY = Aliases({ACME: [Known("C0001")], BOREAL: [Known("C0002")]})
LETTER = Letter(sender="jeanne@courriel.example", recipients=(US, ACME), text="Effacez tout.")


def route(
    letter: Letter = LETTER, directory: Aliases = DIRECTORY, *, automatic: bool = True, junk: bool = False
) -> Route | Held:
    return find_route(letter, directory, automatic=automatic, junk=junk, today=TODAY, own_address=US)


def hold_of(found: Route | Held) -> Hold | None:
    return found.hold if isinstance(found, Held) else None


def ending(day: date) -> Aliases:
    return Aliases({ACME: [Known("C0001", day)]})


def test_a_letter_to_one_customers_intake_address_goes_to_that_customer() -> None:
    assert route() == Route(Known("C0001"), (f"intake-alias:{ACME}",))


def test_two_addresses_of_one_customer_are_still_one_customer() -> None:
    directory = Aliases({ACME: [Known("C0001")], BOREAL: [Known("C0001")]})

    found = route(replace(LETTER, recipients=(ACME, BOREAL)), directory)

    assert found == Route(Known("C0001"), (f"intake-alias:{ACME}", f"intake-alias:{BOREAL}"))


def test_a_letter_to_two_customers_is_held_with_both() -> None:
    found = route(replace(LETTER, recipients=(ACME, BOREAL)))

    assert isinstance(found, Held)
    assert found.hold is Hold.SEVERAL_CUSTOMERS
    assert [customer.reference for customer in found.candidates] == ["C0001", "C0002"]


def test_an_address_that_two_customers_share_decides_nothing() -> None:
    assert hold_of(route(directory=Aliases({ACME: [Known("C0001"), Known("C0002")]}))) is Hold.SEVERAL_CUSTOMERS


def test_an_unknown_plus_address_is_no_evidence() -> None:
    assert hold_of(route(replace(LETTER, recipients=("privacy+acne@kavkom.example",)))) is Hold.NO_EVIDENCE


def test_a_contract_that_has_ended_is_a_persons_decision() -> None:
    assert hold_of(route(directory=ending(date(2026, 11, 23)))) is Hold.CONTRACT_ENDED


def test_a_contract_is_live_on_its_last_day() -> None:
    assert hold_of(route(directory=ending(TODAY))) is None


@pytest.mark.parametrize(
    ("hold", "changed"),
    [
        (Hold.AUTOMATIC_MAIL, {"automatic": "list"}),
        (Hold.OWN_MAIL, {"sender": "privacy@kavkom.example"}),
        (Hold.OWN_MAIL, {"sender": "Privacy+C.7.abc@Kavkom.Example"}),
        (Hold.OWN_MAIL, {"received_lines": 26}),
        (Hold.UNREADABLE, {"unreadable": "headers", "recipients": (), "sender": None}),
        (None, {"received_lines": 25}),
        (None, {"sender": None}),
        (None, {"unreadable": "encrypted"}),
    ],
)
def test_what_a_letter_is_can_hold_it(hold: Hold | None, changed: dict[str, object]) -> None:
    assert hold_of(route(replace(LETTER, **changed))) is hold  # type: ignore[arg-type]  # the table varies any field


def test_junk_is_held_whatever_it_says() -> None:
    assert hold_of(route(junk=True)) is Hold.JUNK


def test_nothing_is_forwarded_where_automatic_forwarding_is_off() -> None:
    found = route(automatic=False)

    assert isinstance(found, Held)
    assert found.hold is Hold.AUTOMATIC_FORWARDING_OFF
    assert found.evidence == (f"intake-alias:{ACME}",)


def test_a_better_reason_is_given_before_automatic_forwarding_being_off() -> None:
    assert hold_of(route(replace(LETTER, recipients=(US,)), automatic=False)) is Hold.NO_EVIDENCE
