"""How the command writes how long something took: a test on a busy machine knows only that it took some time."""

SPAN = r"(?:\d+ms|\d+\.\d+s|\d+m \d\ds)"
