"""Recipes of embeddings: a planted structure is found, frequencies are beaten, and words and rows can be asked."""

import pytest
import torch

from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.category_embeddings import month_circle, one_hot, with_pairs
from profundo.recipes.zoo.word_embeddings import context_cost, group_share
from profundo.records import ProfundoError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A text of two worlds: the words of one never stand beside those of the other."""
    draws = torch.Generator().manual_seed(0)
    worlds = ("king", "queen", "lord", "prince"), ("shall", "will", "must", "may")
    lines = []
    for _ in range(600):
        world = worlds[int(torch.randint(2, (1,), generator=draws))]
        lines.append(" ".join(world[at] for at in torch.randint(4, (8,), generator=draws).tolist()))
    path = tmp_path_factory.mktemp("text") / "worlds.txt"
    path.write_text("\n".join(lines))
    given = {"data": str(path), "threshold": 1.0, "batch_size": 256, "dimensions": 8, "epochs": 3}
    return run_recipe("word-embeddings", given, quick=True, out=False)


def test_words_of_one_world_become_neighbours(words):
    assert words.outcome.scores["share of nearest in group"] == 1
    assert words.outcome.baseline["share of nearest in group"] == pytest.approx(3 / 7)


def test_the_context_costs_less_than_by_frequencies_and_about_what_the_text_holds(words):
    cost = words.outcome.scores["log loss (nats)"]
    assert cost < words.outcome.baseline["log loss (nats)"] - 0.3
    assert cost > torch.tensor(4.0).log()  # within a world the words are independent and uniform: log 4 at best


def test_the_neighbours_of_a_word_can_be_asked(words):
    (told,) = words.generate(3, prompt="KING")
    near = told.text.removeprefix("king: ").split(", ")
    assert {one.split()[0] for one in near} == {"queen", "lord", "prince"}
    with pytest.raises(ProfundoError, match="'zebra'"):
        words.generate(3, prompt="zebra")


def test_characters_of_one_world_become_neighbours_and_white_space_is_called_blank(tmp_path):
    draws = torch.Generator().manual_seed(0)
    lines = [
        "".join(["aeio", "bcdf"][line % 2][at] for at in torch.randint(4, (40,), generator=draws))
        for line in range(200)
    ]
    path = tmp_path / "worlds.txt"
    path.write_text("\n".join(lines))
    given = {"data": str(path), "unit": "characters", "threshold": 1.0, "batch_size": 256, "dimensions": 8, "epochs": 3}
    run = run_recipe("word-embeddings", given, quick=True, out=False)
    assert run.outcome.scores["share of nearest in group"] == 1
    assert run.outcome.baseline["share of nearest in group"] == pytest.approx(3 / 7)
    near = run.generate(8, prompt="A")[0].text.removeprefix("a: ").split(", ")
    assert {one.split()[0] for one in near[:3]} == set("eio")
    assert {one.split()[0] for one in near[3:]} == {"blank", *"bcdf"}


def test_the_cost_of_contexts_is_that_of_a_loop_over_pairs(words):
    net = words.outcome.networks["words"]
    noise = torch.full((8,), 1 / 8)
    centres, contexts = torch.tensor([3, 0, 3, 7]), torch.tensor([1, 2, 2, 0])
    costs = []
    for w, c in zip(centres, contexts, strict=True):
        exponentials = [torch.exp(net.centre.weight[w] @ row) for row in net.context.weight]
        costs.append(-torch.log(exponentials[c] / sum(exponentials)))
    assert context_cost(net, centres, contexts, noise) == pytest.approx(torch.stack(costs).mean().item(), rel=1e-5)


def test_the_share_by_chance_is_that_of_random_rows():
    groups = torch.tensor([0] * 5 + [1] * 15)
    shares = [
        group_share(torch.randn(20, 3, generator=torch.Generator().manual_seed(seed)), groups) for seed in range(400)
    ]
    found = sum(share for share, _ in shares) / len(shares)
    assert found == pytest.approx(shares[0][1], abs=0.03)


@pytest.fixture(scope="module")
def table():
    return run_recipe("category-embeddings", {"rows": 2000, "epochs": 60}, quick=True, out=False)


def test_the_year_and_the_seasons_are_found_and_interactions_learnt(table):
    scores, baseline = table.outcome.scores, table.outcome.baseline
    assert scores["RMSE (log demand)"] < 0.15 < 0.4 < baseline["RMSE (log demand)"]
    assert scores["share of months on the circle"] > 0.8 > 0.4 > baseline["share of months on the circle"]
    assert scores["share of cities beside their season"] > 0.9
    assert len(table.outcome.rivals) == 6, (
        "all pairs of one-hot categories, two more methods, and the embeddings in all three"
    )


def test_rows_of_a_file_are_predicted_by_the_names_of_their_categories(table, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("city,month,weekday,price\nOslo,July,Monday,1\nOslo,January,Monday,1\nOslo,July,Monday,1.2\n")
    summer, winter, dear = (row["prediction"] for row in table.predict([file]))
    assert summer / winter == pytest.approx(2.718 ** (2 * 0.6), rel=0.25)
    assert dear / summer == pytest.approx(1.2**-1.5, rel=0.1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("city,month\nOslo,July\n", "columns month, weekday, city, price"),
        ("city,month,weekday,price\nAtlantis,July,Monday,1\n", "'Atlantis' is unknown"),
        ("city,month,weekday,price\nOslo,July,Monday,-1\n", "price above 0"),
        ("city,month,weekday,price\nOslo,July,Monday\n", "price above 0"),
        ("", "expected rows"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(table, tmp_path, content, said):
    file = tmp_path / "rows.csv"
    file.write_text(content)
    with pytest.raises(ProfundoError, match=said):
        table.predict([file])


def test_points_on_a_circle_are_a_year_and_shuffled_ones_are_not():
    angles = torch.arange(12) * torch.pi / 6
    year = torch.stack((angles.cos(), angles.sin()), 1)
    assert month_circle(year) == 1
    assert month_circle(year[torch.randperm(12, generator=torch.Generator().manual_seed(1))]) < 0.5


def test_one_hot_rows_have_one_column_for_every_two_categories():
    rows = torch.tensor([[0.0, 6.0, 23.0, 0.1], [11.0, 0.0, 0.0, -0.2]])
    plain = one_hot(rows)
    assert plain.shape == (2, 12 + 7 + 24 + 1)
    assert plain[:, :-1].sum(1).tolist() == [3, 3]
    paired = with_pairs(plain)
    assert paired.shape == (2, 44 + 12 * 7 + 12 * 24 + 7 * 24)
    assert paired[:, 44:].sum(1).tolist() == [3, 3]
    assert paired[0, 44 + 6] == 1  # January with Sunday
