"""Two copies of one letter have one digest, and two letters have two."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.copies import AuthorDigest
from mail.letter import HEAD
from tests.servers import Dovecot, Exim

AUTHOR = (
    b"From: Jeanne Martin <jeanne@courriel.example>\r\nTo: privacy@kavkom.example\r\nSubject: Mes\r\n donnees\r\n"
    b"Message-ID: <one@courriel.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0100\r\nContent-Type: text/plain\r\n"
)
BODY = b"Bonjour,\r\n\r\neffacez mon adresse.\r\n"
TRANSPORT = (
    b"Return-Path: <jeanne@courriel.example>\r\nDelivered-To: privacy@kavkom.example\r\n"
    b"Received: from a by b\r\n\tfor <privacy@kavkom.example>\r\nX-Spam-Score: 1\r\nARC-Seal: i=1; cv=none\r\n"
)


def digest(*chunks: bytes) -> str | None:
    one = AuthorDigest()
    for chunk in chunks:
        one.update(chunk)
    return one.hexdigest()


def letter(author: bytes = AUTHOR, body: bytes = BODY) -> bytes:
    return author + b"\r\n" + body


@given(st.lists(st.integers(0, 400), max_size=12), st.text("\r\n a", max_size=60))
def test_any_chunking_gives_the_same_digest(cuts: list[int], body: str) -> None:
    raw = letter(TRANSPORT + AUTHOR, body.encode())
    ends = sorted(min(cut, len(raw)) for cut in cuts)

    chunks = [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]

    assert digest(*chunks) == digest(raw)


def test_a_mail_that_comes_octet_by_octet_has_the_same_digest() -> None:
    raw = letter(TRANSPORT + AUTHOR)

    assert digest(*(raw[at : at + 1] for at in range(len(raw)))) == digest(raw)


@given(
    st.permutations(TRANSPORT.replace(b"\r\n\t", b"\t").splitlines(keepends=True)),
    st.lists(st.from_regex(rb"\A(X-[a-z]{1,9}|Received|Authentication-Results): [a-z =;]{0,50}\r\n\Z"), max_size=5),
    st.integers(0, 6),
)
def test_other_transport_headers_give_the_same_digest(moved: list[bytes], added: list[bytes], at: int) -> None:
    author = AUTHOR.replace(b"\r\n ", b" ").splitlines(keepends=True)

    head = b"".join([*author[:at], *moved, *added, *author[at:]])

    assert digest(letter(head)) == digest(letter())


@pytest.mark.parametrize(
    "copy",
    [
        letter().replace(b"\r\n", b"\n"),
        letter() + b"\r\n\r\n",
        letter().rstrip(),
        letter().replace(b"Subject:", b"SUBJECT :"),
        letter().replace(b"Mes\r\n donnees", b"Mes donnees"),
        b"From jeanne@courriel.example Mon Nov 23 09:00:00 2026\n" + letter(),
        letter(b"Content-Length: 31\r\n" + AUTHOR),
    ],
)
def test_line_ends_folding_and_what_a_mail_store_adds_make_no_difference(copy: bytes) -> None:
    assert digest(copy) == digest(letter())


@given(st.integers(0, len(BODY) - 3), st.integers(65, 90))
def test_a_letter_changed_under_the_same_message_id_has_another_digest(at: int, octet: int) -> None:
    changed = BODY[:at] + bytes([octet, 33]) + BODY[at + 1 :]

    assert digest(letter(body=changed)) != digest(letter())


@pytest.mark.parametrize("header", [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Content-Type"])
def test_a_changed_header_of_the_authors_gives_another_digest(header: bytes) -> None:
    assert digest(letter(AUTHOR.replace(header + b": ", header + b": x"))) != digest(letter())


def test_words_do_not_move_between_headers_and_body_unnoticed() -> None:
    head, last = AUTHOR[: AUTHOR.rindex(b"Content-Type")], b"Content-Type: text/plain\r\n"

    assert digest(letter(head, last + BODY)) != digest(letter())


def test_two_copies_that_real_servers_delivered_have_one_digest(exim: Exim, dovecot: Dovecot) -> None:
    exim.send(letter(), "jeanne@courriel.example", "copies+one@kavkom.example")
    dovecot.deliver(letter(), "list@courriel.example", "copies+two@kavkom.example")

    first, second = dovecot.wait_for_mail("copies@kavkom.example", 2)

    assert first != second
    assert digest(first) == digest(second) == digest(letter())


def test_without_message_id_and_date_a_mail_cannot_be_told_from_another() -> None:
    anonymous = b"From: a@b.example\r\nSubject: x\r\nMessage-ID:\r\n"

    assert digest(letter(anonymous)) is None
    assert digest(letter(anonymous + b"Date: Mon, 23 Nov 2026 09:00:00 +0100\r\n"))


def test_headers_must_end_within_the_head() -> None:
    long = b"X-Long: " + b"x" * HEAD + b"\r\n"

    assert digest(AUTHOR) is None
    assert digest(letter(long + AUTHOR)) is None
    assert digest(letter(AUTHOR + long)) == digest(
        *[letter(AUTHOR + long)[at : at + 999] for at in range(0, 2**19, 999)]
    )


def test_a_mail_of_four_kilobytes_takes_less_than_a_tenth_of_a_millisecond() -> None:
    raw = letter(TRANSPORT * 4 + AUTHOR, BODY * 90)

    def took() -> float:
        began = time.process_time()
        digest(raw)
        return time.process_time() - began

    assert min(took() for _ in range(300)) < 100e-6


def test_a_mail_of_forty_megabytes_is_not_copied() -> None:
    raw = letter(body=b"x" * 76 * 2 + b"\r\n")
    raw += raw * (40_000_000 // len(raw))
    tracemalloc.start()

    digest(raw)

    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
