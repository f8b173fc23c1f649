"""Deciding together: candidates, who has taken what, dates due, misrouted forwards, how well an address is."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

INSTANT = sa.DateTime(timezone=True)
ADDED: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
    "customer": dict.fromkeys(("address_bounced_at", "address_asked_at", "address_confirmed_at"), INSTANT),
    "forward": {"misrouted_at": INSTANT, "misrouted_by": sa.Text()},
    "task": {"due_at": INSTANT},
    "breach": {"about": sa.Text(), "no_breach_reason": sa.Text()},
    "delivery": {"customer_id": sa.Integer()},
    "request": {
        "owner": sa.Text(),
        "taken_at": INSTANT,
        "referred_at": INSTANT,
        "proposed_id": sa.Integer(),
        "proposed_by": sa.Text(),
        "proposed_at": INSTANT,
    },
}
CUSTOMERS = {"delivery": "customer_id", "request": "proposed_id"}


def upgrade() -> None:
    op.create_table(
        "candidate",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["request.id"], name=op.f("fk_candidate_request_id_request"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_candidate_customer_id_customer"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("request_id", "rank", name=op.f("pk_candidate")),
    )
    op.create_index(op.f("ix_candidate_customer_id"), "candidate", ["customer_id"])
    for table, columns in ADDED.items():
        _add(table, columns)
    op.create_index(op.f("ix_breach_about"), "breach", ["about"])


def _add(table: str, columns: dict[str, sa.types.TypeEngine[Any]]) -> None:
    """Columns in place, which costs nothing; only one that points somewhere makes SQLite build its table anew."""
    pointing = CUSTOMERS.get(table)
    for name, kind in columns.items():
        if name != pointing:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    if pointing:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column(pointing, columns[pointing], nullable=True))
            batch.create_foreign_key(
                op.f(f"fk_{table}_{pointing}_customer"), "customer", [pointing], ["id"], ondelete="RESTRICT"
            )
