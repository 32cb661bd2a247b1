"""What the steps of order.yaml do. Each function may be called again with the same key: make it safe to repeat."""

from saga.sdk import Rejected, StepContext, action


@action("stock.reserve")
def reserve(order_id: str) -> dict[str, str]:
    """Takes the goods off the shelf, or says that there are none."""
    if order_id.startswith("nothing"):
        raise Rejected("out_of_stock", "nothing left on the shelf")
    return {"shelf": "A-7"}


@action("stock.release")
def release(order_id: str) -> None:
    """Undoes `reserve`. It does nothing, successfully, when there is nothing to undo."""


@action("parcels.ship")
async def ship(order_id: str, context: StepContext) -> dict[str, str]:
    """Hands the parcel over. ``context.key`` is the same for every attempt: services use it to do things once."""
    return {"parcel": f"P-{order_id}"}
