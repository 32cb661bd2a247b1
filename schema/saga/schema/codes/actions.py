"""Pages of `saga explain`: a saga and the Python functions it calls (SAGA510 to SAGA512).

It must not know how problems are found.
"""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA510",
        "an action that nobody has registered",
        """A warning: call names a function, and no file of actions of this project registers one of that name. The
        files are those in actions of saga.toml, else each actions.py beside a saga. A run that comes to the step is
        held, and goes on once a worker has the function.""",
        wrong="reserve:\n  call: inventory.resreve",
        right='reserve:\n  call: inventory.reserve\n\n@action("inventory.reserve")\ndef reserve(order_id): ...',
    ),
    explanation(
        "SAGA511",
        "arguments that the action does not take",
        """A warning: with passes its values by name, and the function lacks one of them or has no parameter for one.
        A run that comes to the step is held, as for a function that is not there.""",
        wrong="call: inventory.reserve\nwith: [input.order]",
        right="call: inventory.reserve\nwith: [input.order_id]",
    ),
    explanation(
        "SAGA512",
        "actions that cannot be loaded",
        """A warning: importing the project's file of actions failed at this place, so nothing can be said about the
        functions that its sagas call. No run and no worker can use it either.""",
    ),
)
