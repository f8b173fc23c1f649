"""The short words of buttons, titles and labels: templates/slack_words.<language>.txt, one `key: words` a line."""

from functools import cache

from templates import LANGUAGES, render


def word(language: str, key: str, **values: object) -> str:
    """The words under a key; `values` fill its {places}."""
    return _table(language if language in LANGUAGES else "en")[key].format(**values)


def find_word(language: str, key: str, table: str = "slack_words") -> str | None:
    """As `word`, or None for a key that has no words; `table`: the template that holds them."""
    return _table(language if language in LANGUAGES else "en", table).get(key)


@cache
def _table(language: str, table: str = "slack_words") -> dict[str, str]:
    lines = render(table, language).splitlines()
    pairs = (line.partition(":") for line in lines if line.strip() and not line.startswith("#"))
    return {key.strip(): text.strip() for key, _, text in pairs}
