"""A generator of hostile mail, for hypothesis: what senders, broken programs and attackers put into mailboxes.

`mails()` are whole mails of at most some 600 KB. Heads stand in tests/hostile_heads.py, bodies in
tests/hostile_bodies.py; `bombs()` are the few that try to take for ever.
"""

import faulthandler
import sys
from collections.abc import Callable, Iterator
from itertools import product

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mail.forward import form_of
from mail.letter import HEAD, read_letter
from mail.rights import read_rights
from tests.hostile_bodies import bodies
from tests.hostile_heads import heads, pick

BOMB = 20.0
"""Seconds that one bomb may take on a busy machine."""

ODD = (
    b"",
    b"\r\n",
    b"\n",
    b"\r",
    b".",
    b".\r\n",
    b"\r\n.\r\n",
    b"\0",
    b"\0" * 5_000,
    b"From \r\n",
    b"From nobody Thu Jan  1 00:00:00 1970\r\n",
    b">From nobody\r\n\r\nno head",
    b"only a body, without any head",
    b"Subject: only a head",
    b"Subject: only a head\r\n",
    b":\r\n\r\n",
    b": no name\r\n : folded nothing\r\n\r\n",
    b"  begins folded\r\nSubject: x\r\n\r\n",
    b"\xef\xbb\xbfSubject: after a mark of order\r\n\r\nx",
    "Subject: sixteen bits\r\n\r\nx".encode("utf-16"),
    b"\r" * 3_000,
    b"\n." * 3_000,
    b"\r\n.." * 3_000,
    bytes(range(256)) * 20,
    b"x" * 300_000,
    b"%PDF-1.4\n" + bytes(range(256)),
    b"GIF89a\0\1\2",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
)


def mails() -> SearchStrategy[bytes]:
    """Whole mails, from merely strange to broken beyond reading."""
    assembled = st.builds(assemble, heads(), bodies())
    spoilt = st.builds(lambda mail, spoil: spoil(mail), assembled, pick(JOURNEYS))
    return st.one_of(assembled, assembled, spoilt, pick(ODD), st.binary(max_size=2_000))


def assemble(head: list[bytes], body: tuple[bytes, bytes]) -> bytes:
    """A mail of header lines and of a body with the header lines that describe it."""
    described, content = body
    return b"".join(line + b"\r\n" for line in head) + described + b"\r\n" + content


def _cut(mail: bytes, between: bytes) -> bytes:
    middle = len(mail) // 2
    return mail[:middle] + between + mail[middle:]


JOURNEYS: tuple[Callable[[bytes], bytes], ...] = (
    lambda mail: mail.replace(b"\r\n", b"\n"),
    lambda mail: mail.replace(b"\r\n", b"\r"),
    lambda mail: mail.replace(b"\r\n", b"\n\r"),
    lambda mail: mail.replace(b"\r\n", b"\r\r\n"),
    lambda mail: mail.replace(b"\r\n", b"\n", 3),
    lambda mail: mail.replace(b"\r\n\r\n", b"\r\n", 1),
    lambda mail: mail[: len(mail) // 2],
    lambda mail: mail[: len(mail) // 16],
    lambda mail: mail[len(mail) // 2 :],
    lambda mail: _cut(mail, b"\0"),
    lambda mail: _cut(mail, b"\r\n.\r\n"),
    lambda mail: b"From someone@courriel.example Thu Jan  1 00:00:00 1970\r\n" + mail,
    lambda mail: b"\r\n" + mail,
    lambda mail: mail + b"\r\n" + mail[:10_000],
    lambda mail: mail.rstrip(b"\r\n"),
    lambda mail: mail + b"\x1a",
)
"""What bad programs do to a mail on its way."""


def sample(strategy: SearchStrategy[bytes], count: int, *, number: int = 1) -> list[bytes]:
    """About so many different examples, always the same ones for a number."""
    found: dict[bytes, None] = {}

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: bytes) -> None:
        found.setdefault(example)

    collect()
    return list(found)


UNITS = (
    *(
        "(",
        ")",
        "<",
        ">",
        '"',
        "\\",
        ",",
        ";",
        ":",
        "@",
        "=?",
        "?=",
        "=",
        "=\r\n ",
        "\r\n ",
        "\t",
        " ",
        "a",
        "[",
        "&",
        "<!--",
    ),
    *(
        "=?utf-8?q?=",
        "=?utf-8?b?",
        "a@b,",
        '"a@b" <',
        "<a@b",
        "(a(",
        '\\"',
        "x:;",
        "&#",
        "&lt",
        '<a b="',
        "<a b='",
        "<p>",
    ),
    *(
        "<div hidden>",
        "<script>",
        "</script",
        "--b\r\n",
        "--b--\r\n",
        ";a=",
        "; filename*0*=",
        "%",
        "%E9",
        ">",
        "> \n",
        "\u202e",
    ),
    *("On x wrote:\n", "De: x\nDate: y\n", "e\u0301", "\u200b", "le 1 a ", "supprimer ", "effacer mes donnees, "),
)
PLACES = (
    *("Subject: {}", "From: {}", "To: {}", "Cc: x, {}", "References: {}", "Date: {}", "Received: {}", "X: {}"),
    *(
        "Content-Type: {}",
        'Content-Type: multipart/mixed; boundary="{}"',
        "Content-Type: multipart/mixed; boundary=b{}",
    ),
    *(
        "Content-Type: text/plain; charset={}",
        "Content-Disposition: attachment; filename={}",
        "Content-Type: text/html\r\n\r\n{}",
    ),
    *("Content-Type: text/plain\r\n\r\n{}", "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "{}"),
    *("Content-Transfer-Encoding: base64\r\n\r\n{}", "Content-Transfer-Encoding: quoted-printable\r\n\r\n{}"),
    "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Each small unit repeated to a quarter of the bound of what is parsed, in each place where a program looks."""
    for place, unit in product(PLACES, UNITS):
        filled = place.replace("{}", unit * (HEAD // 4 // len(unit)))
        yield f"{place[:50]!r} of {unit!r}", f"To: a@b.example\r\n{filled}\r\n\r\nbody\r\n".encode()


def main() -> None:
    """Read every bomb, naming it first; exit 1 at one that takes longer than BOMB."""
    for name, raw in bombs():
        faulthandler.dump_traceback_later(BOMB, exit=True)
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        letter = read_letter(raw)
        read_rights(letter.subject, letter.text)
        form_of([raw])
        if letter.unreadable == "body":
            raise SystemExit("its reader raised something")
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
