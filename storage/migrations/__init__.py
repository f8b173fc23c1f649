"""Alembic's migrations, packaged with the program."""
