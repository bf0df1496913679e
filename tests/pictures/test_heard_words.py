import re

from profundo.pictures.exhibits import Chart, drawn
from profundo.pictures.safety import is_drawing
from profundo.pictures.sounds.heard_words import CURVES, LEFT, RIGHT, listening_svg


def picture(**changes):
    given = {
        "levels": [[0.0, 1.0, 1.0, 0.5], [0.0, 0.0, 0.2, 0.0]],
        "seconds": 2.0,
        "curves": [[0, 0.5, 1.0, 0]],
        "step": 0.5,
        "said": [("<three>", 0.5, 1.5)],
        "placed": [("three", 1.0)],
        "names": ("said", "share", "written", "seconds"),
    }
    return listening_svg(**given | changes)


def test_words_curves_and_loud_cells_stand_at_their_times():
    svg = picture(aside=[1.0, 0.5, 0.0, 1.0])
    middle = (LEFT + RIGHT) / 2
    assert is_drawing(drawn(Chart("t", "c", svg)).text)
    assert "&lt;three&gt;" in svg
    assert f'x="{middle:.0f}"' in svg
    curve, blank = (re.findall(r'points="([^"]*)"', svg)[at] for at in (1, 0))
    places = [tuple(map(float, place.split(","))) for place in curve.split()]
    assert [x for x, _ in places] == [LEFT, LEFT + (RIGHT - LEFT) / 4, middle, LEFT + 3 * (RIGHT - LEFT) / 4]
    assert places[0][1] == CURVES[1]
    assert places[2][1] == CURVES[0]
    assert blank.startswith(f"{LEFT:.2f},{CURVES[0]:.2f}")
    loudest = re.search(r'd="([^"]*)" fill-opacity="0.85"', svg)[1]
    assert loudest == "M164.0 78.0h204.0v50.0h-204.0z"  # both loud cells of the lower band, side by side


def test_nothing_said_and_nothing_written_is_still_a_picture():
    svg = picture(said=[], placed=[], curves=[], names=("", "share", "written", "seconds"))
    assert is_drawing(drawn(Chart("t", "c", svg)).text)
    assert svg.count("<polyline") == 0
