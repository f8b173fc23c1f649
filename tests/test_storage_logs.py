"""What a log says of a fault: its type and the database's own code, never its message."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from storage.database import Database
from storage.logs import name_of


def test_a_fault_of_the_database_is_named_with_its_code_and_without_its_words(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as told, database.reading() as session:
        session.execute(text("SELECT 'anne@letter.example' FROM nowhere"))

    postgresql = database.engine.dialect.name == "postgresql"
    assert name_of(told.value) == ("ProgrammingError 42P01" if postgresql else "OperationalError SQLITE_ERROR")


def test_a_fault_without_a_code_is_named_by_its_type() -> None:
    assert name_of(ConnectionResetError("anne@letter.example")) == "ConnectionResetError"
