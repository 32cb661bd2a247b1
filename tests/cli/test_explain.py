"""`saga explain`: what a code means."""

from __future__ import annotations

from typing import Any

import pytest

from saga.schema.codes import CODES


def test_a_page(offline: Any) -> None:
    done = offline("explain", "SAGA203", COLUMNS="70")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "SAGA203: an outcome of the engine\n"
        "\n"
        "failed, cancelled, deadline and terminated are set by the engine only;\n"
        "end and fail use words of your own.\n"
        "\n"
        "Wrong:\n"
        "\n"
        "    end: failed\n"
        "\n"
        "Right:\n"
        "\n"
        "    fail: payment_failed\n"
    )


@pytest.mark.parametrize("typed", ["saga203", "203", " SAGA203 "])
def test_a_code_as_people_type_it(offline: Any, typed: str) -> None:
    assert offline("explain", typed).out.startswith("SAGA203: ")


def test_all_codes_are_listed(offline: Any) -> None:
    lines = offline("explain").out.splitlines()
    assert lines == [f"{code}  {page.title}" for code, page in CODES.items()]


def test_as_json(offline: Any) -> None:
    page = CODES["SAGA203"]
    assert offline("explain", "SAGA203", "--json").json == {"code": page.code, "title": page.title, "text": page.text}
    listed = offline("explain", "--json").json["codes"]
    assert listed[0] == {"code": "SAGA001", "title": CODES["SAGA001"].title}
    assert len(listed) == len(CODES)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("SAGA205", "did you mean SAGA204, an error that cannot be caught?"),
        ("SAGA", "`saga explain` lists them all"),
        ("card_declined", "`saga explain` lists them all"),
    ],
)
def test_a_code_that_there_is_not(offline: Any, typed: str, hint: str) -> None:
    done = offline("explain", typed)
    assert (done.code, done.out) == (2, "")
    assert done.err == f'error: there is no code "{typed}"\nhint: {hint}\n'
    assert offline("explain", typed, "--json").json["error"]["hint"] == hint
