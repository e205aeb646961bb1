"""Charts are to scale."""

import re

from kit.charts import area_chart, bar_table, histogram


def test_charts_are_as_high_as_their_figures() -> None:
    drawn = histogram([1, 4], ["red", "blue"], "two")
    assert 'y="90.0"' in drawn.split("</rect>")[0] and 'height="30.0"' in drawn.split("</rect>")[0]
    assert 'y="0.0"' in drawn.split("</rect>")[1] and 'height="120.0"' in drawn.split("</rect>")[1]
    # The ends, black and white, are cut to the rest.
    assert "0.0,0.0 240.0,60.0 480.0,0.0 720.0,0.0" in area_chart([[9, 1, 2, 9]], ["red"], "one")
    assert re.findall(r"width:([\d.]+)%", bar_table([("a", 1), ("b", 4)])) == ["25.00", "100.00"]
