"""The short words of buttons, titles and labels: templates/slack_words.<language>.txt, one `key: words` a line."""

from functools import cache

from templates import LANGUAGES, render


def word(language: str, key: str, **values: object) -> str:
    """The words under a key; `values` fill its {places}."""
    return _table(language if language in LANGUAGES else "en")[key].format(**values)


def find_word(language: str, key: str) -> str | None:
    """As `word`, or None for a key that has no words."""
    return _table(language if language in LANGUAGES else "en").get(key)


@cache
def _table(language: str) -> dict[str, str]:
    lines = render("slack_words", language).splitlines()
    pairs = (line.partition(":") for line in lines if line.strip() and not line.startswith("#"))
    return {key.strip(): text.strip() for key, _, text in pairs}
