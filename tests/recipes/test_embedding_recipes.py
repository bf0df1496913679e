"""The recipe of word embeddings: a planted structure is found, frequencies are beaten, and words can be asked."""

import pytest
import torch

from profundo.recipes.recipe_run import run_recipe
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
    given = {"text": str(path), "threshold": 1.0, "batch_size": 256, "dimensions": 8, "epochs": 3}
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
