"""What a person sees on a terminal: the live tree, the prompts, Ctrl-C."""

import re

from spans import MOMENT, SPAN


def screen(text: str) -> str:
    return re.sub(r"[ \t]+\n", "\n", text)


def test_the_live_view_shows_the_steps_and_ends_with_the_output(saga, terminal):
    shown = terminal("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    seen = shown.until("saga signal shop/o-1 paid -p amount=12.5 -p method=card")
    assert "◷ shop/o-1  waiting · reserved" in seen
    assert re.search(rf"✓ reserve +ok +{SPAN}", seen)
    assert re.search(rf"◷ await_payment +waiting +for paid · until {MOMENT}, (30|29)m left", seen)
    assert re.search(r"◦ charge +pivot", seen)
    assert "\x1b[" in shown.raw
    assert saga("signal", "o-1", "paid", "-p", "amount=1", "-p", "method=card").out == "accepted\n"
    shown.until("saga signal shop/o-1 delivered -p tracking=tracking-1")
    saga("signal", "o-1", "delivered", "-p", "tracking=t-1")
    seen = shown.until('"status": "delivered"')
    assert "✓ shop/o-1  completed · delivered" in seen
    assert re.search(r"✓ finish +ok +ends as delivered", seen)
    assert shown.end() == 0


def test_a_step_that_runs_is_seen_running_and_an_undo_under_its_step(saga, terminal):
    saga.hold("second")
    shown = terminal("run", "steps.yaml", "-i", "id=r-1", "-i", "fails=third")
    shown.until("▸ second  running")
    saga.let_go("second")
    seen = shown.until("compensated · failed")
    seen += shown.until("}")
    last = screen(seen[seen.rindex("↩ steps/r-1") :])
    assert re.search(
        rf"✓ first +ok +{SPAN}\n +↩ undone +{SPAN}\n +✓ second +ok +{SPAN}\n +↩ undone +{SPAN}\n"
        r" +✗ third +failed +refused: third was told to refuse\n",
        last,
    )
    assert shown.end() == 1


def test_ctrl_c_leaves_the_run_and_says_how_to_go_on(saga, terminal):
    shown = terminal("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=5")
    shown.until("saga signal")
    shown.type("\x03")
    shown.until("shop/o-1 keeps its place; to go on:  saga worker\n")
    assert shown.end() == 130
    assert saga("show", "o-1", "--json").json["status"] == "waiting"


def test_a_stuck_run_stays_in_view_until_somebody_helps(saga, terminal):
    shown = terminal("run", "steps.yaml", "-i", "id=r-1", "-i", "fails=third", "-i", "undo_fails=first")
    shown.until('saga resolve steps/r-1 first --undone --reason "…"')
    saga("resolve", "r-1", "first", "--undone", "--reason", "ticket 7")
    seen = shown.until("the rollback is incomplete")
    assert "– settled by hand" in seen
    assert "ticket 7" in seen
    assert shown.end() == 3


def test_many_steps_are_folded_around_the_one_at_work(saga, terminal):
    steps = "".join(
        f"  step_{number:02}:\n    call: work.do\n    with: {{name: step_{number:02}}}\n    compensate: none\n"
        for number in range(40)
    )
    saga.write("long.yaml", f"saga: v1\nname: long\nversion: 1\nid: fixed\nsteps:\n{steps}")
    saga.hold("step_20")
    shown = terminal("run", "long.yaml", rows=20)
    seen = shown.until("▸ step_20")
    saga.let_go("step_20")
    frame = seen[seen.rindex("▸ long/fixed") :]
    assert re.search(r"… \d+ lines above", frame)
    assert len(frame.splitlines()) < 20
    assert shown.until("completed")
    assert shown.end() == 0
    assert "step_39" in shown.seen


def test_signal_asks_for_what_is_missing_and_asks_again_for_what_is_wrong(saga, terminal):
    saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=5", "--detach")
    asked = terminal("signal", "o-1", "paid")
    assert "paid needs amount, method; Ctrl-C sends nothing" in asked.until("amount (number): ")
    asked.type("abc\n")
    assert "amount is a number, not 'abc'" in asked.until("amount (number): ")
    asked.type("12.5\n")
    asked.until("method (card | cash): ")
    asked.type("shells\n")
    assert 'method must be one of card, cash, not the text "shells"' in asked.until("method (card | cash): ")
    asked.type("card\n")
    asked.until("accepted")
    assert asked.end() == 0
    signals = saga("show", "o-1", "--json").json["signals"]
    assert [each["payload"] for each in signals] == [{"amount": 12.5, "method": "card", "note": ""}]


def test_ctrl_c_at_a_question_sends_nothing(saga, terminal):
    saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=5", "--detach")
    asked = terminal("signal", "o-1", "paid", "-p", "amount=5")
    asked.until("method (card | cash): ")
    asked.type("\x03")
    assert asked.end(pressing="\x03") == 130
    assert saga("show", "o-1", "--json").json["signals"] == []


def test_no_color_keeps_glyphs_and_words(saga, terminal):
    saga("run", "steps.yaml", "-i", "id=r-1")
    saga.environment["NO_COLOR"] = "1"
    shown = terminal("show", "r-1")
    assert shown.end() == 0
    assert "✓ steps/r-1  completed" in shown.seen
    assert not re.search(r"\x1b\[(3[0-7]|9[0-7])m", shown.raw)
    coloured = terminal("list")
    assert coloured.end() == 0


def test_a_narrow_terminal_cuts_lists_but_not_their_columns(saga, terminal):
    saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=5", "--detach")
    listed = terminal("list", columns=40)
    assert listed.end() == 0
    assert max(map(len, listed.seen.splitlines())) <= 40
