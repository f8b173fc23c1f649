"""`python -m bot evidence`: the proof, as a file, that a breach was told, or a request received and sent on."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.shell import at_the_desk
from storage.shell import say, shell_actor

if TYPE_CHECKING:
    from bot.evidence import Made

EX_DATAERR = 65
TROUBLES = {
    "differs": "THIS IS NOT WHAT WAS RECORDED: its SHA-256 differs. The record was changed; do not rely on this file.",
    "erased": "its text was erased, so it is not in the pack; its SHA-256 is.",
    "in-part": "the letter inside it was erased; our own words and the SHA-256 of the whole remain.",
}


class Language(StrEnum):
    """What a pack can be written in."""

    FR = "fr"
    EN = "en"


def evidence(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The breach or request, such as BR-2026-0007.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.zip", help="The file to make.")],
    customer: Annotated[str | None, typer.Option(help="Only what is for this customer, such as C0001.")] = None,
    language: Annotated[Language | None, typer.Option(help="Of its page; by default STAFF_LANGUAGE.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")] = False,
) -> None:
    """Prove that a breach was told, or a request sent on: a file that is understood years from now. It is on record."""
    from bot.evidence import make_pack  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        chosen = language.value if language else desk.settings.staff_language
        made = make_pack(
            desk, reference, output, customer=customer, language=chosen, force=force, by=shell_actor(), now=now()
        )
    say(f"{made.reference}: {made.count} files, {_size(made.size)}, in {output.name}.")
    say(f"That it was made is on record; its SHA-256 is {made.sha256}.")
    _tell_troubles(made)


def _tell_troubles(made: "Made") -> None:
    """What is not as it was, loudly; exit 65 where the record was changed."""
    for file in made.troubles:
        say(f"{file.name}: {TROUBLES[str(file.verdict)]}", err=True)
    for number in made.changed_lines:
        say(f"LINE {number} OF THE JOURNAL WAS CHANGED after it was written.", err=True)
    if made.changed_lines or any(file.verdict == "differs" for file in made.troubles):
        raise SystemExit(EX_DATAERR)


def _size(octets: int) -> str:
    return f"{octets / 1_000_000:.1f} MB" if octets >= 1_000_000 else f"{max(octets // 1000, 1)} KB"
