"""Charts are to scale."""

import re

from kit.charts import HEIGHT, area_chart, bar_table, histogram


def numbers(name: str, drawn: str) -> list[float]:
    return [float(value) for value in re.findall(rf' {name}="([^"]+)"', drawn)]


def test_bars_stand_on_one_line_and_are_as_high_as_their_figures() -> None:
    drawn = histogram([1, 4], ["red", "blue"], "two")
    (one, four), tops = numbers("height", drawn), numbers("y", drawn)
    assert four == 4 * one > 0
    assert [tops[0] + one, tops[1] + four] == [HEIGHT, HEIGHT]


def test_an_areas_ends_are_cut_so_that_they_do_not_flatten_the_rest() -> None:
    # 4, the highest value between the ends, is the scale: 3 is three quarters of it, and the ends are cut to it.
    drawn = area_chart([[900, 3, 4, 900]], ["red"], "one")
    (points,) = re.findall(r'points="([^"]+)"', drawn)
    heights = [HEIGHT - float(point.split(",")[1]) for point in points.split()[1:-1]]
    assert heights == [HEIGHT, 0.75 * HEIGHT, HEIGHT, HEIGHT]


def test_bars_of_a_table_are_as_wide_as_their_share_of_the_largest() -> None:
    assert re.findall(r"width:([\d.]+)%", bar_table([("a", 1), ("b", 4)])) == ["25.00", "100.00"]
