"""A drawing is shapes and words; anything that could act is none."""

import pytest

from profundo.pictures.safety import is_drawing

OPEN = '<svg xmlns="http://www.w3.org/2000/svg">'


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
