"""The short words of buttons, titles and labels: templates/<table>.<language>.txt, one `key: words` a line."""

from functools import cache

from templates import LANGUAGES, render

TABLES = ("slack_words", "record_words")
"""record_words: those of a breach's record."""


def word(language: str, key: str, **values: object) -> str:
    """The words under a key; `values` fill its {places}."""
    return _table(language if language in LANGUAGES else "en")[key].format(**values)


def find_word(language: str, key: str, table: str = "") -> str | None:
    """As `word`, or None for a key that has no words; `table`: another template than those of Slack."""
    return _table(language if language in LANGUAGES else "en", table).get(key)


@cache
def _table(language: str, table: str = "") -> dict[str, str]:
    names = (table,) if table else TABLES
    lines = [line for name in names for line in render(name, language).splitlines()]
    pairs = (line.partition(":") for line in lines if line.strip() and not line.startswith("#"))
    return {key.strip(): text.strip() for key, _, text in pairs}
