"""The torture at a length for every day, and that it would see what it looks for."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from mail.forward import Envelope, compose, form_of, splice
from storage.outbox import Words
from tests.dying import POINTS, NoSuchPoint, arm, find_owner
from tests.mail_support import US
from tests.received import original_of
from tests.servers import Dovecot, Exim
from tests.torture.faults import change_uidvalidity, read_uidvalidity
from tests.torture.letters import Client, Posted, make_clients, make_letters
from tests.torture.outcome import Outcome, Plan, figures
from tests.torture.run import Torture, seeded
from tests.torture.verdict import Verdict, judge_mailboxes

ONE, OTHER = make_clients(2, "kavkom.example")


def posted(*clients: Client) -> list[Posted]:
    """A letter to each of these."""
    return [replace(make_letters(1, [client], seeded(number))[0]) for number, client in enumerate(clients)]


def forward_of(original: bytes, promised: bytes | None = None) -> bytes:
    """As the product composes it, with the SHA-256 of `promised`, or of the original itself."""
    envelope = Envelope(
        company="Kavkom",
        sender=US,
        recipient=ONE.address,
        reply_to=US,
        message_id="<m.1.abc@kavkom.example>",
        language="fr",
        queued_at=datetime(2026, 11, 24, tzinfo=UTC),
        original_sha256=sha256(promised or original).hexdigest(),
    )
    content = compose(Words("DSR-2026-0001", "Bonjour"), envelope, boundary="kavkom-x", mixed=True)
    return b"".join(splice(content, [original], form_of([original]), boundary="kavkom-x"))


@pytest.mark.parametrize(
    "original",
    [b"A: b\r\n\r\n.\r\nc", b"A: b\r\n\r\n\xc3\xa9\r\n", b"A: b\n\nc\0d\n", b"", b"A: b\r\n\r\n" + b"x" * 3_000],
)
def test_the_original_is_read_back_from_a_forward(original: bytes) -> None:
    assert original_of(forward_of(original)) == original


def test_letters_that_are_all_at_home_once_are_a_clean_verdict() -> None:
    first, second = posted(ONE, OTHER)

    verdict = judge_mailboxes(
        [first, second], {ONE.address: [forward_of(first.raw)], OTHER.address: [forward_of(second.raw)]}
    )

    assert verdict.is_clean


def test_a_lost_letter_is_seen() -> None:
    first, second = posted(ONE, OTHER)

    verdict = judge_mailboxes([first, second], {ONE.address: [forward_of(first.raw)], OTHER.address: []})

    assert (verdict.lost, verdict.doubled, verdict.wrong) == ([second.token], [], [])


def test_a_doubled_letter_is_seen() -> None:
    [first] = posted(ONE)

    verdict = judge_mailboxes([first], {ONE.address: [forward_of(first.raw)] * 2})

    assert (verdict.lost, verdict.doubled, verdict.wrong) == ([], [first.token], [])


def test_a_letter_at_the_wrong_customer_is_seen() -> None:
    [first] = posted(ONE)

    verdict = judge_mailboxes([first], {ONE.address: [], OTHER.address: [forward_of(first.raw)]})

    assert verdict.lost == [first.token]
    assert verdict.wrong == [f"letter {first.token} is in the mailbox of {OTHER.address}"]


def test_an_altered_letter_is_seen() -> None:
    [first] = posted(ONE)
    altered = first.raw.replace(b"Bonjour", b"Bonsoir")

    verdict = judge_mailboxes([first], {ONE.address: [forward_of(altered, promised=first.raw)]})

    assert verdict.wrong == [f"{ONE.address}: an original that was altered on its way"]


@pytest.mark.parametrize("point", POINTS)
def test_every_point_of_death_is_in_the_product(point: str) -> None:
    assert find_owner(point)


def test_a_point_that_the_product_no_longer_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POINTS, "mail:gone", ("mail.intake", "Intake", "_gone", "after"))

    with pytest.raises(NoSuchPoint, match=r"Intake\._gone: put its new name into POINTS"):
        arm("mail:gone")


def test_a_renumbered_mailbox_holds_the_same_letters_under_other_numbers(dovecot: Dovecot, tmp_path: Path) -> None:
    address = f"renumbered.{tmp_path.name}@kavkom.example".lower()
    for number in range(3):
        dovecot.deliver(b"Subject: %d\r\n\r\n" % number, US, address)
    before, letters = read_uidvalidity(dovecot, address), dovecot.mailbox(address)

    change_uidvalidity(dovecot, address)

    assert read_uidvalidity(dovecot, address) != before
    assert dovecot.mailbox(address) == letters


def test_a_receipt_copy_is_home_well_within_the_grace_of_the_torture(dovecot: Dovecot, exim: Exim) -> None:
    ours = f"privacy@receipt{time.monotonic_ns()}.example"
    start = time.monotonic()

    exim.send(b"Subject: a forward\r\n\r\n", ours, ["dpo@customer.example", ours.replace("@", "+r.abc.def@")])
    [copy] = dovecot.wait_for_mail(ours)

    assert time.monotonic() - start < 2
    assert b"\r\nDelivered-To: privacy+r.abc.def@" in copy


def tortured(plan: Plan, dovecot: Dovecot, exim: Exim, database_url: str, folder: Path) -> Outcome:
    outcome = Torture(plan, dovecot, exim, database_url, folder, lambda *_: None).run()
    print("\n".join(figures(plan, outcome)))  # noqa: T201 - shown when the test fails
    return outcome


def test_a_short_torture_loses_and_doubles_nothing(
    dovecot: Dovecot, exim: Exim, sqlite_url: str, tmp_path: Path
) -> None:
    outcome = tortured(Plan(letters=12, deaths=8), dovecot, exim, sqlite_url, tmp_path)

    assert outcome.verdict == Verdict()
    assert outcome.deaths.total() == 8


def test_a_shorter_torture_on_postgresql_loses_and_doubles_nothing(
    dovecot: Dovecot, exim: Exim, postgresql_url: str, tmp_path: Path
) -> None:
    outcome = tortured(Plan(letters=6, deaths=4, seed=2), dovecot, exim, postgresql_url, tmp_path)

    assert outcome.verdict == Verdict()


def test_a_torture_in_the_undecidable_window_doubles_nothing(
    dovecot: Dovecot, exim: Exim, sqlite_url: str, tmp_path: Path
) -> None:
    plan = Plan(letters=4, deaths=3, points=("mail:final-dot", "mail:accepted-unrecorded"))

    outcome = tortured(plan, dovecot, exim, sqlite_url, tmp_path)

    assert outcome.deaths.total() == 3
    assert outcome.verdict == Verdict()
