"""Bytes to words for reading: charsets, what must not be shown, what the writer wrote and what was only quoted."""

import codecs
import re
from contextlib import suppress

TEXT_LIMIT = 20_000
"""Characters of a letter that are read and shown."""

CUT = "\n[…]"
"""Stands where a letter was cut."""

_TEXTUAL = tuple(
    "8859 ascii big5 cp euc gb hp-roman hz iso johab koi8 ks_c l1 latin mac shift sjis tis us-ascii utf viscii windows "
    "x-mac x-sjis".split()
)
_STATEFUL = ("iso-2022", "iso2022", "hz", "utf-7", "utf7", "utf-16", "utf16", "utf-32", "utf32")

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_INVISIBLE_OCTETS = bytes(code for code in range(256) if _INVISIBLE.match(chr(code)))
_LINE_ENDS = ("\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c")
_BLANK_LINES = re.compile(r"\n[ \t\xa0]*(?:\n[ \t\xa0]*){2,}")

# These begin with the end of the line before: to try "^" at every character takes five times as long.
_ATTRIBUTION = re.compile(
    r"\n[ \t>]*(?:Le|On|Am|El|Il(?: giorno)?|Op|Em|W dniu|Den)\b[^\n]{3,200}(?:\n[^\n]{0,120})?"
    r"(?:a écrit|wrote|schrieb[^\n]{0,80}|escribi[óo]|ha scritto|schreef[^\n]{0,80}|escreveu|"
    r"napisał[^\n]{0,20}|skrev[^\n]{0,80})"
    r"[\s\xa0]*:[ \t]*$",
    re.MULTILINE,
)
_BEGINS_ORIGINAL = re.compile(
    r"\n[ \t]*(?:-{2,}[ \t]*(?:Original|Forwarded|Message d|Message transf|Message r|Urspr|Weitergeleit|Mensaje|"
    r"Messaggio|Doorgestuurd|Oorspronkelijk|Mensagem)[^\n]*|"
    r"(?:Begin forwarded message|Début du message (?:réexpédié|transféré))[^\n]*|"
    r"_{10,}(?=\s*\n[ \t>*]*(?:De|From|Von|Da|Van|Od)\*?[ \t\xa0]?:)|"
    r"(?:De|From|Von|Da|Van)[ \t\xa0]?:[^\n]+\n(?:Envoyé|Sent|Date|Gesendet|Enviado|Inviato|Verzonden|Data)"
    r"(?: le| el)?[ \t\xa0]?:[^\n]*|-- ?)$",
    re.MULTILINE,
)
DEVICE = re.compile(
    r"\n[ \t]*(?:Envoyé (?:de(?:puis)?|à partir d)|Sent from|Get Outlook|Télécharge[rz] Outlook|Von meinem|"
    r"Gesendet (?:von|mit)|Enviado desde|Inviato da|Verzonden (?:vanaf|met)|Wysłane z)[^\n]*$",
    re.MULTILINE,
)
_QUOTED_LINE = re.compile(r"^[ \t]*>[^\n]*\n?", re.MULTILINE)


def decode(data: bytes, charset: str | None) -> str:
    """Bytes as text, for reading only: UTF-8 if it is that, else as declared, else windows-1252. Never raises."""
    declared = charset.strip().strip("\"'").lower() if charset else ""
    if declared.startswith(_STATEFUL):
        return _as_declared(data, declared) or data.decode("cp1252", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _as_declared(data, declared) or data.decode("cp1252", "replace")


def decode_head(data: bytes, charset: str | None) -> str:
    """The same for bytes that may be cut within a character."""
    for cut in range(min(4, len(data))):
        with suppress(UnicodeDecodeError):
            return data[: len(data) - cut].decode("utf-8")
    return decode(data, charset)


def clean(text: str) -> str:
    """Without control and bidirectional characters; lines end in LF; at most two blank lines together."""
    if text.isascii() and text.isprintable():
        return text
    for ending in _LINE_ENDS:
        text = text.replace(ending, "\n")
    return _BLANK_LINES.sub("\n\n", _without_invisible(text)).strip()


def one_line(text: str, limit: int) -> str:
    """Cleaned, in one line, at most `limit` characters."""
    cut = text[: limit * 8]
    return " ".join((cut if cut.isprintable() else clean(cut)).split())[:limit]


def shorten(text: str) -> tuple[str, bool]:
    """The text up to the limit, with a mark where it was cut, and whether it was."""
    if len(text) <= TEXT_LIMIT:
        return text, False
    return text[: TEXT_LIMIT - len(CUT)].rstrip() + CUT, True


def own_words(text: str) -> str:
    """What the writer wrote: without quotations, forwarded originals and signature. All of it when nothing is left."""
    return words_above_quotation(text) or text


def words_above_quotation(text: str) -> str:
    """The same, and nothing when there is nothing but quotation."""
    return _without_quotations(text).strip()


def _without_invisible(text: str) -> str:
    try:
        return text.encode("latin-1").translate(None, _INVISIBLE_OCTETS).decode("latin-1")
    except UnicodeEncodeError:
        return _INVISIBLE.sub("", text)


def _without_quotations(text: str) -> str:
    text = "\n" + text
    if original := _BEGINS_ORIGINAL.search(text):
        text = text[: original.start() + 1]
    while attribution := _ATTRIBUTION.search(text):
        before, after = text[: attribution.start() + 1], text[attribution.end() :]
        text = before + "\n" + (_QUOTED_LINE.sub("", after) if after.lstrip().startswith(">") else "")
    return DEVICE.sub("\n", _QUOTED_LINE.sub("", text) if ">" in text else text)


def _as_declared(data: bytes, declared: str) -> str | None:
    if not declared.startswith(_TEXTUAL):
        return None
    with suppress(LookupError, ValueError):
        codec = codecs.lookup(declared).name
        return data.decode("cp1252" if codec in {"iso8859-1", "ascii"} else codec, "replace")
    return None
