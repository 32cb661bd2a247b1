"""What the tests of rehearsals stand on: a small saga, and a test of it written as text."""

from __future__ import annotations

from saga.interpreter.rehearsal.answers import Reality
from saga.interpreter.rehearsal.playing import Cast, Played, play_case
from saga.interpreter.rehearsal.reporting import result_of
from saga.schema.loader import load
from saga.schema.testfile.meaning import check_meaning
from saga.schema.testfile.reading import ReadTest, read

SHOP = """\
saga: v1
name: shop
version: 1
id: ${{ input.key }}
input: {key: {type: string, default: k}}
defaults: {attempt_timeout: 10s, retry: {attempts: 3, first_delay: 1s, jitter: none}}
signals:
  paid: {payload: {amount: {type: integer}}}
steps:
  reserve:
    call: stock.reserve
    with: [input.key]
    compensate: {call: stock.release, with: {key: "${{ steps.reserve.key }}"}}
    status: reserved
  payment:
    wait: {signal: paid, timeout: 30m}
    on_timeout: {fail: not_paid}
  pack:
    call: stock.pack
    with: {amount: "${{ steps.payment.output.amount }}"}
    compensate:
      steps:
        unpack: {call: stock.unpack}
        tell: {call: mail.tell}
    status: packed
  ship:
    call: parcels.ship
    compensate: impossible
    pivot: true
  mail:
    call: mail.send
    optional: true
output: {key: "${{ input.key }}", status: "${{ outcome }}"}
"""
CAST = Cast(load(SHOP, "shop.yaml"), {}, Reality())
PAID = "at: {5m: {signal: paid, with: {amount: 3}}}"


def reading(cases: str, saga: str = SHOP) -> ReadTest:
    """A test file with these cases, which must have no problems."""
    text = f"test: v1\ncases:\n{cases}"
    test, problems = read(text, "shop.test.yaml")
    assert problems == ()
    assert test is not None
    assert check_meaning(test.file, load(saga, "shop.yaml"), {}) == []
    return test


def playing(case: str, saga: str = SHOP) -> Played:
    """One case, given as the inside of its map on one line."""
    test = reading(f"  one: {{{case}}}\n", saga)
    return play_case(test.file, "one", Cast(load(saga, "shop.yaml"), {}, Reality()))


def misses(case: str, saga: str = SHOP) -> list[str]:
    """What is said of a case that does not go as it says, with the column of each place."""
    test = reading(f"  one: {{{case}}}\n", saga)
    played = play_case(test.file, "one", Cast(load(saga, "shop.yaml"), {}, Reality()))
    return [failed.problem.message for failed in result_of(test, played, "", 0).failed]


def lines(played: Played) -> list[str]:
    """The story in short: time, subject, word."""
    assert played.rehearsed.main is not None
    return [f"{played.rehearsed.since(at)} {who} {word}" for at, who, word, _ in played.rehearsed.main.lines]
