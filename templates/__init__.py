"""All words for people, in French and English, some in more languages: templates/<name>.<language>.<medium>.

The medium decides what is escaped: .html for HTML, .slack for Slack's mrkdwn, .txt for nothing. An undefined name is an
error, and a template can reach nothing but what it is given.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateNotFound
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

LANGUAGES = ("fr", "en")
"""What staff and customers are written to in: every template has both."""

MORE_LANGUAGES = ("de", "es", "it", "nl")
"""What some templates have besides; the others are in English for these readers."""

DRILL_MARK = "[EXERCICE / DRILL]"
"""How everything begins that anybody reads of an exercise, in every language."""

PARIS = ZoneInfo("Europe/Paris")
_WEEKDAYS = {
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split(),
    "es": "lunes martes miércoles jueves viernes sábado domingo".split(),
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica".split(),
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag".split(),
}
_MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre".split(),
    "nl": "januari februari maart april mei juni juli augustus september oktober november december".split(),
}
_DAYS = {
    "fr": "{weekday} {day} {month} {year}",
    "en": "{weekday} {day} {month} {year}",
    "de": "{weekday}, {day}. {month} {year}",
    "es": "{weekday} {day} de {month} de {year}",
    "it": "{weekday} {day} {month} {year}",
    "nl": "{weekday} {day} {month} {year}",
}
_INSTANTS = {
    "fr": "{day} à {time:%-H}\u00a0h\u00a0{time:%M} (heure de Paris)",
    "en": "{day}, {time:%H:%M} (Paris time)",
    "de": "{day}, um {time:%H:%M} Uhr (Pariser Zeit)",
    "es": "{day} {at} {time:%H:%M} (hora de París)",
    "it": "{day} alle ore {time:%H:%M} (ora di Parigi)",
    "nl": "{day} om {time:%H:%M}\u00a0uur (Parijse tijd)",
}
_FIRST = {"fr": "1er", "it": "1º"}

_FRENCH_SPACES = re.compile(r" (?=[;?!»](?!=)|:(?:\s|<|$))|(?<=«) ", re.MULTILINE)
"""The space before ; : ? ! » and after «, in French."""

_LENGTHS = {
    "fr": ((86400, "jour"), (3600, "heure"), (60, "minute"), (1, "seconde")),
    "en": ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")),
}


def render(name: str, language: str, medium: str = "txt", /, **values: Any) -> str:
    """The words of a template in the reader's language if it has them, else in English."""
    chosen, template = _template(name, language, medium)
    return template.render(language=chosen, **values).strip()


def prepare(name: str, language: str, medium: str = "txt", /) -> None:
    """Compile a template, so that the first who reads its words need not wait for that."""
    _template(name, language, medium)


def refusal(template: str, language: str, **fields: Any) -> str:
    """The sentence of a refusal: templates/refused/<template>.<language>.txt."""
    try:
        return render(f"refused/{template}", language, **fields)
    except TemplateNotFound:
        return render("refused/any", language)


@lru_cache(1000)
def in_words(instant: datetime, language: str) -> str:
    """mercredi 28 octobre 2026 à 22 h 10 (heure de Paris); Wednesday 28 October 2026, 22:10 (Paris time)."""
    local = instant.astimezone(PARIS)
    at = "a la" if local.hour == 1 else "a las"
    return _INSTANTS[language].format(day=day_in_words(local.date(), language), time=local, at=at)


@lru_cache(1000)
def day_in_words(day: date, language: str) -> str:
    """mercredi 28 octobre 2026; Wednesday 28 October 2026; Mittwoch, 28. Oktober 2026."""
    number = _FIRST.get(language, "1") if day.day == 1 else str(day.day)
    weekday, month = _WEEKDAYS[language][day.weekday()], _MONTHS[language][day.month - 1]
    return _DAYS[language].format(weekday=weekday, day=number, month=month, year=day.year)


def length_in_words(length: timedelta, language: str) -> str:
    """1 jour 2 heures; 1 day 2 hours: the two greatest units that say something. Seconds alone have a decimal."""
    seconds, parts = length.total_seconds(), []
    if seconds < 60:
        return f"{max(seconds, 0.0):.1f} s".replace(".", "," if language == "fr" else ".")
    left = int(seconds)
    for unit, name in _LENGTHS[language]:
        number, left = divmod(left, unit)
        if number:
            parts.append(f"{number} {name}{'s' if number > 1 else ''}")
    return " ".join(parts[:2])


def slack_instant(instant: datetime) -> Markup:
    """An instant that Slack shows each reader in their own zone; the fallback is absolute."""
    fallback = instant.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M UTC")
    return Markup(f"<!date^{int(instant.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>")  # noqa: S704 - digits only


def escape_slack(text: object) -> str:
    """Escape what Slack reads as markup: & < > and nothing else."""
    if isinstance(text, Markup):
        return str(text)
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@cache
def _template(name: str, language: str, medium: str) -> tuple[str, Template]:
    """A template and the language it is written in. Raises TemplateNotFound where English is missing, too."""
    environment = _environment(medium)
    if language in LANGUAGES + MORE_LANGUAGES:
        try:
            return language, environment.get_template(f"{name}.{language}.{medium}")
        except TemplateNotFound:
            pass
    return "en", environment.get_template(f"{name}.en.{medium}")


class _Loader(PackageLoader):
    """In French no line begins with ; : ? ! or », or ends with «. Slack wraps by rules of its own."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        source, path, is_fresh = super().get_source(environment, template)
        if ".fr." in template and not template.endswith(".slack"):
            source = _FRENCH_SPACES.sub("\u00a0", source)
        return source, path, is_fresh


@cache
def _environment(medium: str) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=_Loader("templates", ""),
        undefined=StrictUndefined,
        autoescape=medium == "html",
        finalize=escape_slack if medium == "slack" else None,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"in_words": in_words, "day_in_words": day_in_words, "slack_instant": slack_instant}
    environment.filters["length_in_words"] = length_in_words
    return environment
