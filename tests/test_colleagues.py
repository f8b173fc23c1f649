"""A colleague forwards a letter: as each mail program writes it, the letter comes out with its writer and words."""

import base64
import html
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.colleagues import unwrap
from mail.letter import Letter, read_letter
from mail.written_dates import read_written_date
from tests.test_letter import HOSTILE, parts, sample_mails, text_part

OWN = {"kavkom.example"}
COLLEAGUE = "Paul Legrand <paul@kavkom.example>"
NINE = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def opened(raw: bytes, **given: set[str]) -> Letter | None:
    return unwrap(raw, read_letter(raw), own_domains=OWN, **given)


def forward(text: str, subject: str = "TR: Mes données", *, sender: str = COLLEAGUE, kind: str = "plain") -> bytes:
    head = f"From: {sender}\r\nTo: privacy+acme@kavkom.example\r\nSubject: {subject}\r\n"
    return f"{head}Content-Type: text/{kind}; charset=utf-8\r\n\r\n{text}".encode()


def gmail(name: str, address: str, words: str) -> bytes:
    return forward(
        "Pour info\n\n---------- Forwarded message ---------\n"
        f"De : {name} <{address}>\nDate: lun. 2 nov. 2026 à 10:00\nSubject: Mes données\n"
        f"To: <contact@kavkom.example>\n\n\n{words}\n",
        "Fwd: Mes données",
    )


def gmail_in_html(name: str, address: str, words: str) -> bytes:
    lines = html.escape(words).replace("\n", "<br>")
    return forward(
        '<div dir="ltr">Pour info<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f"---------- Forwarded message ---------<br>De : <strong>{html.escape(name)}</strong> <span>&lt;<a "
        f'href="mailto:{address}">{address}</a>&gt;</span><br>Date: lun. 2 nov. 2026 à 10:00<br>'
        "Subject: Mes données<br>"
        f"To:  &lt;contact@kavkom.example&gt;<br></div><br><br><div>{lines}</div></div></div>",
        "Fwd: Mes données",
        kind="html",
    )


def outlook(name: str, address: str, words: str) -> bytes:
    return forward(
        f"À traiter.\n\nPaul\n\n________________________________\nDe : {name} <{address}>\n"
        f"Envoyé : lundi 2 novembre 2026 10:00\n"
        f"À : contact@kavkom.example <contact@kavkom.example>\nObjet : Mes données\n\n{words}"
    )


def older_outlook(name: str, address: str, words: str) -> bytes:
    return forward(
        f"-----Original Message-----\nFrom: {name} [mailto:{address}]\nSent: Monday, November 2, 2026 10:00 AM\n"
        f"To: contact@kavkom.example\nSubject: Mes données\n\n{words}",
        "FW: Mes données",
    )


def outlook_in_html(name: str, address: str, words: str) -> bytes:
    lines = "".join(f"<p class=MsoNormal>{html.escape(line)}</p>" for line in words.split("\n"))
    return forward(
        '<p class=MsoNormal>À traiter.</p><div style="border-top:solid"><p class=MsoNormal><b>De :</b> '
        f"{html.escape(name)} &lt;{address}&gt; <br><b>Envoyé :</b> lundi 2 novembre 2026 10:00<br><b>À :</b> "
        f"contact@kavkom.example<br><b>Objet :</b> Mes données</p></div>{lines}",
        kind="html",
    )


def apple(name: str, address: str, words: str) -> bytes:
    quoted = "\n".join(f"> {line}".rstrip() for line in words.split("\n"))
    return forward(
        f"Pour toi\n\nDébut du message réexpédié :\n\n> De: {name} <{address}>\n> Objet: Mes données\n"
        f"> Date: 2 novembre 2026 à 10:00:00 UTC+1\n> À: contact@kavkom.example\n>\n{quoted}\n\nPaul",
        "Fwd: Mes données",
    )


def apple_in_html(name: str, address: str, words: str) -> bytes:
    lines = html.escape(words).replace("\n", "<br>")
    return forward(
        f'<div>Begin forwarded message:</div><br><blockquote type="cite"><div><b>From: </b>{html.escape(name)} &lt;<a '
        f'href="mailto:{address}">{address}</a>&gt;</div><div><b>Subject: </b>Mes données</div><div><b>Date: </b>'
        "2 November 2026 at 10:00:00 CET</div><div><b>To: </b>contact@kavkom.example</div><br>"
        f"<div>{lines}</div></blockquote>",
        "Fwd: Mes données",
        kind="html",
    )


def thunderbird(name: str, address: str, words: str) -> bytes:
    return forward(
        "-------- Message transféré --------\nSujet : \tMes données\nDate : \tMon, 2 Nov 2026 10:00:00 +0100\n"
        f"De : \t{name} <{address}>\nPour : \tcontact@kavkom.example\n\n\n\n{words}",
        "Fwd: Mes données",
    )


def thunderbird_in_html(name: str, address: str, words: str) -> bytes:
    row = '<tr><th valign="BASELINE">{}</th><td>{}</td></tr>'
    rows = [
        ("Subject: ", "Mes données"),
        ("Date: ", "Mon, 2 Nov 2026 10:00:00 +0100"),
        ("From: ", f'{html.escape(name)} <a href="mailto:{address}">&lt;{address}&gt;</a>'),
        ("To: ", "contact@kavkom.example"),
    ]
    table = "".join(row.format(*one) for one in rows)
    lines = html.escape(words).replace("\n", "<br>")
    return forward(
        f"<p>voilà</p><div>-------- Forwarded Message --------<table><tbody>{table}</tbody></table><br>{lines}</div>",
        "Fwd: Mes données",
        kind="html",
    )


def inner_letter(name: str, address: str, words: str) -> str:
    coded = base64.b64encode(f"{words}\r\n".encode()).decode()
    quoted = f"=?utf-8?b?{base64.b64encode(name.encode()).decode()}?="
    return (
        f"From: {quoted} <{address}>\r\nTo: contact@kavkom.example\r\nSubject: =?utf-8?q?Mes_donn=C3=A9es?=\r\n"
        "Date: Mon, 2 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{coded}"
    )


def from_colleague(raw: bytes) -> bytes:
    return raw.replace(b"From: Jeanne Martin <jeanne@courriel.example>", f"From: {COLLEAGUE}".encode())


def attached(name: str, address: str, words: str) -> bytes:
    inner = (
        f"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n{inner_letter(name, address, words)}"
    )
    return from_colleague(parts(text_part("voici"), inner))


def attached_as_file(name: str, address: str, words: str) -> bytes:
    coded = base64.encodebytes(inner_letter(name, address, words).encode()).decode()
    head = 'Content-Type: application/octet-stream; name="Mes donnees.eml"\r\nContent-Transfer-Encoding: base64'
    return from_colleague(parts(text_part("voici"), f"{head}\r\n\r\n{coded}"))


WRAPPINGS: list[Callable[[str, str, str], bytes]] = [
    gmail, gmail_in_html, outlook, older_outlook, outlook_in_html, apple, apple_in_html, thunderbird,
    thunderbird_in_html, attached, attached_as_file,
]  # fmt: skip

NAMES = st.from_regex(r"\A[A-ZÉ][a-zéèç]{1,12}( [A-Z][a-zï'-]{0,8}[a-z]){1,2}\Z")
ADDRESSES = st.from_regex(
    r"\A[a-z]{1,8}([._-][a-z0-9]{1,5})?(\+[a-z]{1,4})?@[a-z]{2,8}(-[a-z]{1,4})?\.(example|test)\Z"
)
LINES = st.from_regex(r"\A[A-Za-zéèàç0-9][A-Za-zéèàç0-9 ,.'!?()]{0,60}[a-zé.!?]\Z")
WORDS = st.lists(LINES, min_size=1, max_size=8).map("\n".join)


@pytest.mark.parametrize("wrap", WRAPPINGS)
@given(name=NAMES, address=ADDRESSES, words=WORDS)
@settings(max_examples=15, deadline=None)
def test_a_letter_wrapped_by_any_mail_program_comes_out_with_its_writer_and_words(
    wrap: Callable[[str, str, str], bytes], name: str, address: str, words: str
) -> None:
    inner = opened(wrap(name, address, words))

    assert inner
    assert (inner.sender, inner.sender_name, inner.subject) == (address, name, "Mes données")
    assert inner.text.split() == words.split()
    assert (inner.date, inner.recipients) == (NINE, ("contact@kavkom.example",))


@pytest.mark.parametrize("wrap", WRAPPINGS)
def test_its_language_is_read_and_the_colleagues_words_are_left_out(wrap: Callable[[str, str, str], bytes]) -> None:
    inner = opened(wrap("Jeanne Martin", "jeanne@courriel.example", "Guten Tag, bitte löschen Sie alle meine Daten."))

    assert inner
    assert inner.language == "de"
    assert "Paul" not in inner.text
    assert "Pour info" not in inner.text


def test_a_letter_that_begins_like_a_heading_keeps_its_words() -> None:
    inner = opened(outlook("Jo", "jo@b.example", "Objet : effacement\nDate : ce jour\n\nEffacez mes données."))

    assert inner
    assert inner.text.startswith("Objet : effacement\nDate : ce jour")


def test_a_long_list_of_recipients_and_a_wrapped_subject_belong_to_the_heading() -> None:
    text = (
        "---------- Forwarded message ---------\nFrom: Jo <jo@b.example>\nDate: Mon, Nov 2, 2026 at 10:00 AM\n"
        "Subject: a subject that\nwent on\nTo: a@kavkom.example,\nb@kavkom.example\n\nErase me."
    )

    inner = opened(forward(text, "Fwd: x"))

    assert inner
    assert (inner.subject, inner.text) == ("a subject that went on", "Erase me.")
    assert inner.recipients == ("a@kavkom.example", "b@kavkom.example")


def test_attachments_of_an_inline_forward_are_the_letters() -> None:
    body = "---------- Forwarded message ---------\nFrom: Jo <jo@b.example>\nDate: x\nSubject: y\n\nErase me."
    image = 'Content-Type: image/png; name="passport.png"\r\n\r\nxxxx'

    inner = opened(from_colleague(parts(text_part(body), image)))

    assert inner
    assert [attachment.name for attachment in inner.attachments] == ["passport.png"]


# --- what a person decides ---

JO = ("Jo", "jo@b.example", "Erase me.")


def test_only_a_colleagues_mail_is_unwrapped() -> None:
    raw = gmail(*JO)

    assert opened(raw.replace(b"paul@kavkom.example", b"paul@elsewhere.example")) is None
    assert opened(raw.replace(b"paul@kavkom.example", b"paul@evil-kavkom.example")) is None
    assert opened(raw.replace(b"paul@kavkom.example", b"paul@KAVKOM.example"))


def test_our_own_intake_address_is_no_colleague() -> None:
    raw = gmail(*JO).replace(b"paul@kavkom.example", b"privacy+c.4.x@kavkom.example")

    assert opened(raw, intake={"Privacy@kavkom.example"}) is None


def test_automatic_mail_of_our_domain_is_no_colleague() -> None:
    assert opened(b"Auto-Submitted: auto-generated\r\n" + gmail(*JO)) is None


@pytest.mark.parametrize("wrap", WRAPPINGS)
def test_a_colleagues_own_letter_within_is_not_taken_for_a_data_subjects(
    wrap: Callable[[str, str, str], bytes],
) -> None:
    assert opened(wrap("Anne", "anne@kavkom.example", "À voir")) is None


@pytest.mark.parametrize("wrap", [gmail, outlook, older_outlook, thunderbird, apple])
def test_a_reply_is_no_forward(wrap: Callable[[str, str, str], bytes]) -> None:
    raw = wrap(*JO)
    for prefix in (b"Fwd:", b"FW:", b"TR:"):
        raw = raw.replace(b"\nSubject: " + prefix, b"\nSubject: RE:", 1)

    assert opened(raw) is None


def test_outlooks_heading_without_a_forwards_subject_may_be_a_reply() -> None:
    assert opened(outlook(*JO).replace(b"Subject: TR: ", b"Subject: ", 1)) is None


def test_several_letters_are_for_a_person() -> None:
    one = f"Content-Type: message/rfc822\r\n\r\n{inner_letter(*JO)}"
    text = gmail(*JO).decode()

    assert opened(from_colleague(parts(text_part("voici"), one, one))) is None
    assert opened((text + text.partition("\r\n\r\n")[2]).encode()) is None
    assert opened(from_colleague(parts(text_part(text.partition("\r\n\r\n")[2]), one))) is None


@pytest.mark.parametrize(
    "writer",
    [
        "Jo",
        "Jo <jo@b.example>, Al <al@b.example>",
        "Jo <jo@b.example> de la part de Al <al@b.example>",
        "jo@b.example)x@y.test",
    ],
)
def test_a_letter_without_exactly_one_writer_is_for_a_person(writer: str) -> None:
    assert opened(gmail(*JO).replace(b"Jo <jo@b.example>", writer.encode())) is None


def test_a_mail_that_forwards_nothing_is_not_unwrapped() -> None:
    assert opened(forward("Bonjour, De : rien\nObjet : rien", "TR: x")) is None
    assert opened(forward("---------- Forwarded message ---------\n", "TR: x")) is None
    assert opened(forward("Bonjour", "Question")) is None


# --- dates ---


@pytest.mark.parametrize(
    "written",
    [
        "lundi 2 novembre 2026 10:00",
        "lun. 2 nov. 2026 à 10:00",
        "lun. 2 nov. 2026, 10:00",
        "2 novembre 2026 à 10:00:00 UTC+1",
        "2 November 2026 at 09:00:00 GMT",
        "Monday, November 2, 2026 10:00 AM",
        "Mon, Nov 2, 2026 at 10:00\u202fAM",
        "Mon, 2 Nov 2026 10:00:00 +0100",
        "02/11/2026 10:00",
        "2026-11-02 10:00",
        "le 2 novembre 2026 à 10h00",
    ],
)
def test_written_dates_are_instants(written: str) -> None:
    assert read_written_date(written) == NINE


@pytest.mark.parametrize("written", ["", "hier", "31 février 2026 10:00", "2 nov. 2026 10:00 +9959", "99/99/9999"])
def test_dates_that_are_none_are_none_or_at_least_raise_nothing(written: str) -> None:
    found = read_written_date(written)

    assert found is None or found.tzinfo is UTC


# --- hostile mail ---


@given(st.lists(st.sampled_from(
    ["De : Jo <jo@b.example>\n", "Date : 2 nov. 2026\n", "À : ", "Objet : x\n", "> ", "\n", "<mailto:", "[mailto:a@b]",
     ",", "-------- Message transféré --------\n", "*", "é", "Début du message réexpédié :\n",
     "\0", "Cc : a@b.example;\n"]
), max_size=40))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_heap_of_headings_makes_it_raise(pieces: list[str]) -> None:
    opened(forward("".join(pieces)))


def test_a_forward_cut_or_damaged_anywhere_is_still_read() -> None:
    for raw in [*(wrap(*JO) for wrap in WRAPPINGS), *sample_mails()]:
        for at in range(0, len(raw), max(1, len(raw) // 12)):
            opened(f"From: {COLLEAGUE}\r\n".encode() + raw[:at])
            opened(raw[:at] + b"\xff\x00;=\r\n--" + raw[at + 5 :])


FLOODS = HOSTILE | {
    "headings": b"\r\n" + b"De : a@b.example\n" * 200_000,
    "marks": b"\r\n" + b"-------- Message transf\xc3\xa9r\xc3\xa9 --------\n" * 80_000,
    "dashes": b"\r\n" + b"-" * 3_000_000,
    "links": b"\r\n-------- Message transf\xc3\xa9r\xc3\xa9 --------\nDe : " + b"<mailto:" * 400_000,
    "recipients": b"\r\nBegin forwarded message:\nFrom: a@b.example\nTo: " + b"a@b.example,\n" * 250_000,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_hostile_forward_of_three_megabytes_takes_less_than_a_second(name: str) -> None:
    raw = f"From: {COLLEAGUE}\r\nSubject: TR: x\r\n".encode() + FLOODS[name]
    letter = read_letter(raw)

    began = time.process_time()
    unwrap(raw, letter, own_domains=OWN)

    assert time.process_time() - began < 1
