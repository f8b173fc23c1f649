"""Composing: our words safely in a message of ours, the original inside byte for byte."""

import email
import email.policy
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.forward import Envelope, Form, allowed, compose, form_of, one_line, splice
from mail.smtp import dot_stuffed
from storage.outbox import Words

BOUNDARY = "kavkom-m-1-abcdefgh"
ENVELOPE = Envelope(
    company="Kavkom",
    sender="privacy@kavkom.example",
    recipient="atelier@garage-dupont.example",
    reply_to="privacy+c.1.abc@kavkom.example",
    message_id="<m.1.abc@kavkom.example>",
    language="fr",
    queued_at=datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
    original_sha256="00" * 32,
)
WORDS = Words("Une personne vous écrit – à traiter", "Bonjour,\n.un point\nFrom nous\nété", "<p>été</p>")


def sent(original: list[bytes], form: Form, words: Words = WORDS) -> bytes:
    content = compose(words, ENVELOPE, boundary=BOUNDARY, mixed=True)
    return b"".join(splice(content, original, form, boundary=BOUNDARY))


def spliced(message: bytes) -> bytes:
    """What stands between the attached part's head and the closing boundary."""
    part = message.split(b"filename=original.eml\r\n\r\n", 1)[1]
    return part.rsplit(f"\r\n--{BOUNDARY}--".encode(), 1)[0]


@given(st.binary(max_size=3000), st.integers(1, 700))
def test_whatever_the_original_it_comes_out_byte_for_byte(original: bytes, size: int) -> None:
    chunks = [original[at : at + size] for at in range(0, len(original), size)]
    form = form_of(chunks)

    inside = spliced(sent(chunks, form))

    assert (b64decode(inside) if form is Form.BASE64 else inside) == original


@given(
    st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b".", b"\0", b"\xe9", b"x" * 500]), max_size=60), st.data()
)
def test_the_form_does_not_depend_on_how_the_original_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    original = b"".join(pieces)
    cut = data.draw(st.integers(0, len(original)))

    assert form_of([original[:cut], original[cut:]]) == form_of([original])


@pytest.mark.parametrize(
    ("original", "form"),
    [
        (b"Subject: a\r\n\r\nplain\r\n", Form.SEVEN_BIT),
        (b"Subject: a\r\n\r\n\xc3\xa9t\xc3\xa9\r\n", Form.EIGHT_BIT),
        (b"Subject: a\r\n\r\nnul\0\r\n", Form.BASE64),
        (b"Subject: a\n\nbare newline\n", Form.BASE64),
        (b"Subject: a\r\n\r\nbare\rreturn\r\n", Form.BASE64),
        (b"Subject: a\r\n\r\n" + b"x" * 998 + b"\r\n", Form.SEVEN_BIT),
        (b"Subject: a\r\n\r\n" + b"x" * 999 + b"\r\n", Form.BASE64),
        (b"x" * 999, Form.BASE64),
        (b"", Form.SEVEN_BIT),
    ],
)
def test_an_original_travels_as_it_is_only_where_that_keeps_every_byte(original: bytes, form: Form) -> None:
    assert form_of([original]) is form


def test_a_relay_without_8bitmime_gets_eight_bit_originals_in_base64() -> None:
    assert allowed(Form.EIGHT_BIT, eight_bit=False) is Form.BASE64
    assert allowed(Form.SEVEN_BIT, eight_bit=False) is Form.SEVEN_BIT


@pytest.mark.parametrize("form", list(Form))
def test_a_mail_program_finds_text_html_and_the_original(form: Form) -> None:
    original = b"From: a@b.example\r\nSubject: caf\xc3\xa9\r\n\r\nbonjour\r\n"

    message = email.message_from_bytes(sent([original], form), policy=email.policy.default)

    assert not message.defects
    assert message["Subject"] == WORDS.subject
    assert message["Reply-To"] == ENVELOPE.reply_to
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == WORDS.text.splitlines()
    assert html.get_content().strip() == "<p>été</p>"
    attached = list(message.iter_attachments())
    assert [part.get_filename() for part in attached] == ["original.eml"]


def test_no_line_of_ours_is_too_long_or_begins_with_a_dot_or_from() -> None:
    words = Words("é" * 400, ("x" * 5000) + "\n.\n.dot\nFrom here\n" + "é" * 3000, "<p>" + "y" * 5000 + "</p>")

    message = compose(words, ENVELOPE, boundary=BOUNDARY, mixed=False)

    lines = message.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not [line for line in lines if line.startswith((b".", b"From "))]


def test_nothing_a_person_wrote_can_begin_a_header() -> None:
    assert one_line("a\r\nBcc: all@example.org\u2028x\x00") == "a Bcc: all@example.org x"


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b"\r\n.", b".\r\n", b"\r\n.\r\n"]), max_size=30))
def test_dots_are_stuffed_alike_however_the_content_is_cut(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)

    assert b"".join(dot_stuffed(pieces)) == b"".join(dot_stuffed([whole]))


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a"]), max_size=30))
def test_a_server_that_unstuffs_dots_reads_what_was_written(pieces: list[bytes]) -> None:
    content = b"".join(pieces)

    wire = b"".join(dot_stuffed([content]))

    lines = wire.split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    received = b"\r\n".join(line.removeprefix(b".") for line in lines[:-2])
    assert received == content.removesuffix(b"\r\n") or received + b"\r\n" == content
