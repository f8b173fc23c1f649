"""The invented team: who is there, where they live, and what they may be."""

import csv
import io
from dataclasses import dataclass

from .refusals import Json

TEAM = "T01KAVKOM"
STRANGE_TEAM = "T07ELSEWHERE"
DOMAIN = "kavkom-playground"
APP = "A01DESK"
BOT_USER = "U00DESK"
BOT = "B01DESK"
PRIVACY_DESK = "C01PRIVACY"
GENERAL = "C02GENERAL"
DPO, DIRECTION, DRILL = "dpo@kavkom.example", "direction@kavkom.example", "exercice@kavkom.example"
"""Mailboxes of the company: its dpo's, where it escalates to, where the e-mails of drills go."""


@dataclass(frozen=True)
class Person:
    """A user of the workspace; `role` is empty for whoever is not staff of the desk."""

    id: str
    name: str
    email: str
    role: str = ""
    language: str = "en"
    timezone: str = "Europe/Paris"
    team: str = TEAM
    restricted: bool = False
    stranger: bool = False
    deleted: bool = False
    bot: bool = False

    @property
    def handle(self) -> str:
        return self.email.partition("@")[0]

    @property
    def direct_channel(self) -> str:
        return "D" + self.id[1:]


ANNE = Person("U01ANNE", "Anne Moreau", "anne.moreau@kavkom.example", "dpo", "fr")
BORIS = Person("U02BORIS", "Boris Petit", "boris.petit@kavkom.example", "handler", "fr")
CARLA = Person("U03CARLA", "Carla Levi", "carla.levi@kavkom.example", "handler", "en", "Asia/Jerusalem")
GUEST = Person("U09GUEST", "Gus Guest", "gus@visitor.example", restricted=True)
MEMBER = Person("U08MEMBER", "Mina Member", "mina.member@kavkom.example")
STRANGER = Person("U07STRANGER", "Stan Stranger", "stan@elsewhere.example", team=STRANGE_TEAM, stranger=True)
DELETED = Person("U06DELETED", "Dora Departed", "dora.departed@kavkom.example", deleted=True)
DESK = Person(BOT_USER, "Privacy Desk", "desk@bots.example", bot=True)

STAFF = (ANNE, BORIS, CARLA)
PERSONAS = (*STAFF, GUEST)
EVERYBODY = {person.id: person for person in (*PERSONAS, MEMBER, STRANGER, DELETED, DESK)}
BY_DIRECT_CHANNEL = {person.direct_channel: person for person in EVERYBODY.values()}


def staff_csv() -> str:
    """The desk's staff table, ready for `python -m storage staff import`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["slack_user", "name", "email", "role", "language", "active_from", "active_until"])
    for person in STAFF:
        writer.writerow([person.id, person.name, person.email, person.role, person.language, "2025-01-01", ""])
    return out.getvalue()


def describe_user(person: Person, *, with_email: bool) -> Json:
    """A user object as users.info gives it."""
    profile = {"real_name": person.name, "display_name": person.handle, "team": person.team}
    if with_email and not person.bot:
        profile["email"] = person.email
    return {
        "id": person.id,
        "team_id": person.team,
        "name": person.handle,
        "deleted": person.deleted,
        "real_name": person.name,
        "tz": person.timezone,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_bot": person.bot,
        "is_app_user": False,
        "is_restricted": person.restricted,
        "is_ultra_restricted": False,
        "is_stranger": person.stranger,
        "updated": 1735686000,
    }
