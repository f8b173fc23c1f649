"""All words for people, in French and English: templates/<name>.<language>.<medium>.

The medium decides what is escaped: .html for HTML, .slack for Slack's mrkdwn, .txt for nothing. An undefined name is an
error, and a template can reach nothing but what it is given.
"""

from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import PackageLoader, StrictUndefined, Template, TemplateNotFound
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

LANGUAGES = ("fr", "en")
PARIS = ZoneInfo("Europe/Paris")
_WEEKDAYS = {
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
}
_MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "en": "January February March April May June July August September October November December".split(),
}


def render(name: str, language: str, medium: str = "txt", /, **values: Any) -> str:
    """The words of a template; French for French readers, English for all others."""
    chosen = language if language in LANGUAGES else "en"
    return _template(name, chosen, medium).render(language=chosen, **values).strip()


def refusal(template: str, language: str, **fields: Any) -> str:
    """The sentence of a refusal: templates/refused/<template>.<language>.txt."""
    try:
        return render(f"refused/{template}", language, **fields)
    except TemplateNotFound:
        return render("refused/any", language)


def in_words(instant: datetime, language: str) -> str:
    """mercredi 28 octobre 2026 à 22 h 10 (heure de Paris); Wednesday 28 October 2026, 22:10 (Paris time)."""
    local = instant.astimezone(PARIS)
    if language == "fr":
        return f"{day_in_words(local.date(), language)} à {local.hour} h {local.minute:02} (heure de Paris)"
    return f"{day_in_words(local.date(), language)}, {local:%H:%M} (Paris time)"


def day_in_words(day: date, language: str) -> str:
    """mercredi 28 octobre 2026; Wednesday 28 October 2026."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{_WEEKDAYS[language][day.weekday()]} {number} {_MONTHS[language][day.month - 1]} {day.year}"


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
def _template(name: str, language: str, medium: str) -> Template:
    return _environment(medium).get_template(f"{name}.{language}.{medium}")


@cache
def _environment(medium: str) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=PackageLoader("templates", ""),
        undefined=StrictUndefined,
        autoescape=medium == "html",
        finalize=escape_slack if medium == "slack" else None,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"in_words": in_words, "day_in_words": day_in_words, "slack_instant": slack_instant}
    return environment
