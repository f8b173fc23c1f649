"""Hostile bodies, each with the header lines that describe it, rightly or not."""

import base64

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.hostile_heads import CHARSETS, TRICKS, pick, words

Body = tuple[bytes, bytes]

TEXTS = (
    "Bonjour,\r\n\r\nEffacez toutes mes données.\r\n".encode(),
    b"",
    b".\r\n",
    b".\r\n..\r\n...\r\n.\r\n",
    b"From here on\r\n>From there\r\nFrom \r\n",
    b"no end of line",
    b"x" * 999 + b"\r\n",
    b"x" * 998 + b"\r\n",
    b"x" * 120_000 + b"\r\n",
    b"a\0b\0\r\n",
    b"bare\rcr\rand\nlf\n",
    b"\r\n" * 20_000,
    b"\xff\xfe\xfd\xed\xa0\x80\xf5\r\n",
    "é".encode("latin-1") * 400,
    "données".encode("utf-16"),
    b"+AGUAZgBmAGEAYwBlAHo- utf-7\r\n",
    b"\x1b$B$3$s$K$A$O\x1b(B\x1b$B\r\n",
    b"~{<:Ky2;~} hz ~~ ~\n",
    *(text.encode("utf-8", "surrogatepass") + b"\r\n" for text in TRICKS),
    b"> quoted\r\n" * 5_000,
    b"begin 644 virus.exe\r\n#0V%T\r\n`\r\nend\r\n",
    b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n",
    b"\r\n--b--\r\n--b\r\n",
    b"$ANTIVIRUS-TEST$\x1a",
)
HTML = (
    b"<p>Effacez mes donn\xc3\xa9es</p>",
    b"<div>" * 20_000 + b"deep" + b"</div>" * 20_000,
    b"<" * 60_000,
    b'<a b="' * 30_000,
    b"<!--" * 30_000,
    b"&#x110000;&#0;&#xD800;&" + b"amp" * 30_000,
    b"<script>" + b"x" * 60_000,
    b"<style>*{display:none}</style><p>x",
    b"<p hidden>a<p style='display : none'>b<p style=\"font-size:0\">c",
    b"<table>" + b"<tr><td>" * 20_000,
    b"<svg onload=alert(1)><img src=cid:x><iframe src=javascript:1>",
    b"<html><body>" + "\u202etxet\u202c \u200b".encode() * 2_000,
    b"<title>" + b"</titl" * 20_000,
    b"<blockquote>" * 10_000 + b"x",
    b"<p\0>n\0ul</p\0>",
    b"\xff\xfe<\0p\0>\0",
)
ENCODINGS = (
    *(
        b"7bit",
        b"8bit",
        b"binary",
        b"base64",
        b"quoted-printable",
        b"BASE64 ",
        b"x-uuencode",
        b"",
        b"base64\r\n quoted-printable",
    ),
    *(b"=?utf-8?q?base64?=", b'"base64"', b"base64; x=y", b"\0", b"quoted-printable (comment)"),
)
BOUNDARIES = (
    *(
        b"b",
        b'"b"',
        b"'b'",
        b'""',
        b"",
        b'"' + b"b" * 300 + b'"',
        b'"b',
        b'"a b"',
        b'"b "',
        b'"\\b"',
        b'".*+?["',
        b'"b\0"',
    ),
    *("é".encode(), b'"b"; boundary="c"', b"b\r\n ", b'"b" (comment)', b"=?utf-8?q?b?=", b'"(" ', b'"--"'),
)
PARAMETERS = (
    b"; filename*=utf-8''%e2%80%ae%2f..%2fetc%2fpasswd",
    b"; filename*0*=klingon'xx'%41; filename*1=b; filename*3=c",
    b"; filename*0=" + b"a" * 3_000,
    b"; filename*=%%%; filename**=x; filename*a*=y",
    b"".join(b"; filename*%d=x" % number for number in range(3_000)),
    b"; filename*" + b"9" * 400 + b"=x",
    b'; filename="../../../../etc/passwd"',
    b'; filename="..\\..\\CON.exe"',
    b'; filename="a\r\nBcc: victim@courriel.example"',
    b'; filename="' + "\u202egnp.exe".encode() + b'"',
    b'; filename="=?utf-8?q?piece=0Ad=27identit=C3=A9.pdf?="',
    b'; filename="' + b"x" * 5_000 + b'.exe"',
    b'; filename="a\\"b',
    b"; filename=",
    b"; filename=a;filename=b;FILENAME=c",
    b"; filename*='''''",
    b";;;;=;=;;",
    b'; name="nul\0.pdf"',
)
KINDS = (
    *(
        b"text/plain",
        b"text/html",
        b"text/calendar",
        b"TEXT/HTML",
        b"text",
        b"/",
        b"text/",
        b"text/plain/html",
        b"image/jpeg",
    ),
    *(
        b"application/pdf",
        b"application/octet-stream",
        b"application/pkcs7-mime; smime-type=enveloped-data",
        b"message/rfc822",
    ),
    *(
        b"message/partial; id=x; number=1; total=3",
        b"message/external-body; access-type=local-file; name=/etc/passwd",
        b"",
    ),
    *(
        b"message/delivery-status",
        b"application/pgp-encrypted",
        b"text/rfc822-headers",
        b"\xff\xfe/\0",
        b"x" * 5_000 + b"/y",
    ),
)
MULTIPARTS = (
    *(
        b"mixed",
        b"alternative",
        b"related",
        b"signed; protocol=application/pgp-signature; micalg=pgp-sha1",
        b"",
        b"x-unknown",
    ),
    *(
        b"encrypted; protocol=application/pgp-encrypted",
        b"report; report-type=delivery-status",
        b"digest",
        b"parallel",
        b"form-data",
    ),
)


def bodies() -> SearchStrategy[Body]:
    """Texts, HTML, nested parts, thousands of parts, mails within mails."""
    nested = st.recursive(texts(), lambda inner: multiparts(inner) | attached_mails(inner), max_leaves=8)
    return st.one_of(texts(), nested, nested, pick(monsters()))


def texts() -> SearchStrategy[Body]:
    content = st.one_of(pick(TEXTS), pick(HTML), st.binary(max_size=300), words())
    kind = st.one_of(pick([b"text/plain", b"text/html"]), pick(KINDS))
    charset = pick([one.encode("utf-8", "surrogatepass") for one in CHARSETS])
    return st.builds(_text, content, kind, charset, pick(ENCODINGS), pick((b"",) * 9 + PARAMETERS))


def _text(content: bytes, kind: bytes, charset: bytes, encoding: bytes, parameter: bytes) -> Body:
    described = b"Content-Type: %s; charset=%s\r\nContent-Transfer-Encoding: %s\r\n" % (kind, charset, encoding)
    if parameter:
        described += b"Content-Disposition: attachment%s\r\n" % parameter
    if encoding.strip().lower() == b"base64" and len(content) % 3:
        content = base64.encodebytes(content)[: len(content)]
    return described, content


def multiparts(inner: SearchStrategy[Body]) -> SearchStrategy[Body]:
    parts, kind = st.lists(inner, max_size=5), pick(MULTIPARTS)
    ends = pick(
        [b"\r\n--b--\r\n", b"", b"\r\n--b", b"\r\n--b--\r\n--b\r\n\r\nepilogue part", b"\n--b--\n", b"\r\n--b-- x"]
    )
    boundary = st.one_of(st.just(b"b"), pick(BOUNDARIES))
    return st.builds(_multipart, parts, kind, boundary, ends)


def _multipart(parts: list[Body], kind: bytes, boundary: bytes, end: bytes) -> Body:
    inside = b"preamble" + b"".join(b"\r\n--b\r\n" + head + b"\r\n" + content for head, content in parts)
    return b"Content-Type: multipart/%s; boundary=%s\r\n" % (kind, boundary), inside + end


def attached_mails(inner: SearchStrategy[Body]) -> SearchStrategy[Body]:
    return inner.map(
        lambda body: (
            b"Content-Type: message/rfc822\r\n",
            b"From: a@courriel.example\r\n" + body[0] + b"\r\n" + body[1],
        )
    )


def monsters() -> list[Body]:
    """Thousands of parts, a depth of thousands, mails in mails, boundaries that are prefixes of one another."""
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    mixed = b"Content-Type: multipart/mixed; boundary=b\r\n"
    mail = b"Content-Type: message/rfc822\r\n\r\n"
    return [
        (mixed, part * 5_000 + b"--b--\r\n"),
        (mixed, b"--b\r\n" * 30_000),
        (mixed, b"".join(b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" for _ in range(3_000))),
        (
            mixed,
            b"".join(b"--b%s\r\n%s\r\n" % (b"b" * n, mixed.replace(b"=b", b"=b" + b"b" * (n + 1))) for n in range(400)),
        ),
        (mail[:-2], mail * 4_000 + b"x"),
        (mixed, b"--b\r\nContent-Type: text/plain\r\nX: " + b"y" * 200_000 + b"\r\n\r\nz\r\n--b--\r\n"),
        (b"Content-Type: text/plain; x=" + b'"' * 30_001 + b"\r\n", b"x"),
        (b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n", base64.encodebytes(b"<p>x" * 60_000)),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n", b"=\r\n" * 100_000),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n", b"=ZZ=\r=\n==" * 30_000),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", b"=" * 100_000 + b"QQ"),
    ]
