"""``saga signal``: what is refused before anything is stored, and what each answer looks like."""

import pytest


@pytest.fixture
def waiting(saga):
    """A run that waits for `paid`, left by its command."""
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    saga.until(running, "saga signal")
    running.terminate()
    assert saga.finish(running).code == 130
    return saga


def test_accepted_and_who_would_work_on_it(waiting):
    done = waiting("signal", "o-1", "paid", "-p", "amount=12.5", "-p", "method=card")
    assert (done.code, done.out) == (0, "accepted\n")
    assert done.err == "nobody is working on this run; to work on it:  saga worker\n"
    waiting.work()
    shown = waiting("show", "o-1", "--json").json
    assert shown["signals"][0]["fate"] == "taken by await_payment"
    assert shown["waiting_for"] == ["delivered"]


def test_a_key_counts_once(waiting):
    command = ("signal", "o-1", "paid", "-p", "amount=1", "-p", "method=card", "--key", "k-1")
    assert waiting(*command).out == "accepted\n"
    again = waiting(*command, "--json")
    assert again.code == 0
    assert again.json == {"run": "shop/o-1", "signal": "paid", "answer": "duplicate", "worked_on": False}


def test_too_late_says_who_takes_care_of_it_and_it_is_done(waiting):
    waiting("signal", "o-1", "paid", "-p", "amount=12.5", "-p", "method=card")
    waiting.work()
    done = waiting("signal", "o-1", "paid", "-p", "amount=3", "-p", "method=cash")
    assert (done.code, done.out) == (0, "too late: no step can take it any more; saga refund takes care of it\n")
    waiting.work()
    assert waiting("show", "refund/o-1", "--json").json["input"] == {"amount": 3}
    assert '  signal  paid {"note": "", "amount": 3, "method": "cash"}, too late\n' in waiting("show", "shop/o-1").out


def test_a_signal_to_an_ended_run(waiting):
    waiting("cancel", "o-1")
    waiting.work()
    done = waiting("signal", "o-1", "delivered", "-p", "tracking=t-1")
    assert done.code == 7
    assert done.err == "error: shop/o-1 has ended, and nothing takes care of a late delivered\n"
    late = waiting("signal", "o-1", "paid", "-p", "amount=3", "-p", "method=cash")
    assert late.out == "too late: no step can take it any more; saga refund takes care of it\n"
    waiting.work()
    assert waiting("show", "refund/o-1", "--json").json["status"] == "completed"


def test_a_wrong_name(waiting):
    done = waiting("signal", "o-1", "payd")
    assert done.code == 2
    assert done.err == 'error: saga "shop" declares no signal "payd"\nhint: did you mean "paid"?\n'
    assert waiting("signal", "o-1", "xyz").err.endswith("hint: it declares: paid, delivered\n")


REFUSED = [
    (["-p", "amount=abc"], "amount is a number, not 'abc'", "write such as -p amount=12.5"),
    (["-p", "amout=1"], '-p amout=1: there is no field "amout"', 'did you mean "amount"?'),
    (["-p", "amount"], "-p 'amount' is neither key=value nor key:=json", "write such as -p amount=value"),
    (["-p", "amount:={"], "-p amount is not JSON (line 1, column 2): ", "the text after := is JSON"),
    (["-p", "amount=1", "-p", "amount=2"], "-p gives amount twice", "keep one"),
    (
        ["-p", "amount=1"],
        'payload lacks "method"',
        "such as: saga signal shop/o-1 paid -p amount=1 -p method=card",
    ),
    (
        ["-p", "amount=1", "-p", "method=shells"],
        'payload.method must be one of card, cash, not the text "shells"',
        "such as: saga signal shop/o-1 paid -p amount=1 -p method=card",
    ),
    (["--payload", "[1]"], "payload must be a map of fields, not a list", "such as: saga signal shop/o-1 paid -p"),
    (["--payload", "[1]", "-p", "amount=1"], "--payload gives no map, so -p has nothing to add to", ""),
    (["--payload", "{"], "--payload is not JSON (line 1, column 2): ", ""),
    (["--payload", "steps.yaml"], "--payload is not JSON (line 1, column 1): ", "write a file as @path"),
    (["--payload", "@nowhere.json"], "--payload @nowhere.json: No such file or directory", "name a file"),
    (["--payload", '{"amount": 1, "amount": 2}'], 'the key "amount" stands twice; keep one', ""),
]


def test_a_wrong_payload_is_refused_before_anything_is_stored(waiting):
    for arguments, message, hint in REFUSED:
        done = waiting("signal", "o-1", "paid", *arguments)
        assert (done.code, done.out) == (2, ""), arguments
        said, _, hinted = done.err.rstrip("\n").partition("\nhint: ")
        assert said.startswith("error: ")
        assert message in said
        assert hinted.startswith(hint), arguments
        assert bool(hinted) is bool(hint), arguments
    assert waiting("show", "o-1", "--json").json["signals"] == []


def test_an_oversized_payload_is_refused(waiting):
    waiting.write("big.json", '{"amount": 1, "method": "card", "note": "' + "x" * 300_000 + '"}')
    done = waiting("signal", "o-1", "paid", "--payload", "@big.json")
    assert done.code == 2
    assert "big.json is larger than 256 KiB of JSON; " in done.err
    assert "keep it elsewhere and pass its address or id" in done.err
