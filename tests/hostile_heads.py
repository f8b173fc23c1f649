"""Hostile header lines."""

import base64
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

CHARSETS = (
    *("utf-8", "iso-8859-1", "windows-1252", "us-ascii", "utf-7", "utf-16", "utf-32", "hz", "iso-2022-jp", "gb18030"),
    *(
        "big5",
        "koi8-r",
        "idna",
        "punycode",
        "rot13",
        "base64",
        "zlib",
        "undefined",
        "unicode_escape",
        "raw_unicode_escape",
    ),
    *(
        "mbcs",
        "klingon",
        "x-user-defined",
        "utf-8-sig",
        "cp65001",
        "",
        "'",
        '"utf-8',
        "a" * 200,
        "\0",
        "../../etc/passwd",
    ),
)
TRICKS = (
    "\u202egnp.exe",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\u2066a\u2069\u2067b",
    "a\u0300" * 50,
    "\U000e0041\U000e0042",
    "\ufffd\uffff",
    "\u2028Bcc: victim@courriel.example\u2029",
    "{{ 7 * 7 }} {% raw %} ${x} %(x)s {0}",
    "'; DROP TABLE message; --",
    "<script>alert(1)</script>",
    "= =3D =3d=\r\n =0A=0D",
    "👩‍👩‍👧‍👦" * 20,
    "\x00\x07\x08\x1b[31m\x7f\x85",
    "Wörter und Ümläute ß",
    "x" * 1_200,
    " ".join(["mot"] * 400),
    "",
    " ",
)


def pick(values: Sequence[T]) -> SearchStrategy[T]:
    """As sampled_from, which would keep a description of megabytes of them."""
    return st.integers(0, len(values) - 1).map(lambda which: values[which])


def words() -> SearchStrategy[bytes]:
    """What may stand in a header's value: raw, 8-bit, encoded, wrongly encoded."""
    plain = st.one_of(pick(TRICKS), st.text(max_size=60))
    raw = st.builds(lambda text, charset: text.encode(charset, "replace"), plain, pick(["utf-8", "latin-1", "utf-16"]))
    return st.one_of(raw, plain.map(lambda text: text.encode("utf-8", "surrogatepass")), encoded_words())


def encoded_words() -> SearchStrategy[bytes]:
    """RFC 2047, mostly not as meant."""
    inner = pick([text.encode("utf-8", "surrogatepass") for text in TRICKS])
    charset = pick([one.encode() for one in CHARSETS])
    base = st.builds(lambda name, text: b"=?%s?b?%s?=" % (name, base64.b64encode(text)), charset, inner)
    quoted = st.builds(lambda name, text: b"=?%s?Q?%s?=" % (name, _as_q(text)), charset, inner)
    return st.one_of(base, quoted, pick(_broken_words()))


@cache
def _broken_words() -> list[bytes]:
    return [
        b"=?utf-8?q?a=0D=0ABcc:_victim@courriel.example=0D=0A=0D=0Abody?=",
        b"=?utf-8?q?=?utf-8?q?nested?=?=",
        b"=?utf-8?b?=?utf-8?b?eA==?=?=",
        b"=?utf-8?x?what?=",
        b"=?utf-8?q?no end",
        b"=?utf-8?b?%%%%?=",
        b"=?utf-8?b?YQ?= =?utf-8?b?=C3?=",
        b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=",
        b"=?utf-8*fr?q?langue?=",
        b"=????=",
        b"=?=?=?=?=?",
        b"=?utf-8?q?=00=01=1B[2J?=",
        b"=?utf-8?q?a\r\n b?=",
        b"=?utf-8?b?%s?=" % base64.b64encode(b"giant " * 30_000),
        b" ".join([b"=?utf-8?q?x?="] * 5_000),
        b"=?utf-8?q?" + b"=E2=80=AE" * 3_000 + b"?=",
    ]


def _as_q(text: bytes) -> bytes:
    return b"".join(b"=%02X" % octet for octet in text)


ADDRESSES = (
    b"jeanne@courriel.example",
    b"Jeanne Martin <jeanne@courriel.example>",
    b"Group: a@courriel.example, b@courriel.example;",
    b"undisclosed-recipients:;",
    b"a@courriel.example, b@courriel.example",
    b"a@courriel.example\r\nBcc: victim@courriel.example",
    b"a@courriel.example\r\n\tBcc: victim@courriel.example",
    b"a@courriel.example)b@courriel.example",
    b'"a@courriel.example" <b@courriel.example>',
    b"a@courriel.example <b@courriel.example>",
    b"<<<a@courriel.example>>>",
    b"<@a,@b:c@courriel.example>",
    b"a@[127.0.0.1]",
    b"a@[IPv6:::1]",
    b'"a\\"b c"@courriel.example',
    b"a@b@c",
    b"@",
    b"<>",
    b"",
    b" ",
    b"nobody",
    b"nobody@localhost",
    b"(" * 3_000 + b"a@courriel.example",
    b"(a (b (c))) d@courriel.example (e)",
    b'"' * 2_001 + b"<a@courriel.example>",
    b"\\" * 3_001,
    b"a" * 300 + b"@courriel.example",
    b"a@" + b"b." * 400 + b"example",
    "jérôme@exämple.example".encode(),
    b"j\xe9r\xf4me@courriel.example",
    b"a\0b@courriel.example",
    b"mailer-daemon@courriel.example",
    "Jeanne\u202e <jeanne@courriel.example>".encode(),
    b"=?utf-8?q?jeanne=40courriel.example?= <b@courriel.example>",
    b"=?utf-8?q?a=3Cb=40c=3E?=@courriel.example",
    b",,,;;;:::",
)


def addresses() -> SearchStrategy[bytes]:
    return st.one_of(pick(ADDRESSES), words())


def recipients() -> SearchStrategy[bytes]:
    """One, some, or 20,000."""
    crowd = b",\r\n ".join(b"%05d@courriel.example" % number for number in range(20_000))
    some = st.lists(addresses(), min_size=1, max_size=4).map(b", ".join)
    return st.one_of(addresses(), some, some, some, pick([crowd]))


DATES = (
    *(b"Fri, 31 Dec 9999 23:59:59 +0000", b"Mon, 1 Jan 0000 00:00:00 +0000", b"Sat, 1 Jan 0001 00:00:00 +2359", b"0"),
    *(b"Thu, 32 Feb 2026 25:61:61 +9999", b"31 Dec 9999 23:59:59 -2359", b"now", b"", b"-1", b"99999999999999999999"),
    *(
        b"Tue, 24 Nov 2026 09:00:00 +99999999",
        b"24 Nov 26 9:0 (comment",
        b"2026-11-24T09:00:00Z",
        b"\xff\xfe",
        b"1 " * 500,
    ),
)
IDS = (
    *(
        b"<one@courriel.example>",
        b"< >",
        b"<>",
        b"<a@b",
        b"a@b>",
        b"<" * 2_000,
        b"<" + b"x" * 3_000 + b"@y>",
        b"",
        b"<\0@\xff>",
    ),
    *(b"<a@b>" * 3_000, b"<a b@c>", b"<[a@b]>", b"<one@courriel.example>\r\n\t<one@courriel.example>"),
)
ODD_LINES = (
    b"X-Long: " + b"x" * 120_000,
    b"X-Folded: a" + b"\r\n b" * 5_000,
    b"X-Blank-Fold: a\r\n \r\n\t\r\n b",
    b"X" * 70_000 + b": long name",
    b"No colon at all",
    b"Space before colon : x",
    b"\xc3\xa9t\xc3\xa9: 8-bit name",
    b"X-Null: a\0b",
    b"X-Cr: a\rb\rBcc: victim@courriel.example",
    b"X-Lf: a\nb",
    b"Received: from x by y; " + b"z" * 900,
    b"Auto-Submitted: no (really)",
    b"List-Id: \xff\xfe",
    b"Precedence: \xa0bulk",
    b"Return-Path: <>",
    b"Delivered-To: privacy+forged@kavkom.example",
    b"MIME-Version: 1.0 (produced by (nested) comment",
    b"MIME-Version: 7",
    b"Content-Length: -1",
    b"Status: RO",
    b"Authentication-Results: kavkom.example; dmarc=pass",
    b"DKIM-Signature: v=1; a=rsa-sha256; b=" + b"A" * 2_000,
    b"Disposition-Notification-To: victim@courriel.example",
    b"X-Kavkom-Original-SHA256: " + b"0" * 64,
)


def heads() -> SearchStrategy[list[bytes]]:
    """Header lines in any order, some missing, some twice, some that are none."""
    line = st.one_of(
        _field([b"Subject", b"subject", b"SUBJECT", b"Comments"], words()),
        _field([b"From", b"FROM", b"Reply-To", b"Sender"], addresses()),
        _field([b"To", b"Cc", b"Bcc", b"Resent-To"], recipients()),
        _field([b"Date", b"Resent-Date"], pick(DATES)),
        _field([b"Message-ID", b"In-Reply-To", b"References"], pick(IDS)),
        pick(ODD_LINES),
    )
    usual = pick([[b"From: Jeanne <jeanne@courriel.example>", b"Subject: Mes donnees"], [], []])
    many = pick([[]] * 12 + [[b"X-Spam-%d: yes" % number for number in range(12_000)], [b"Received: x"] * 26])
    return st.builds(lambda first, some, more: [*first, *some, *more], usual, st.lists(line, max_size=9), many)


def _field(names: list[bytes], values: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    return st.builds(lambda name, value: name + b": " + value, pick(names), values)
