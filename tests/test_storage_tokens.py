"""Signed addresses: ours are read, whatever a server did to their case; all others are not."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage import tokens
from storage.database import Database
from storage.models import Secret
from tests.storage_support import NOW


def sign(session: Session, tag: str = "c", number: int = 42) -> str:
    tokens.ensure_secret(session, now=NOW)
    return tokens.sign(session, tag, number)


def test_a_signed_tag_is_read_back(database: Database) -> None:
    with database.begin() as session:
        signed = sign(session)

        assert signed.startswith("c.42.")
        assert tokens.read(session, signed) == ("c", 42)
        assert tokens.read(session, signed.upper()) == ("c", 42)


def test_a_signed_address_is_a_plus_address_that_fits_a_local_part(database: Database) -> None:
    with database.begin() as session:
        address = tokens.plus_address("privacy@kavkom.example", sign(session, number=10**9))

    assert address.startswith("privacy+c.1000000000.")
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "c",
        "c.42",
        "c.42.",
        "c.42.aaaaaaaaaaaaaaaaaaaa",
        "c.-1.aaaaaaaaaaaaaaaaaaaa",
        "c.4²2.aaaaaaaaaaaaaaaaaaaa",
        "c.99999999999999999999.aaaaaaaaaaaaaaaaaaaa",
        "c.42.\udce9",
        "..",
    ],
)
def test_a_forged_tag_is_not_ours(database: Database, forged: str) -> None:
    with database.begin() as session:
        tokens.ensure_secret(session, now=NOW)

        assert tokens.read(session, forged) is None


def test_an_altered_tag_is_not_ours(database: Database) -> None:
    with database.begin() as session:
        tag, number, signature = sign(session).split(".")
        altered = (
            f"b.{number}.{signature}",
            f"{tag}.43.{signature}",
            f"{tag}.{number}.{signature[:-1]}",
            f"{tag}.{number}.{signature}a",
            f"{tag}.{number}.{signature[1:]}{signature[0]}x",
        )

        assert [tokens.read(session, one) for one in altered] == [None] * 5


def test_what_another_desk_signed_is_not_ours(database: Database) -> None:
    with database.begin() as session:
        signed = sign(session)
        session.execute(update(Secret).values(key=b"another desk's key, 32 bytes long"))

        assert tokens.read(session, signed) is None


def test_old_secrets_still_read_and_the_newest_signs(database: Database) -> None:
    with database.begin() as session:
        old = sign(session)
        session.scalars(select(Secret)).one().retired_at = NOW
        session.flush()
        session.add(Secret(key=b"a new key" * 4, made_at=NOW))

    with database.begin() as session:
        new = tokens.sign(session, "c", 42)

        assert old != new
        assert tokens.read(session, old) == tokens.read(session, new) == ("c", 42)


def test_the_key_is_made_once(database: Database) -> None:
    with database.begin() as session:
        for _ in range(3):
            tokens.ensure_secret(session, now=NOW)

        assert len(session.scalars(select(Secret.key)).one()) == 32


@pytest.mark.parametrize("number", ["٤٢", "9" * 5000, "-1", "", "42.é\ud800"])
def test_a_tag_of_odd_characters_is_only_not_ours(database: Database, number: str) -> None:
    with database.begin() as session:
        tokens.ensure_secret(session, now=NOW)
        signature = tokens.sign(session, "c", 42).rpartition(".")[2]

        assert tokens.read(session, f"c.{number}.{signature}") is None
