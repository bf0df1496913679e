"""Names of boxes: over no other, within the picture, and as near as can be."""

import numpy as np

from profundo.pictures.objects.name_places import name_places

ROOM = (300.0, 200.0)


def test_names_never_meet_and_stay_in_the_picture():
    draw = np.random.default_rng(1)
    for _ in range(30):
        low = draw.uniform(-20, 290, (40, 2))
        boxes = np.concatenate([low, low + draw.uniform(5, 120, (40, 2))], 1)
        sizes = np.stack([draw.uniform(10, 80, 40), np.full(40, 12.0)], 1)
        places = name_places(list(map(tuple, boxes.tolist())), list(map(tuple, sizes.tolist())), ROOM)
        covered = np.zeros((2000, 3000), np.uint8)  # tenths of a pixel
        for place, (wide, high) in zip(places, sizes, strict=True):
            if place is None:
                continue
            assert 0 <= place[0] <= ROOM[0] - wide + 1e-9
            assert 0 <= place[1] <= ROOM[1] - high + 1e-9
            left, top, right, bottom = (10 * np.array([*place, place[0] + wide, place[1] + high])).round().astype(int)
            covered[top + 1 : bottom - 1, left + 1 : right - 1] += 1
        assert covered.max() == 1


def test_a_name_stands_above_its_box_below_it_or_inside_as_there_is_room():
    box, size = (50.0, 60.0, 90.0, 100.0), (30.0, 10.0)
    assert name_places([box], [size], ROOM) == [(50.0, 50.0)]
    assert name_places([(50.0, 4.0, 90.0, 100.0)], [size], ROOM) == [(50.0, 0.0)]
    assert name_places([box] * 3, [size] * 3, ROOM) == [(50.0, 50.0), (50.0, 100.0), (50.0, 60.0)]
    assert name_places([(280.0, 60.0, 300.0, 90.0)], [size], ROOM) == [(270.0, 50.0)]


def test_names_for_which_there_is_no_room_and_boxes_without_a_name_get_no_place():
    box = (50.0, 60.0, 60.0, 70.0)
    assert name_places([box], [(400.0, 10.0)], ROOM) == [None]
    assert name_places([box, box], [(0.0, 0.0), (30.0, 10.0)], ROOM) == [None, (50.0, 50.0)]
    assert name_places([box] * 40, [(300.0, 10.0)] * 40, ROOM).count(None) > 20
