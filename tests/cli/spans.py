"""How the command writes times: a test on a busy machine knows only that something took some time, and not the day."""

SPAN = r"(?:\d+ms|\d+\.\d+s|\d+m \d\ds)"
MOMENT = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC"
"""With its date if that is not today's: half an hour before midnight that is most of what is waited for."""
