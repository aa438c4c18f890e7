"""What was probably meant."""

import pytest

from venice_async.catalog.words import choice, nearest

DURATIONS = ("4s", "5s", "10s", "-1", "1 gen")
RATIOS = ("16:9", "9:16", "1:1", "adaptive")
RESOLUTIONS = ("720p", "768P", "2K", "true_1080p")


@pytest.mark.parametrize(
    ("value", "allowed", "meant"),
    [
        (5, DURATIONS, "5s"), (5.0, DURATIONS, "5s"), ("5", DURATIONS, "5s"), ("5S", DURATIONS, "5s"),
        (" 5s ", DURATIONS, "5s"), ("1gen", DURATIONS, "1 gen"), (-1, DURATIONS, "-1"), (969, RATIOS, "16:9"),
        (556, RATIOS, "9:16"), ("Adaptive", RATIOS, "adaptive"), ("768p", RESOLUTIONS, "768P"),
        (720, RESOLUTIONS, "720p"),
        ("2k", RESOLUTIONS, "2K"), ("1080p", RESOLUTIONS, "true_1080p"), (True, DURATIONS, None),
        (float("nan"), DURATIONS, None), (float("inf"), RATIOS, None), ("entirely else", RATIOS, None),
        ([], RATIOS, None),
    ],
    ids=repr,
)  # fmt: skip
def test_the_nearest(value: object, allowed: tuple[str, ...], meant: str | None) -> None:
    """Case, a missing unit, and what YAML makes of 16:9."""
    assert nearest(value, allowed) == meant


@pytest.mark.parametrize(
    ("value", "allowed", "required", "said"),
    [
        (None, RATIOS, True, "is required"), (None, RATIOS, False, None), (None, (), True, None),
        ("1:1", RATIOS, True, None), ("1:1", (), True, "is refused"), ("2:1", RATIOS, False, "is not one"),
        (True, ("True",), False, "is not one"),
    ],
)  # fmt: skip
def test_a_choice(value: object, allowed: tuple[str, ...], required: bool, said: str | None) -> None:
    """Listed values: one of them, or none where none is listed."""
    found = list(choice("x", value, allowed, required=required))
    assert len(found) == (said is not None)
    assert all(said in str(problem) for problem in found if said)
