"""Nets of one's own as they come: outputs in dicts and tuples, a softmax at the end, other types of numbers, normalisation
without statistics, an answer for each pixel, steps before features."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import profundo as pf
from profundo.inspect import feature_sections, inside_page, mistake_sections
from profundo.inspect.inside_page import inside
from profundo.inspect.opened_net import of_net
from profundo.inspect.plain_nets import answering, in_float32, with_statistics


@pytest.fixture(scope="module")
def digits():
    data = pf.load("digits").train
    return data.inputs[:120].float() / 16, data.targets[:120]


@pytest.fixture
def few(monkeypatch):
    """Sections that are quickly made."""
    made = [feature_sections.inputs_section, feature_sections.dreams_section, mistake_sections.attack_section]
    monkeypatch.setattr(inside_page, "SECTIONS", made)


def body(*end):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10), *end)


class Wrapped(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.body, self.wrap = body(), wrap

    def forward(self, images):
        return self.wrap(self.body(images))


WRAPPED = {
    "a dict": lambda logits: {"loss": logits.sum(), "logits": logits},
    "a tuple": lambda logits: (logits, logits.sum(1)),
    "an object": lambda logits: SimpleNamespace(logits=logits),
}


def answers(net, data):
    return inside(of_net(net, data))["inputs"].arrays["shares"]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_outputs_that_come_with_others_are_seen_as_if_alone(digits, wrap):
    net, alone = Wrapped(wrap), body()
    seen, plain = pf.look_inside(net, digits), pf.look_inside(alone, digits)
    assert not seen.notes
    assert list(seen.sections) == list(plain.sections)
    torch.testing.assert_close(seen["inputs"].arrays["shares"], plain["inputs"].arrays["shares"])
    assert seen["attack"].values["accuracy"] == plain["attack"].values["accuracy"]
    assert not net._forward_hooks
    explained = pf.explain(net, digits[0][:3], "gradient", of=2)
    torch.testing.assert_close(explained.map, pf.explain(alone, digits[0][:3], "gradient", of=2).map)


@pytest.mark.usefixtures("few")
def test_a_softmax_at_the_end_is_not_applied_again(digits):
    net = body(nn.Softmax(1))
    seen = pf.look_inside(net, digits)
    torch.testing.assert_close(seen["inputs"].arrays["shares"], answers(body(), digits))
    assert "ends in a softmax" in seen.notes[0]
    two = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Sigmoid())
    labels = (digits[1] > 4).long()
    with torch.no_grad():
        two[1].weight *= 100  # near both ends, for far inputs
    shares = answers(two, (digits[0], labels))
    looked = of_net(two, (digits[0], labels))
    torch.testing.assert_close(shares[:, 1:], two(looked.inputs).detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_logits_of_shares_give_the_shares_again(end):
    logits = torch.tensor([[1.0, -2.0, 200.0]])
    shares = logits.softmax(1) if end == "softmax" else logits.sigmoid()
    net = nn.Identity()
    with answering(net, end):
        seen = net(shares)
    assert seen.isfinite().all()
    torch.testing.assert_close(seen.softmax(1) if end == "softmax" else seen.sigmoid(), shares)
    assert torch.equal(net(shares), shares)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_nets_of_other_numbers_are_seen_in_float32_and_stay_as_they_are(digits, kind):
    net = body().to(kind)
    before = [one.clone() for one in net.parameters()]
    seen = pf.look_inside(net, (digits[0].to(torch.float32), digits[1]))
    torch.testing.assert_close(seen["inputs"].arrays["shares"], answers(in_float32(net), digits))
    assert "float32" in seen.notes[0]
    assert all(torch.equal(one, other) for one, other in zip(before, net.parameters(), strict=True))
    surface = pf.landscape(net, (digits[0].to(kind), digits[1]), points=3, samples=40, planes=["random"])
    assert surface.loss > 0
    assert next(net.parameters()).dtype == kind


@pytest.mark.usefixtures("few")
def test_normalisation_by_each_batch_gets_the_statistics_of_the_samples(digits):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten(), nn.Linear(144, 10)
    )
    own, lacking = with_statistics(net, lambda copy: copy(digits[0]))
    maps = net[0](digits[0])
    torch.testing.assert_close(own[1].running_mean, maps.mean((0, 2, 3)))
    torch.testing.assert_close(own[1].running_var, maps.var((0, 2, 3)))
    assert list(lacking) == ["1"]
    assert net[1].running_mean is None
    seen = pf.look_inside(net, digits)
    assert "normalised by each batch" in seen.notes[0]
    assert with_statistics(body(), lambda _: None)[1] == ()


def test_a_net_that_answers_for_each_pixel_has_its_maps_and_codes(digits):
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    seen = pf.look_inside(net, (digits[0], (digits[0][:, 0] > 0.5).long()))
    assert not seen.notes
    assert {"filters", "feature maps", "units", "why", "codes"} <= set(seen.sections)
    with pytest.raises(pf.ProfundoError, match="a class below 2 for each place"):
        pf.look_inside(net, (digits[0], torch.full((120, 8, 8), 2)))


class Steps(nn.Module):
    """(batch, steps, features) → the logits of what one feature is at the last step."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.first = nn.LSTM(4, 3, batch_first=True) if how == "recurrent" else nn.Linear(4, 3)
        self.first = nn.Conv1d(4, 3, 1) if how == "transposed" else self.first

    def forward(self, steps):
        if self.how == "transposed":
            return self.first(steps.mT)[..., -1]
        given = self.first(steps)
        return (given[0] if self.how == "recurrent" else given)[:, -1]


@pytest.mark.parametrize("how", ["recurrent", "linear", "transposed"])
def test_places_of_steps_with_features_are_the_steps(how):
    torch.manual_seed(0)
    explained = pf.explain(Steps(how), torch.randn(2, 6, 4), "gradient_times_input")
    assert explained.places == (1,)
    assert explained.by_place.shape == (2, 6)
    if how != "recurrent":
        assert not explained.by_place[:, :-1].any()
        assert explained.by_place[:, -1].all()
    assert pf.explain(nn.Sequential(nn.Conv1d(6, 3, 1), nn.Flatten()), torch.randn(2, 6, 4)).places == (2,)


class Vectors(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.tensor([1.0, -2.0, 0.5, 3.0])), nn.Parameter(torch.ones(3))

    def forward(self, rows):
        return (rows * self.scale).sum(1, keepdim=True) * torch.tensor([1.0, 0.0, -1.0]) + self.shift


def test_a_net_of_vectors_alone_has_a_plane():
    surface = pf.landscape(Vectors(), pf.load("iris"), points=3, planes=["random"])
    assert len(set(surface.planes[0].losses.flatten().tolist())) == 9
    assert surface.trace.error == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": 5}, "a layer by its name"),
        ({"files": "one.png"}, "a list of files"),
        ({"files": [3]}, "expected paths"),
        ({"unit": 2.5}, "units 0 to 3"),
        ({"beside": "nowhere"}, "nowhere"),
    ],
)
def test_wrong_choices_are_told_in_one_line(digits, options, words):
    with pytest.raises(pf.ProfundoError, match=words) as told:
        pf.look_inside(body(), digits, **options)
    assert "\n" not in str(told.value)


def test_a_run_of_something_else_beside_is_refused_before_the_work(monkeypatch):
    digits = pf.fit("linear", "digits", epochs=1, out=False)
    others = [pf.fit("linear", name, epochs=1, out=False) for name in ("iris", "wine")]
    monkeypatch.setattr("profundo.inspect.inside_page.inside", lambda _: pytest.fail("work had begun"))
    for run, beside in [(digits, others[0]), (others[0], others[1])]:
        with pytest.raises(pf.ProfundoError, match="takes the same inputs"):
            pf.look_inside(run, beside=beside)
