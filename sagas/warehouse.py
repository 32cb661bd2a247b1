"""The actions of fulfilment.yaml: picking, packing, handing over. The product "unicorn" is always sold out."""

from __future__ import annotations

from ledger import Answer, write

from saga.sdk import Rejected, StepContext, action

OUT_OF_STOCK = "unicorn"


@action("warehouse.pick")
def pick(order_id: str, product: str, quantity: int, context: StepContext) -> Answer:
    if product == OUT_OF_STOCK:
        raise Rejected("sold_out", f"there is no {product} left")
    return write(context, order_id, f"picked: {product}", shelf=f"shelf of {product}", quantity=quantity)


@action("warehouse.put_back")
def put_back(order_id: str, picked_under: str, context: StepContext) -> None:
    """Undoes `pick`, which it knows by its key; where nothing was picked there is nothing to do."""
    write(context, order_id, "put back", picked_under=picked_under)


@action("warehouse.pack")
def pack(order_id: str, shelf: str, context: StepContext) -> Answer:
    return write(context, order_id, "packed", parcel=f"{order_id} from the {shelf}")


@action("carrier.hand_over")
def hand_over(order_id: str, parcels: list[str], context: StepContext) -> Answer:
    return write(context, order_id, "handed over", parcels=parcels)


@action("notify.sold_out")
def tell_sold_out(order_id: str, context: StepContext) -> Answer:
    return write(context, order_id, "mail: sold out")
