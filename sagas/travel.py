"""The actions of trip.yaml and ticketing.yaml: an airline, hotels, cars, an agency, tickets.

They write into the same ledger as the shop's (see ledger.py). What you can make happen:

    a trip called "full-…"        finds no room: hotel.book is rejected (sold_out), and the agency's package is booked
    a driver called "learner"     gets no car: cars.book is rejected (no_licence)
"""

from __future__ import annotations

from ledger import Answer, take_back, write

from saga.sdk import Rejected, StepContext, action


@action("airline.book")
def book_flight(trip_id: str, context: StepContext) -> Answer:
    return write(context, trip_id, "flight booked")


@action("airline.cancel")
def cancel_flight(trip_id: str, context: StepContext) -> None:
    write(context, trip_id, "flight cancelled")


@action("hotel.book")
def book_hotel(trip_id: str, context: StepContext) -> Answer:
    if trip_id.startswith("full-"):
        raise Rejected("sold_out", "there is no room left")
    return write(context, trip_id, "hotel booked")


@action("hotel.cancel")
def cancel_hotel(trip_id: str, context: StepContext) -> None:
    write(context, trip_id, "hotel cancelled")


@action("cars.book")
def book_car(trip: str, driver: str, context: StepContext) -> Answer:
    if driver == "learner":
        raise Rejected("no_licence", f"{driver} may not drive")
    return write(context, trip, f"car booked for {driver}")


@action("cars.cancel")
def cancel_car(key: str, context: StepContext) -> None:
    """Known by the key it was booked under: there may be no answer to name it by."""
    take_back(context, key, "car cancelled", booked_under=key)


@action("agency.book_package")
def book_package(trip_id: str, travellers: list[str], context: StepContext) -> Answer:
    return write(context, trip_id, "package booked", travellers=travellers)


@action("agency.cancel")
def cancel_package(trip_id: str, context: StepContext) -> None:
    write(context, trip_id, "package cancelled")


@action("mail.ask_approval")
def ask_approval(trip_id: str, context: StepContext) -> Answer:
    return write(context, trip_id, "mail: please approve")


@action("tickets.issue")
def issue(trip_id: str, context: StepContext) -> Answer:
    return write(context, trip_id, "tickets issued", number=f"t-{trip_id}")


@action("mail.send_tickets")
def send_tickets(trip_id: str, number: str, context: StepContext) -> Answer:
    return write(context, trip_id, "mail: your tickets", number=number)
