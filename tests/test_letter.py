"""Reading a mail: the traps of real mail, and the promise never to raise."""

import base64
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.letter import HEAD, Letter, read_letter
from mail.text import TEXT_LIMIT, own_words

TO = "privacy+garage@kavkom.example"


def mail(headers: str = "", body: str | bytes = "Bonjour,\r\n\r\neffacez mon adresse.\r\n", *, to: str = TO) -> bytes:
    """A mail with CRLF lines; a header given replaces the usual From."""
    author = "" if "From:" in headers else "From: Jeanne Martin <jeanne@courriel.example>\r\n"
    head = f"{author}To: {to}\r\nSubject: Mes donnees\r\n{headers}\r\n"
    return head.encode() + (body.encode() if isinstance(body, str) else body)


def parts(*inside: str, kind: str = "mixed", end: str = "--b--\r\n") -> bytes:
    """A multipart mail of these parts, each with its own headers."""
    body = "".join(f"--b\r\n{part}\r\n" for part in inside) + end
    return mail(f'MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary="b"\r\n', body)


def html(markup: str) -> Letter:
    return read_letter(mail("Content-Type: text/html; charset=utf-8\r\n", markup))


def text_part(text: str, kind: str = "plain") -> str:
    return f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n{text}"


# --- never raising ---


@given(st.binary(max_size=3000))
@settings(max_examples=400, deadline=None)
def test_no_bytes_whatever_make_the_reader_raise(raw: bytes) -> None:
    assert isinstance(read_letter(raw), Letter)


_FRAGMENTS = st.sampled_from(
    [
        b"From: ", b"To: ", b"Subject: ", b"Content-Type: multipart/mixed; boundary=b\r\n", b"\r\n\r\n", b"--b\r\n",
        b"--b--", b"Content-Type: text/html; charset=punycode\r\n", b"Content-Transfer-Encoding: base64\r\n", b"?=",
        b"=?utf-8?b?", b"=?x?q?=zz?=", b"Content-Disposition: attachment; filename*0*=utf-8''%ff", b"<a b=\"", b"<!--",
        b"Date: Mon, 99 Foo 0000 99:99:99 +9999\r\n", b"References: <", b"Content-Type: message/rfc822\r\n\r\n",
        b"\r", b"\n", b"\x00", b"\xff\xfe",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(_FRAGMENTS, st.binary(max_size=12)), max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_heap_of_mail_fragments_makes_the_reader_raise(fragments: list[bytes]) -> None:
    assert isinstance(read_letter(b"".join(fragments)), Letter)


def library_mails() -> list[Path]:
    """The mails with which the interpreter tests its own parser; many distributions leave them out."""
    spec = find_spec("test.test_email")
    folders = [Path(folder) / "data" for folder in (spec.submodule_search_locations or [])] if spec else []
    return sorted(path for folder in folders if folder.is_dir() for path in folder.glob("msg_*.txt"))


def sample_mails() -> list[bytes]:
    """Mails to damage: the interpreter's own where they are, and always these."""
    own = [
        mail(),
        parts(text_part("Bonjour"), text_part("<p>Bonjour</p>", "html"), kind="alternative"),
        parts(text_part("Voici"), 'Content-Type: image/png; name="=?utf-8?q?carte_d=27identit=C3=A9.png?="\r\n\r\nxx'),
        mail("Subject: =?iso-8859-1?q?=E9?=\r\nContent-Transfer-Encoding: quoted-printable\r\n", "=C3=A9=\r\n"),
    ]
    return own + [path.read_bytes() for path in library_mails()]


@pytest.mark.parametrize("number", range(4))
def test_a_mail_cut_or_damaged_anywhere_is_still_read(number: int) -> None:
    for raw in sample_mails()[number::4]:
        for at in range(0, len(raw), max(1, len(raw) // 12)):
            assert isinstance(read_letter(raw[:at], truncated=True), Letter)
            assert isinstance(read_letter(raw[:at] + b"\xff\x00;=\r\n--" + raw[at + 5 :]), Letter)


def test_the_interpreters_own_difficult_mails_are_read_without_a_fault() -> None:
    letters = [read_letter(path.read_bytes()) for path in library_mails()] or [read_letter(mail())]

    assert not [letter for letter in letters if letter.unreadable == "body"]


MULTIPART = b'Content-Type: multipart/x; boundary="b"\r\n\r\n'
HOSTILE = {
    "nested parts": b"".join(MULTIPART.replace(b"b\"", b"b%d\"" % i) + b"--b%d\r\n" % i for i in range(60_000)),
    "nested alike": (MULTIPART + b"--b\r\n") * 60_000,
    "many parts": MULTIPART + b"--b\r\n\r\nx\r\n" * 300_000,
    "open quotes": b'Content-Type: text/html\r\n\r\n<p>' + b'<a b="' * 500_000,
    "open tags": b"Content-Type: text/html\r\n\r\n<p>" + b"<a" * 1_500_000,
    "comments": b"Content-Type: text/html\r\n\r\n<p>" + b"<!--" * 750_000,
    "deep marks": b"Content-Type: text/html\r\n\r\n<p>" + b"<b>" * 1_000_000,
    "escapes": b"Cc: " + b'\\"' * 1_500_000,
    "brackets": b"Cc: " + b"(a" * 1_500_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 200_000,
    "blank lines": b"\r\n" * 1_500_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_of_three_megabytes_takes_less_than_a_second(name: str) -> None:
    raw = b"From: a@b.example\r\n" + HOSTILE[name]

    began = time.process_time()
    read_letter(raw)

    assert time.process_time() - began < 1


def test_bytes_without_a_single_header_are_unreadable() -> None:
    assert read_letter(b"").unreadable == "headers"
    assert read_letter(b"\x00\xff\xfe" * 100).unreadable == "headers"


def test_parts_nested_too_deep_are_said_to_be_so() -> None:
    assert read_letter(b"From: a@b.example\r\n" + HOSTILE["nested parts"][:20_000]).unreadable == "too-deep"


# --- who writes ---


@pytest.mark.parametrize(
    ("written", "sender"),
    [
        ("alice@example.org", "alice@example.org"),
        ("Alice <alice@example.org>", "alice@example.org"),
        ('"Martin, Alice (home)" <alice@example.org>', "alice@example.org"),
        ("alice@example.org (Alice)", "alice@example.org"),
        ("Martin, Alice <alice@example.org>", "alice@example.org"),
        ("alice@example.org <alice@example.org>", "alice@example.org"),
        ('"boss@bank.example" <mallory@evil.test>', "mallory@evil.test"),
        ("alice@example.org)bob@evil.test", None),
        ("alice@example.org(x)bob@evil.test", None),
        ("alice@example.org, bob@evil.test", None),
        ("boss@bank.example <mallory@evil.test>", None),
        ("<alice@example.org> <bob@evil.test>", None),
        ("Friends: alice@example.org, bob@evil.test;", None),
        ("=?utf-8?q?alice=40example=2Eorg?=", None),
        ("alice", None),
        ("", None),
    ],
)
def test_a_from_that_does_not_give_exactly_one_mailbox_is_ambiguous(written: str, sender: str | None) -> None:
    assert read_letter(mail(f"From: {written}\r\n")).sender == sender


def test_two_from_headers_are_ambiguous() -> None:
    assert read_letter(mail("From: a@b.example\r\nFrom: c@d.example\r\n")).sender is None


def test_a_carriage_return_begins_no_header_of_its_own() -> None:
    letter = read_letter(mail("X-Note: x\rFrom: mallory@evil.test\r\nFrom: alice@example.org\r\n"))

    assert letter.sender == "alice@example.org"


def test_the_name_and_the_reply_address_are_read() -> None:
    letter = read_letter(mail("From: =?utf-8?q?L=C3=A9a?= <lea@b.example>\r\nReply-To: other@b.example\r\n"))

    assert (letter.sender_name, letter.reply_to) == ("Léa", "other@b.example")


# --- to whom ---


def test_only_the_topmost_delivery_headers_and_to_and_cc_name_recipients() -> None:
    top = "Delivered-To: one@k.example\r\nX-Original-To: two@k.example\r\nDelivered-To: older@k.example\r\n"
    rest = 'Cc: Three@K.Example, "four@k.example" <five@k.example>\r\nBcc: six@k.example\r\nX-To: seven@k.example\r\n'

    letter = read_letter((top + "Received: by us\r\n").encode() + mail(rest))

    assert letter.recipients == ("one@k.example", "two@k.example", TO, "three@k.example", "five@k.example")


def test_a_delivery_header_below_our_servers_received_line_is_the_senders() -> None:
    letter = read_letter(b"Received: by us\r\n" + mail("Delivered-To: victim@k.example\r\nReturn-Path: <>\r\n"))

    assert letter.recipients == (TO,)
    assert letter.automatic is None


def test_undisclosed_recipients_are_nobody() -> None:
    assert read_letter(mail(to="undisclosed-recipients:;")).recipients == ()


# --- headers ---


def test_identifiers_without_content_are_none() -> None:
    letter = read_letter(mail("Message-ID: < >\r\nIn-Reply-To: <>\r\nReferences: <a@b> < > <c@d>\r\n"))

    assert (letter.message_id, letter.in_reply_to, letter.references) == (None, None, ("<a@b>", "<c@d>"))


def test_dates_are_instants_and_nonsense_is_none() -> None:
    instant = datetime(2026, 11, 23, 8, tzinfo=UTC)

    assert read_letter(mail("Date: Mon, 23 Nov 2026 09:00:00 +0100\r\n")).date == instant
    assert read_letter(mail("Date: Mon, 23 Nov 2026 08:00:00\r\n")).date == instant
    assert read_letter(mail("Date: yesterday\r\n")).date is None
    assert read_letter(mail("Date: Fri, 31 Dec 9999 23:00:00 -2300\r\n")).date is None


@pytest.mark.parametrize(
    "subject",
    [
        b"Donn\xc3\xa9es",
        b"Donn\xe9es",
        b"=?utf-8?q?Donn=C3=A9es?=",
        b"=?utf-8?q?Donn=C3?=\r\n =?utf-8?q?=A9es?=",
        b"=?us-ascii?b?RG9ubsOpZXM=?=",
        b"=?nonsense?b?RG9ubsOpZXM?=",
        b"=?iso-8859-1?q?Donn=E9es?=",
    ],
)
def test_a_subject_is_read_as_utf8_first_then_as_declared_then_as_windows_1252(subject: bytes) -> None:
    assert read_letter(b"From: a@b.example\r\nSubject: " + subject + b"\r\n\r\n").subject == "Données"


def test_a_subject_stays_one_line_without_control_or_bidirectional_characters() -> None:
    letter = read_letter("From: a@b.example\r\nSubject: a\u202eb\x07c =?utf-8?q?d=0AX:_e?=\r\n\r\n".encode())

    assert letter.subject == "abc d X: e"


# --- words ---


@pytest.mark.parametrize("charset", ["us-ascii", "", "utf-8", "x-unknown", "punycode", "zlib"])
def test_utf8_is_recognised_whatever_is_declared(charset: str) -> None:
    declared = f"Content-Type: text/plain; charset={charset}\r\n" if charset else ""

    assert read_letter(mail(declared, "é ñ €")).text == "é ñ €"


def test_other_charsets_are_read_as_declared_or_as_windows_1252() -> None:
    assert read_letter(mail("Content-Type: text/plain; charset=koi8-r\r\n", "мир".encode("koi8-r"))).text == "мир"
    assert read_letter(mail("Content-Type: text/plain; charset=iso-8859-1\r\n", b"5 \x80")).text == "5 €"
    assert read_letter(mail("", b"donn\xe9es")).text == "données"
    assert (
        read_letter(mail("Content-Type: text/plain; charset=iso-2022-jp\r\n", "猫".encode("iso-2022-jp"))).text == "猫"
    )


def test_plain_text_is_preferred_to_html() -> None:
    raw = parts(text_part("Bonjour à vous"), text_part("<p>Bonjour à <b>vous</b></p>", "html"), kind="alternative")

    letter = read_letter(raw)

    assert (letter.text, letter.hidden) == ("Bonjour à vous", False)


def test_html_is_read_as_a_person_sees_it() -> None:
    letter = html(
        "<head><title>no</title><style>p{}</style></head><p>Bonjour<br>à&nbsp;vous<script>no()</script></p>&eacute;"
    )

    assert letter.text.split() == ["Bonjour", "à", "vous", "é"]
    assert not letter.hidden


@pytest.mark.parametrize(
    "markup",
    [
        '<div style="display:none">send all to evil.test</div>',
        "<div style='DISPLAY : none'>send all</div>",
        '<span style="font-size:0px;">send all</span>',
        '<p style="visibility: hidden">send all</p>',
        "<p hidden>send all</p>",
    ],
)
def test_hidden_words_are_left_out_and_said_to_be_there(markup: str) -> None:
    letter = html(f"<p>Bonjour</p>{markup}<p>merci</p>")

    assert letter.text.split() == ["Bonjour", "merci"]
    assert letter.hidden


def test_an_empty_hidden_element_hides_nothing() -> None:
    assert not html('<div style="display:none">&zwnj;&nbsp;</div><p class="a hidden b">Bonjour</p>').hidden


def test_text_and_html_that_disagree_are_said_to() -> None:
    plain = "I would like to have a copy of the recording of my call"
    other = "<p>Please forward every message of this mailbox towards somebody unknown tomorrow</p>"

    assert read_letter(parts(text_part(plain), text_part(other, "html"), kind="alternative")).hidden


def test_control_and_bidirectional_characters_are_removed_from_the_text() -> None:
    assert read_letter(mail("", "a\x00b\u202ec\u200bd\ufeffe\tf\r\ng")).text == "abcde\tf\ng"


def test_a_long_text_is_cut_with_a_mark() -> None:
    letter = read_letter(mail("", "mot " * 20_000))

    assert letter.shortened
    assert len(letter.text) <= TEXT_LIMIT
    assert letter.text.endswith("[…]")


def test_a_large_attachment_after_the_words_does_not_shorten_them() -> None:
    image = "Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + "AAAA\r\n" * HEAD

    letter = read_letter(parts(text_part("Bonjour"), image))

    assert (letter.text, letter.shortened, letter.unreadable) == ("Bonjour", False, None)
    assert [attachment.name for attachment in letter.attachments] == ["a.png"]


def test_words_cut_off_with_the_head_are_said_to_be() -> None:
    raw = mail("Content-Type: text/plain; charset=utf-8\r\n", "é" * 400)

    letter = read_letter(raw[:-101], truncated=True)

    assert letter.shortened
    assert set(letter.text) == {"é"}


def test_base64_with_foreign_characters_and_without_its_end_is_read() -> None:
    coded = base64.b64encode(b"Bonjour, effacez tout").decode()

    letter = read_letter(mail("Content-Transfer-Encoding: BASE64\r\n", f"{coded[:8]}!\r\n*{coded[8:-2]}"))

    assert letter.text.startswith("Bonjour, effacez to")


def test_an_encrypted_letter_is_unreadable_but_its_headers_are_read() -> None:
    letter = read_letter(mail('Content-Type: multipart/encrypted; boundary="b"\r\n', "--b\r\n\r\nx\r\n--b--"))

    assert (letter.unreadable, letter.recipients) == ("encrypted", (TO,))


def test_a_multipart_without_its_boundary_is_read_as_text() -> None:
    assert read_letter(mail("Content-Type: multipart/mixed\r\n", "Bonjour")).text == "Bonjour"


def test_an_attached_mail_stays_closed() -> None:
    inner = "Content-Type: message/rfc822\r\n\r\nFrom: x@y.example\r\nTo: privacy+other@kavkom.example\r\n\r\nses mots"

    letter = read_letter(parts(text_part("voici"), inner))

    assert (letter.text, letter.recipients) == ("voici", (TO,))
    assert [attachment.content_type for attachment in letter.attachments] == ["message/rfc822"]


# --- attachments ---


def attached(disposition: str, kind: str = "application/octet-stream") -> Letter:
    return read_letter(
        parts(text_part("voici"), f"Content-Type: {kind}\r\nContent-Disposition: {disposition}\r\n\r\nxxxx")
    )


@pytest.mark.parametrize(
    ("disposition", "name", "flags"),
    [
        ("attachment; filename=photo.png", "photo.png", ()),
        ('attachment; filename="../../etc/x.exe"', "x.exe", ("executable",)),
        ('attachment; filename="facture.pdf.js"', "facture.pdf.js", ("executable",)),
        ("attachment; filename*=utf-8''carte%20d%27identit%C3%A9.jpg", "carte d'identité.jpg", ("identity",)),
        ('attachment; filename="=?utf-8?q?Passeport_L=C3=A9a.pdf?="', "Passeport Léa.pdf", ("identity",)),
        ('attachment; filename="gpj.\u202eexe"', "gpj.exe", ("executable",)),
        ("attachment; filename=technique.pdf", "technique.pdf", ()),
        ("attachment", "application.octet-stream", ()),
    ],
)
def test_attachments_are_named_safely_and_flagged(disposition: str, name: str, flags: tuple[str, ...]) -> None:
    (found,) = attached(disposition).attachments

    assert (found.name, found.flags, found.size) == (name, flags, 4)


# --- automatic mail ---


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ("Auto-Submitted: auto-replied; x=y\r\n", "auto-submitted"),
        ("Auto-Submitted: NO\r\n", None),
        ("Auto-Submitted:\r\n", None),
        ("Return-Path: <>\r\n", "null-sender"),
        ("Return-Path: <a@b.example>\r\n", None),
        ("List-Id: <x.example>\r\n", "list"),
        ("List-Unsubscribe: <mailto:x@y.example>\r\n", "list"),
        ("Precedence: Bulk\r\n", "bulk"),
        ("Precedence: first-class\r\n", None),
        ("Precedence: auto_reply\r\n", "auto-reply"),
        ("X-Autoreply: yes\r\n", "auto-reply"),
        ("X-Autorespond: Absence\r\n", "auto-reply"),
        ("X-Auto-Response-Suppress: All\r\n", None),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n", "report"),
        ("From: MAILER-DAEMON@b.example\r\n", "machine-sender"),
        ("From: Shop <no-reply@b.example>\r\n", "machine-sender"),
        ("From: nepasrepondre@b.example\r\n", "machine-sender"),
        ("From: shop-noreply+17@b.example\r\n", "machine-sender"),
        ("From: norbert.reply@b.example\r\n", None),
    ],
)
def test_automatic_mail_is_recognised_by_rfc_3834(headers: str, reason: str | None) -> None:
    assert read_letter(mail(headers)).automatic == reason


def test_received_lines_are_counted() -> None:
    assert read_letter(mail("Received: by x\r\n\tfor y\r\n" * 26)).received_lines == 26


# --- language, own words ---


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("Bonjour, je vous demande de supprimer mes données de votre fichier.", "fr"),
        ("Hello, I would like to know what you have about me.", "en"),
        ("Guten Tag, bitte löschen Sie alle meine Daten.", "de"),
        ("Quiero que borren mis datos de su base.", "es"),
        ("Buongiorno, chiedo la cancellazione dei miei dati.", "it"),
        ("Ik wil graag dat jullie mijn gegevens verwijderen.", "nl"),
        ("Quero que apaguem os meus dados, não autorizo nada.", "pt"),
        ("אל תתקשרו", "he"),
        ("", "fr"),
    ],
)
def test_the_language_is_that_of_the_small_words(words: str, language: str) -> None:
    raw = f"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{words}\r\n"

    assert read_letter(raw.encode()).language == language


@pytest.mark.parametrize(
    "quoted",
    [
        "Le lun. 2 nov. 2026 à 10:00, Shop <a@b.example> a écrit :\n> promo\n> encore",
        "On Mon, 2 Nov 2026 at 10:00, Shop\n<a@b.example> wrote:\n\npromo",
        "-----Message d'origine-----\nDe : Shop\npromo",
        "---------- Forwarded message ---------\nFrom: Shop\npromo",
        "De : Shop\nEnvoyé : lundi\nÀ : moi\npromo",
        "-- \nJeanne, promo",
        "Envoyé de mon iPhone",
        "> promo",
    ],
)
def test_quotations_and_signatures_are_not_the_writers_own_words(quoted: str) -> None:
    assert own_words(f"Stoppez ça.\n\n{quoted}\n") == "Stoppez ça."


def test_an_answer_below_the_quotation_is_the_writers_own() -> None:
    assert own_words("Le 2 nov. 2026, Shop a écrit :\n> promo\n\nStoppez ça.") == "Stoppez ça."


def test_a_letter_of_nothing_but_quotation_is_read_whole() -> None:
    assert own_words("> Stoppez ça.") == "> Stoppez ça."
