"""What the shell says of a forward and of a task: here, unlike in Slack, with the numbers to telephone."""

from sqlalchemy.orm import Session

from bot.cards import ForwardLine, RequestCard, TaskLine
from bot.shell import shown
from storage import customers
from storage.models import Forward
from storage.shell import say


def tell_decision(card: RequestCard) -> None:
    """Of a held request: why it is, whom it may concern, who has it, and what was asked or proposed."""
    if not card.held:
        return
    say(f"held: {card.hold or 'went to a wrong customer'}; {card.owner or 'nobody'} has taken it")
    for one in card.candidates:
        say(f"  may concern {one.reference} {one.name}: {', '.join(one.evidence) or 'named'}")
    if card.proposal:
        say(f"  {card.proposal.by} proposes {card.proposal.reference} {card.proposal.name}: a second person must agree")
    if card.asked_at:
        say(f"  the person was asked {shown(card.asked_at)}, {'has answered' if card.answered else 'no answer yet'}")


def tell_forward(session: Session, line: ForwardLine) -> None:
    """One line; and, where the customer does not have it, how it is reached."""
    say(f"  {line.customer_reference} {line.customer}: routed {shown(line.routed_at)}, {_state(line)}")
    for reply in line.replies:
        say(f"    replied “{reply.said}” {shown(reply.at)}")
    if line.failed:
        customer = customers.get_customer(session, line.customer_reference)
        numbers = customers.telephones_of(session, customer)
        say(f"    telephone: {', '.join(numbers) or 'none in the directory, see the order'}")


def tell_order(forward: Forward) -> None:
    """Which order it follows, and the address in it, as they were on the day of the forward (agreement clause 4)."""
    say(f"    order {forward.order_reference or '(not recorded)'}, whose address was {forward.address}")


def tell_task(task: TaskLine, case: str) -> None:
    owner = f"taken by {task.owner}" if task.owner else "nobody has taken it"
    due = f", due {shown(task.due_at)}" if task.due_at else ""
    say(f"  to do {case} {task.number}: {task.what}, since {shown(task.opened_at)}{due}, {owner}")


def _state(line: ForwardLine) -> str:
    withheld = f", without its original of {line.withheld_bytes} bytes" if line.withheld_bytes else ""
    if line.misrouted_at and not line.left:
        return f"withdrawn before it was sent, {shown(line.misrouted_at)}"
    if line.misrouted_at:
        return f"WENT THERE BY MISTAKE, noted {shown(line.misrouted_at)} by {line.misrouted_by}"
    if line.failed:
        why = f"came back {shown(line.bounced_at)}" if line.bounced_at else f"refused {shown(line.refused_at)}"
        return f"NOT RECEIVED: {why} {line.bounce_status or ''}".rstrip()
    if line.accepted_at:
        delayed = f", delayed {shown(line.delayed_at)}" if line.delayed_at else ""
        return f"accepted {shown(line.accepted_at)}{delayed}{withheld}"
    if line.reached_at:
        return f"told by {line.means} {shown(line.reached_at)}, the letter itself is still to be handed over"
    again = f"sent again {shown(line.sent_again_at)}, " if line.sent_again_at else ""
    return f"{again}not accepted yet{withheld}"
