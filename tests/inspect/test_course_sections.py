"""What a run kept of its way is what the section shows, epoch by epoch."""

import pytest
import torch

import profundo as pf
from pages import parse
from profundo import ProfundoError
from profundo.inspect.opened_net import of_run
from profundo.inspect.sections.course_sections import course_section
from profundo.train.kept_epochs import kept_epochs, read_epoch


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("kept") / "run"
    return pf.fit("lenet5", "digits", epochs=3, seed=0, doctor=False, keep_epochs=True, out=out)


def test_every_epoch_is_there_with_the_deviations_of_its_weights(run):
    section = course_section(of_run(run))
    assert section.values["epochs"] == [0, 1, 2, 3]
    states = [read_epoch(path) for path in kept_epochs(run.folder.epochs).values()]
    for name, _ in run.net.named_parameters():
        expected = [state[name].double().std(correction=0).item() for state in states]
        assert section.values["deviations"][f"weights {name}"] == pytest.approx(expected)
    assert torch.equal(states[-1]["c3.weight"], run.net.c3.weight.cpu())
    assert all(counts.shape[0] == 4 for counts in section.arrays.values())
    films = [one.svg for one in section.part.figures if "A film of" in one.caption]
    assert len(films) == 3
    assert all(parse(film).one("image").attributes["href"].startswith("data:image/png;base64,") for film in films)


def test_a_run_that_kept_nothing_has_no_such_section_and_a_damaged_epoch_is_told(run):
    assert course_section(of_run(pf.fit("mlp", "iris", epochs=1, doctor=False))) is None
    file = run.folder.epochs / "0002.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    try:
        with pytest.raises(ProfundoError, match=r"0002\.safetensors: expected the weights after an epoch"):
            course_section(of_run(run))
    finally:
        file.write_bytes(whole)


def test_rows_with_real_targets_have_one_as_well(tmp_path):
    run = pf.fit("mlp", "diabetes", epochs=2, doctor=False, keep_epochs=True, out=tmp_path / "run")
    section = course_section(of_run(run))
    assert section.values["epochs"] == [0, 1, 2]
    assert "gradients" in section.part.figures[2].caption
