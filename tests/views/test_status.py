"""The words above the figure."""

import re

from pdekit.views.dashboard.status import Status


def test_a_message_is_as_high_whatever_it_says() -> None:
    """So that nothing below it moves; it scrolls where it is longer than that."""
    status = Status()
    made = []
    for words in ("Ready.", "much to say " * 40):
        status.say(words, "wrong")
        made.append(
            re.search(r"height:(\d+px);box-sizing:border-box;overflow-y:auto", status.message.value)[1]
        )
    assert made == [status.message.layout.height] * 2
