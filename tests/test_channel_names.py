"""Channels are found by id or name, and named by both."""

from __future__ import annotations

import pytest

from lib.channel_names import describe_channel, describe_channels, find_channel, match_channels
from lib.errors import UsageError

NAMES = {10: "Main", 11: "AHU-2", 12: "Oven", 13: "Oven", 14: "oven", 15: "11", 16: " Dryer ", 17: "bad\x1b[31m"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("10", [10]),
        (" 10 ", [10]),
        ("AHU-2", [11]),
        ("ahu-2", [11]),
        ("11", [11]),  # an id goes above a name of the same digits
        ("Oven", [12, 13]),
        ("oven", [14]),  # as it is written goes above other capitals
        ("OVEN", [12, 13, 14]),
        ("Dryer", [16]),
        ("1", []),
        ("²", []),
        ("", []),
    ],
)
def test_a_word_means_the_channel_of_that_id_else_those_of_that_name(said: str, found: list[int]) -> None:
    assert match_channels(said, NAMES) == found


@pytest.mark.parametrize(
    ("said", "names", "message"),
    [
        ("Oven", NAMES, "site 7 has 2 channels named 'Oven': 12 'Oven', 13 'Oven'; give the id"),
        ("AHU2", NAMES, "site 7 has no channel 'AHU2'; did you mean 11 'AHU-2' (check --channel)"),
        ("99", {10: "Main", 12: "Oven"}, "site 7 has no channel '99'; its channels are 10 'Main', 12 'Oven' (check "
         "--channel)"),
        ("Main", {}, "site 7 has no channel 'Main'; it has none (check --channel)"),
    ],
)  # fmt: skip
def test_a_word_that_means_no_single_channel_is_refused_with_those_there_are(
    said: str, names: dict[int, str], message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        find_channel(said, names, "site 7")
    assert str(refused.value) == message


def test_channels_are_named_beside_their_ids_and_their_names_cannot_drive_a_terminal() -> None:
    assert describe_channel(11, NAMES) == "11 'AHU-2'"
    assert describe_channel(99, NAMES) == "99"
    assert describe_channels([17, 10], NAMES) == r"17 'bad\\x1b[31m', 10 'Main'"
    assert describe_channels(range(1, 22), {}) == ", ".join(map(str, range(1, 21))) + " and 1 more"
