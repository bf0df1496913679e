"""A session is a function of its settings, steps and edits; its figures are PyTorch's own."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from profundo.data.batches import order
from profundo.nets.init import glorot_radius
from profundo.nets.plane_nets import plane_mlp
from profundo.playground import session as sessions
from profundo.playground.early_signs import early_signs
from profundo.playground.plane_maps import cells
from profundo.playground.playground_settings import FIELDS, OPTIMIZER_NAMES, new_settings
from profundo.playground.session import DIVERGED, Edit, Session, replayed
from profundo.records import ProfundoError

PLAIN = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=0.05, rho=0.95),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.0),
}


def plainly_trained(session, optimizer, batches):
    """The same first weights and order of samples in a loop of plain PyTorch."""
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    for layer, like in zip((net[0], net[2]), Session(session.first_settings).layers, strict=True):
        layer.load_state_dict(like.state_dict())
    moved = optimizer(net.parameters())
    x, y = session.data.train.inputs, session.data.train.targets
    for epoch in range(batches):
        for chosen in order(len(x), session.settings.seed, epoch)[: len(x) // 10 * 10].split(10):
            moved.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(net(x[chosen])[:, 0], y[chosen].float()).backward()
            moved.step()
    return net


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
def test_a_session_ends_where_a_plain_loop_of_pytorch_does(name):
    session = Session(data="moons", samples=60, hidden=(3,), learning_rate=0.05, optimizer=name)
    session.epochs(3)
    net = plainly_trained(session, PLAIN[name], 3)
    for layer, plain in zip(session.layers, (net[0], net[2]), strict=True):
        torch.testing.assert_close(layer.weight, plain.weight, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(layer.bias, plain.bias, rtol=1e-4, atol=1e-6)


def state(session):
    return [*session.weights(), *session.biases(), np.array(session.history)]


def same_bits(one, other):
    assert one.steps == other.steps
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.sampled_from(["adam", "momentum", "rmsprop"]),
    st.sampled_from([0.0, 0.3]),
)
def test_a_run_is_the_same_however_it_is_cut_into_steps_and_whatever_is_looked_at(parts, optimizer, dropout):
    asked = new_settings(samples=40, optimizer=optimizer, dropout=dropout, hidden=(3, 2), schedule="cosine", epochs=9)
    whole, cut = Session(asked), Session(asked)
    whole.step(sum(parts))
    for part in parts:
        cut.step(part)
        cut.maps(10, 5), cut.units(), cut.gradients(), cut.scores(), cut.curves(), cut.warped()
        torch.rand(3)  # somebody else draws
    same_bits(whole, cut)


def test_edits_and_live_changes_are_repeated_bit_for_bit():
    asked = new_settings(data="xor", samples=80, optimizer="adam", hidden=(4,), epochs=50)
    session = Session(asked)
    session.step(7)
    session.set_weight(0, 2, 1, -1.5)
    session.step(5)
    assert session.change(learning_rate=0.2, l1=0.01, l2=0.1) is False
    session.step(4)
    session.set_bias(1, 0, 0.25)
    session.change(epochs=60, schedule="exponential")
    session.step(11)
    assert [one.what for one in session.edits] == ["weight", *["setting"] * 3, "bias", *["setting"] * 2]
    same_bits(session, replayed(asked, 27, session.edits))
    same_bits(session, replayed(asked, 27, [dataclasses.asdict(one) for one in session.edits]))
    with pytest.raises(AssertionError):
        same_bits(session, replayed(asked, 27, session.edits[1:]))


def test_more_epochs_are_no_edit_by_hand_where_the_settings_alone_lead_to_the_same_net():
    small = {"data": "xor", "hidden": (3,), "samples": 40, "batch_size": 10, "epochs": 2}
    longer = Session(new_settings(**small)).run()
    longer.change(epochs=4)
    longer.run()
    at_once = Session(longer.settings).run()
    assert longer.steps == at_once.steps
    assert all(map(np.array_equal, longer.weights(), at_once.weights()))
    assert (len(longer.edits), longer.by_hand) == (1, [])
    longer.change(learning_rate=0.5)
    assert [one.at for one in longer.by_hand] == [("learning_rate",)]
    cosine = Session(new_settings(**small, schedule="cosine")).run()
    cosine.change(epochs=4)
    assert not all(map(np.array_equal, cosine.run().weights(), Session(cosine.settings).run().weights()))
    assert len(cosine.by_hand) == 1
    shorter = Session(new_settings(**small)).run()
    shorter.change(epochs=1)
    assert len(shorter.by_hand) == 1, "the settings alone would end earlier"


def test_an_edited_weight_is_there_and_its_momentum_is_gone_while_that_of_others_stays():
    session = Session(data="xor", samples=80, optimizer="momentum", hidden=(4,))
    session.step(5)
    held = session.update.optimizer.state[session.layers[0].weight]["momentum_buffer"]
    before = held.clone()
    session.set_weight(0, 1, 0, 2.5)
    assert session.weights()[0][1, 0] == 2.5
    assert held[1, 0] == 0
    before[1, 0] = 0
    assert held.equal(before)
    assert before.count_nonzero() == 7


def test_a_change_of_the_net_begins_anew_and_one_of_the_rate_does_not():
    session = Session(samples=40)
    session.step(6)
    session.change(learning_rate=0.1)
    assert (session.steps, session.settings.learning_rate) == (6, 0.1)
    assert session.change(hidden=(3,)) is True
    assert (session.steps, session.edits, session.settings.learning_rate) == (0, [], 0.1)
    before = session.data.train.inputs
    session.regenerate()
    assert session.settings.data_seed == 1
    assert not session.data.train.inputs.equal(before)
    session.step(3)
    session.reset()
    same_bits(session, Session(session.settings))


def test_gradients_of_links_are_those_of_finite_differences():
    session = Session(data="gauss", samples=30, hidden=(3, 2))
    session.step(4)
    session.net.double()
    session.train = dataclasses.replace(session.train, inputs=session.train.inputs.double())
    weights, biases = session.gradients()

    def cost(parameter, place, value):
        with torch.no_grad():
            parameter[place] += value
            found = session.figures(session.train).loss
            parameter[place] -= value
        return found

    for layer, found, name in ((0, weights[0], "weight"), (2, weights[2], "weight"), (1, biases[1], "bias")):
        parameter = getattr(session.layers[layer], name)
        for place in ((0, 1), (0, 0)) if name == "weight" else (0, 1):
            slope = (cost(parameter, place, 1e-5) - cost(parameter, place, -1e-5)) / 2e-5
            assert found[place] == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_scores_are_counts_and_means_by_hand():
    session = Session(data="blobs", samples=90, classes=4, hidden=(5,))
    session.epochs(4)
    for name, samples in (("train", session.data.train), ("test", session.data.test)):
        logits = session.net(samples.inputs).detach()
        figures, chosen = session.scores()[name], logits.argmax(1)
        for true in range(4):
            for said in range(4):
                assert figures.confusion[true][said] == int(((samples.targets == true) & (chosen == said)).sum())
        assert figures.accuracy == pytest.approx(float((chosen == samples.targets).float().mean()))
        assert figures.loss == pytest.approx(float(nn.functional.cross_entropy(logits, samples.targets)))


def test_of_values_the_score_is_the_share_of_variance_explained():
    session = Session(data="plane", samples=60, hidden=(4,), noise=10)
    session.epochs(10)
    y, said = session.data.test.targets, session.net(session.data.test.inputs).detach()
    figures = session.scores()["test"]
    assert figures.r2 == pytest.approx(1 - float((y - said).square().sum() / (y - y.mean()).square().sum()), rel=1e-4)
    assert figures.rmse == pytest.approx(math.sqrt(float((y - said).square().mean())), rel=1e-5)
    assert figures.accuracy is None


def test_maps_are_what_the_net_says_at_the_middle_of_each_cell():
    session = Session(data="circle", hidden=(3, 2), features=("x1", "x2", "x1_squared"), activation=("relu", "tanh"))
    session.epochs(2)
    maps = session.maps(15, 5)
    place = torch.tensor([[-6 + 12 * 3.5 / 15, 6 - 12 * 2.5 / 15]])  # third row from the top, fourth column
    assert float(maps.output[2, 3]) == pytest.approx(session.net(place).sigmoid().item(), rel=1e-5)
    coarse = torch.tensor([[-6 + 12 * 1.5 / 5, 6 - 12 * 0.5 / 5]])
    assert float(maps.features[2, 0, 1]) == pytest.approx(float(coarse[0, 0] ** 2), rel=1e-5)
    first = session.net[:3](coarse)
    torch.testing.assert_close(maps.neurons[0][:, 0, 1], first[0])
    torch.testing.assert_close(maps.neurons[1][:, 0, 1], session.net[:5](coarse)[0])
    apart = session.maps(16, 5)  # a grid that does not hold the other's places
    torch.testing.assert_close(apart.neurons, maps.neurons)
    small = maps.as_bytes()
    assert small.output.dtype == small.neurons[0].dtype == torch.uint8
    assert (small.output.float() / 255 - maps.output).abs().max() <= 0.5 / 255 + 1e-6
    back = (small.neurons[0].float() - 128) / 127 * small.sizes[0][:, None, None]
    assert (back - maps.neurons[0]).abs().max() <= 0.51 / 127 * small.sizes[0].max()


def test_of_several_classes_the_map_has_their_probabilities():
    output = Session(data="blobs", classes=3, samples=30).maps(8, 4).output
    assert output.shape == (3, 8, 8)
    torch.testing.assert_close(output.sum(0), torch.ones(8, 8))


def test_the_plane_is_warped_as_the_layer_carries_it():
    session = Session(data="circle", hidden=(5, 2))
    session.epochs(1)
    warped = session.warped(lines=4, places=7)
    assert warped.exact
    corner = session.net[:5](torch.tensor([[-6.0, 6.0]]))[0]
    torch.testing.assert_close(warped.lines[0, 0], corner)  # the uppermost level line begins there
    torch.testing.assert_close(warped.lines[4, 6], corner)  # and the first upright one ends there
    wide = session.warped(0, lines=4, places=7)
    assert not wide.exact
    grid = session.net[:3](cells(9)).detach().numpy()
    assert wide.lines.shape == (8, 7, 2)
    assert 0.5 < wide.explained <= 1
    variances = np.linalg.eigvalsh(np.cov(grid.T))
    assert wide.explained == pytest.approx(variances[-2:].sum() / variances.sum(), abs=0.1)  # of another grid


def test_training_stops_where_it_was_told_to_and_goes_on_when_told_otherwise():
    session = Session(data="gauss", samples=100, epochs=30, stop_loss=0.2).run()
    assert session.stopped == "loss"
    assert session.why_stopped() == "the training loss is below 0.2"
    assert session.steps % session.per_epoch == 0
    assert session.scores()["train"].loss < 0.2
    before = Session(data="gauss", samples=100, epochs=30)
    before.epochs(session.epoch - 1)
    assert before.scores()["train"].loss >= 0.2
    assert session.step(5) == 0
    session.change(stop_loss=None, stop_accuracy=1.0)
    session.change(stop_accuracy=None)
    assert session.step(5) == 5
    assert session.run().stopped == "epochs"
    assert session.why_stopped() == "30 epochs are over"
    reached = Session(data="gauss", samples=100, epochs=30, stop_accuracy=0.9).run()
    assert reached.stopped == "accuracy"
    assert reached.why_stopped() == "the training accuracy is 90 %"
    assert reached.scores()["train"].accuracy >= 0.9


def test_a_training_that_blows_up_says_so_and_can_still_be_looked_at():
    session = Session(data="plane", hidden=(4,), activation="relu", learning_rate=100.0, epochs=20).run()
    assert session.stopped == DIVERGED
    assert not math.isfinite(session.scores()["train"].loss)
    assert session.scores()["train"].as_plain_data()["loss"] is None
    session.maps().as_bytes(), session.units(), session.gradients(), session.warped(), repr(session)
    assert "finite" in session._repr_html_()


def test_the_history_gets_sparser_and_ends_now():
    session = Session(samples=40, hidden=(2,), epochs=10_000)
    session.step(700)
    steps = session.curves()["step"]
    assert len(steps) <= 258
    assert steps[0] == 0
    assert steps[-1] == 700
    assert len(set(np.diff(steps[:-1]))) == 1


def test_first_weights_and_dropout_follow_from_the_seed():
    one, other = Session(seed=1), Session(seed=2)
    assert not np.array_equal(one.weights()[0], other.weights()[0])
    assert np.abs(one.weights()[0]).max() <= glorot_radius(2, 4)
    assert one.data.train.inputs.equal(other.data.train.inputs)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda s: s.set_weight(0, 9, 0, 1.0), "unit from 0 to 3, got 9"),
        (lambda s: s.set_weight(7, 0, 0, 1.0), "layer from 0 to 2, got 7"),
        (lambda s: s.set_weight("a", 0, 0, 1.0), "layer from 0 to 2, got 'a'"),
        (lambda s: s.put("weight", (0, 0), 1.0), "expected layer, unit, input, got 2"),
        (lambda s: s.put("bias", (0, 0, 0), 1.0), "expected layer, unit, got 3"),
        (lambda s: s.set_bias(0, 0, math.nan), "value: expected a number"),
        (lambda s: s.set_bias(0, 0, "much"), "value: expected a number"),
        (lambda s: s.step(-1), "at least 0, got -1"),
        (lambda s: s.epochs(1.5), "whole number"),
        (lambda s: s.change(learning_rat=1), "nearest: learning_rate"),
        (lambda s: s.change(hidden=(9, 99)), "1 to 64"),
        (lambda s: s.maps(0), "1 to 400 cells"),
        (lambda s: s.warped(2), "hidden layer from 0 to 1, got 2"),
        (lambda _: Session(hidden=()).warped(), "this one has none"),
        (lambda _: Session({"data": "xor"}), "new_settings"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line(act, told):
    session = Session(samples=20)
    with pytest.raises(ProfundoError, match=told) as error:
        act(session)
    assert "\n" not in str(error.value)
    same_bits(session, Session(samples=20))
    assert session.edits == []


def test_edits_can_be_told_as_plain_data():
    assert dataclasses.asdict(Edit(3, "bias", (0, 1), 0.5)) == {"step": 3, "what": "bias", "at": (0, 1), "value": 0.5}


def test_a_net_is_begun_without_touching_what_other_threads_draw(monkeypatch):
    """Another thread draws while it is built: what it draws next is no repetition."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    drawn = []

    def meanwhile(*given, **named):
        with torch.device("cpu"):
            drawn.append(torch.rand(1))
        return plane_mlp(*given, **named)

    monkeypatch.setattr(sessions, "plane_mlp", meanwhile)
    Session(new_settings(data="xor", hidden=(4, 2), initialisation="torch"))
    drawn.append(torch.rand(1))
    assert torch.equal(torch.cat(drawn), expected)


@pytest.mark.parametrize("name", FIELDS["activation"].kind.of.options)
def test_no_activation_has_values_of_its_own_that_are_drawn_or_set(name):
    """Nets are made without values, which only linear layers are then given."""
    made = Session(new_settings(data="xor", hidden=(3,), activation=(name,))).net
    held = {id(one) for layer in made if isinstance(layer, torch.nn.Linear) for one in layer.parameters()}
    assert held == {id(one) for one in [*made.parameters(), *made.buffers()]}


# ------------------------------------------------------------------------------------------------------------------ curves
@pytest.mark.parametrize("hidden", [(), (3,), (4, 2)])
def test_a_curve_is_the_net_over_x1_and_the_sum_of_its_parts(hidden):
    session = Session(
        data="sine", features=("x1", "x1_squared"), hidden=hidden, epochs=2, samples=40, dropout=0.5
    ).run()
    curve = session.curve(25)
    line = torch.stack((torch.linspace(-6, 6, 25), torch.zeros(25)), 1)
    with torch.no_grad():
        expected = session.net.eval()(line)[:, 0]
    torch.testing.assert_close(curve.y, expected)
    torch.testing.assert_close(curve.bias + curve.parts.sum(0), expected, atol=1e-5, rtol=1e-5)
    assert curve.parts.shape == ((hidden or (2,))[-1], 25)
    assert session.net.train().training


def test_no_curve_is_drawn_of_a_plane():
    for asked in ({"data": "circle"}, {"data": "sine"}, {"data": "circle", "features": ("x1",)}):
        with pytest.raises(ProfundoError, match="features of x₁ alone"):
            Session(samples=10, **asked).curve()
    with pytest.raises(ProfundoError, match="places from 2"):
        Session(samples=10, data="sine", features=("x1",)).curve(1)


def test_a_net_that_answers_no_training_point_has_learned_nothing_by_heart():
    """A test loss that rises beside a training loss of a constant answer is one sign, that of a net that learns too little."""
    session = Session(
        data="xor",
        noise=50,
        samples=20,
        train_share=0.9,
        hidden=(1,),
        learning_rate=0.3,
        optimizer="adam",
        batch_size=10,
    )
    session.epochs(60)
    train, test = session.scores().values()
    best = min(row[2] for row in session.history)
    chance = math.log(2)
    assert train.loss > 0.9 * chance
    assert test.loss > max(1.5 * best, train.loss + 0.2 * chance)
    assert [one.cause for one in early_signs(session)] == ["underfit"]
