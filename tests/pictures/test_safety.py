"""A drawing is shapes and words; anything that could act is none."""

import pytest

from profundo.pictures import Line, heat_svg, lines_svg, points_svg
from profundo.pictures.charts import curves_svg, scatter_svg
from profundo.pictures.exhibits import Chart, drawn
from profundo.pictures.safety import is_drawing

OPEN = '<svg xmlns="http://www.w3.org/2000/svg">'


@pytest.mark.parametrize(
    "svg",
    [
        curves_svg({"training": [1, 2, 3]}, x_label="<epoch>", y_label="a & b"),
        scatter_svg([1.0, 2.0], [1.5, 2.5]),
        lines_svg(
            [Line("one", [1, 2, 3], [3, 2, 1], [2, 1, 0], [4, 3, 2])], x_label="x", y_label="y", marks={"m": 2.0}
        ),
        points_svg([0, 1, 2], [0, 1, 2], [0, 1, 1], x_label="x", y_label="y", names=["<a>", "b"]),
        heat_svg([[0.1, 0.2], [0.3, 0.4]], row_labels=["a", "b"], column_labels=["c", "d"]),
    ],
)
def test_every_kind_of_chart_is_a_drawing(svg):
    assert is_drawing(drawn(Chart("A chart", "It shows.", svg)).text)


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        '<a href="https://example.org"><text>x</text></a>',
        '<image href="x.png"/>',
        '<g onload="x()"/>',
        '<rect fill="url(https://example.org)"/>',
        "<style>g { fill: red }</style>",
        "<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>x</p></foreignObject>",
        "<!-- <g> -->",
        "<![CDATA[ <script> ]]>",
        "</svg><form/><svg>",
        '<meta http-equiv="refresh"/>',
        "<g>",
    ],
)
def test_what_could_act_is_no_drawing(inside):
    assert is_drawing(f"{OPEN}<g/></svg>")
    assert not is_drawing(f"{OPEN}{inside}</svg>")


@pytest.mark.parametrize(
    "text", ["", "svg", "<html/>", "<svg/>", '<!DOCTYPE svg [<!ENTITY a "b">]>' + OPEN + "&a;</svg>"]
)
def test_what_is_no_svg_is_no_drawing(text):
    assert not is_drawing(text)
