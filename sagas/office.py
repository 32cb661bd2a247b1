"""The actions of approval.yaml and renewal.yaml: budgets, and subscriptions that are renewed.

The subscriptions of a day are three, s-1 to s-3. On a day that ends in "declined", the card of s-2 declines.
"""

from __future__ import annotations

from ledger import Answer, take_back, write

from saga.sdk import Rejected, StepContext, action


@action("budget.hold")
def hold(request_id: str, amount: float, context: StepContext) -> Answer:
    return write(context, request_id, "budget held", amount=amount)


@action("budget.free")
def free(request_id: str, context: StepContext) -> None:
    write(context, request_id, "budget freed")


@action("budget.spend")
def spend(request_id: str, context: StepContext) -> Answer:
    return write(context, request_id, "budget spent")


@action("mail.ask_decision")
def ask_decision(request_id: str, to: str, number: int, context: StepContext) -> Answer:
    return write(context, request_id, f"mail: please decide, {number}", to=to)


@action("subscriptions.due")
def due(day: str) -> Answer:
    """Only asks, and leaves nothing to undo."""
    price = {"s-1": 5, "s-2": 500 if day.endswith("declined") else 5, "s-3": 8}
    return {"subscriptions": [{"id": name, "price": price[name]} for name in price]}


@action("subscriptions.charge")
def charge(subscription: str, price: float, context: StepContext) -> Answer:
    if price > 100:
        raise Rejected("card_declined", f"{price} is more than the card gives")
    return write(context, subscription, "charged", price=price)


@action("subscriptions.refund")
def refund(charged_under: str, context: StepContext) -> None:
    take_back(context, charged_under, "refunded", charged_under=charged_under)


@action("subscriptions.extend")
def extend(subscription: str, context: StepContext) -> Answer:
    return write(context, subscription, "extended")


@action("subscriptions.shorten")
def shorten(subscription: str, context: StepContext) -> None:
    write(context, subscription, "shortened")


@action("subscriptions.suspend")
def suspend(subscription: str, context: StepContext) -> Answer:
    return write(context, subscription, "suspended")


@action("subscriptions.resume")
def resume(subscription: str, context: StepContext) -> None:
    write(context, subscription, "resumed")
