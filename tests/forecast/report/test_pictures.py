"""The timeline of cross-border shares."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pandas as pd

from harmattan.forecast.report.pictures import timeline


def test_a_mark_per_declared_origin_and_a_line_per_country() -> None:
    history = pd.DataFrame(
        {
            "origin": ["2018-12", "2019-03", "2019-03"],
            "source_country": ["MLI", "MLI", "NER"],
            "target_country": "BFA",
            "share": [0.2, 0.3, 0.2],
            "declared": [False, True, False],
        }
    )
    drawn = timeline(history, {"BFA": "Burkina <Faso>", "BEN": "Benin"})
    ElementTree.fromstring(drawn)
    assert drawn.count("<polyline") == 2
    assert re.findall(r"<title>(.*?)</title>", drawn) == ["2019-03: 50%, signal from MLI"]
    assert "Burkina &lt;Faso&gt;" in drawn
