"""PatchMatch against the comparison of every patch with every other, and fields against loops over their places."""

import pytest
import torch
import torch.nn.functional as F

from profundo.images.patch_match import (
    Search,
    drawn_field,
    finer,
    grid,
    led_back,
    moved,
    patch_rows,
    round_of,
    voted,
)
from profundo.records import ProfundoError


@pytest.fixture
def draws():
    return torch.Generator().manual_seed(0)


def texture(height, width, draws, grain=3):
    return F.avg_pool2d(torch.rand(2, height + grain - 1, width + grain - 1, generator=draws), grain, stride=1)


def every_distance(one, other, reach):
    """(places of one, places of other), in float64, by unfolding."""
    rows = [
        F.unfold(F.pad(maps[None].double(), (reach,) * 4, mode="replicate"), 2 * reach + 1)[0].T
        for maps in (one, other)
    ]
    return (rows[0][:, None] - rows[1]).square().sum(2)


def matched(one, other, reach, draws, rounds, radius):
    search = Search(patch_rows(one, reach), patch_rows(other, reach))
    field = search.field(drawn_field(one.shape[1:], other.shape[1:], draws))
    for _ in range(rounds):
        field = round_of(search, field, radius, draws)
    return field


def test_patches_of_a_part_of_an_image_are_found_where_it_was_cut_out(draws):
    whole = torch.rand(3, 34, 40, generator=draws)
    field = matched(whole[:, 6:26, 9:33], whole, 2, draws, rounds=5, radius=40)
    inner = (slice(2, -2), slice(2, -2))  # beyond them the border of the part is repeated
    expected = grid(20, 24) + torch.tensor([6, 9]).view(2, 1, 1)
    assert torch.equal(field.places[:, *inner], expected[:, *inner])
    assert torch.equal(field.distances[inner], torch.zeros(16, 20))


@pytest.mark.parametrize(
    ("reach", "size", "other", "times"), [(2, (17, 23), (23, 17), 1.05), (1, (20, 26), (24, 18), 1.2)]
)
def test_matches_are_nearly_as_good_as_the_best_of_all_pairs(draws, reach, size, other, times):
    one, another = texture(*size, draws), texture(*other, draws)
    field = matched(one, another, reach, draws, rounds=8, radius=max(other))
    every = every_distance(one, another, reach)
    chosen = (field.places[0] * other[1] + field.places[1]).flatten()
    assert torch.allclose(field.distances.flatten().double(), every.gather(1, chosen[:, None])[:, 0], atol=1e-5)
    assert field.distances.mean() <= times * every.amin(1).mean()


def test_no_match_becomes_worse_in_a_round(draws):
    one, other = texture(15, 11, draws), texture(12, 14, draws)
    search = Search(patch_rows(one, 1), patch_rows(other, 1))
    field = search.field(drawn_field((15, 11), (12, 14), draws))
    for _ in range(4):
        after = round_of(search, field, 5, draws)
        changed = (after.places != field.places).any(0)
        assert (after.distances[changed] < field.distances[changed]).all()
        assert torch.equal(after.distances[~changed], field.distances[~changed])
        field = after


def test_a_neighbours_match_is_moved_as_the_neighbour_lies(draws):
    places = torch.randint(0, 50, (2, 5, 6), generator=draws)
    for down, across in ((-1, 0), (2, 0), (0, 1), (3, -2)):
        found = moved(places, down, across)
        for y in range(5):
            for x in range(6):
                neighbour = min(max(y + down, 0), 4), min(max(x + across, 0), 5)
                by_hand = [int(places[0][neighbour]) + y - neighbour[0], int(places[1][neighbour]) + x - neighbour[1]]
                assert found[:, y, x].tolist() == by_hand


def test_a_finer_field_lies_as_the_coarser_one_did():
    shifted = grid(4, 5) + torch.tensor([1, 2]).view(2, 1, 1)
    inside = finer(shifted, (9, 11), (40, 40))
    assert torch.equal(inside, grid(9, 11) + torch.tensor([2, 4]).view(2, 1, 1))
    held = finer(shifted, (9, 11), (7, 8))
    assert torch.equal(held, torch.stack([inside[0].clamp(max=6), inside[1].clamp(max=7)]))


def test_what_leads_back_is_near():
    there = grid(6, 8).flip(2)
    assert torch.equal(led_back(there, there), torch.zeros(6, 8, dtype=torch.int64))
    away = led_back(there, grid(6, 8))
    assert torch.equal(away, (grid(6, 8)[1] * 2 - 7).abs())


def test_patches_that_agree_vote_for_what_they_see(draws):
    image = torch.rand(3, 12, 14, generator=draws)
    shifted = grid(6, 7) + torch.tensor([3, 4]).view(2, 1, 1)
    assert torch.allclose(voted(shifted, image, 2), image[:, 3:9, 4:11], atol=1e-6)
    alone = drawn_field((5, 5), (12, 14), draws)
    assert torch.equal(voted(alone, image, 0), image[:, alone[0], alone[1]])
    assert torch.allclose(voted(alone, torch.full((1, 12, 14), 0.3), 2), torch.tensor(0.3), atol=1e-6)


def test_maps_that_cannot_be_compared_are_refused(draws):
    three, two = texture(5, 5, draws), torch.rand(3, 5, 5, generator=draws)
    with pytest.raises(ProfundoError, match="as many channels and one reach, got 2 and 3 channels"):
        Search(patch_rows(three, 1), patch_rows(two, 1))
    with pytest.raises(ProfundoError, match="reaches 1 and 2"):
        Search(patch_rows(three, 1), patch_rows(three, 2))
