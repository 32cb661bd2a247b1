"""What actions raise: validated where it is raised."""

import pytest

from saga.interpreter.actions.answers import LONGEST_DELAY, Later, Rejected, is_code


def test_a_rejection_has_a_code_and_a_message():
    rejected = Rejected("card_declined", "the bank said no")
    assert (rejected.code, rejected.message, str(rejected)) == ("card_declined", "the bank said no", "the bank said no")
    assert str(Rejected("card_declined")) == "card_declined"


@pytest.mark.parametrize("code", ["", "Card", "card-declined", "card declined", "1st", "_x", "http_409\n", 7, None])
def test_a_code_is_a_short_word(code):
    with pytest.raises(ValueError, match="a code is a word of a-z, 0-9 and _, such as card_declined"):
        Rejected(code)
    assert not is_code(code)


@pytest.mark.parametrize(("seconds", "delay"), [(0, 0), (1, 1_000_000), (0.25, 250_000), (31_622_400, LONGEST_DELAY)])
def test_later_is_kept_in_microseconds(seconds, delay):
    assert Later(seconds).delay_us == delay


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 31_622_401, 1e300])
def test_later_has_bounds(seconds):
    with pytest.raises(ValueError, match="from 0 to 31622400"):
        Later(seconds)


@pytest.mark.parametrize("seconds", [True, "5", None])
def test_later_is_a_number(seconds):
    with pytest.raises(TypeError, match="say how many seconds, as a number"):
        Later(seconds)
