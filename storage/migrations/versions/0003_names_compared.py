"""Names as they are compared: without accents and punctuation."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from storage.naming import normal_name

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_KEY = sa.table("customer_key", sa.column("id", sa.Integer), sa.column("kind", sa.Text), sa.column("value", sa.Text))


def upgrade() -> None:
    connection = op.get_bind()
    names = connection.execute(sa.select(_KEY.c.id, _KEY.c.value).where(_KEY.c.kind == "name")).all()
    changed = [{"id_": row.id, "name": normal_name(row.value)} for row in names if normal_name(row.value) != row.value]
    if changed:
        by_id = sa.update(_KEY).where(_KEY.c.id == sa.bindparam("id_")).values(value=sa.bindparam("name"))
        connection.execute(by_id, changed)
