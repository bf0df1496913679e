"""From a folder of sounds to a service: train, resume, predict, export, report, look, serve; each says the same."""

import base64
import io
import json
import wave

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.data.augmenting.augment import augmentation
from profundo.data.augmenting.options import IMAGES, SOUNDS
from profundo.lab.application import application
from profundo.looks.sound_pictures import audible, sound_pictures
from profundo.mel import mel_filters
from profundo.nets.sound_nets import BandStatistics, LogMel
from profundo.records import Inputs, ProfundoError, SoundForm, Spec, Targets
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
from profundo.use.exporting import export
from profundo.use.predicting import predict_files, predictor
from served import ask

RATE = 8000
SPEC = Spec(Inputs((1, 2000), "sound", (0.0,), (1.0,), sound=SoundForm(RATE)), Targets("binary", ("falling", "rising")))


def wav(samples, rate=RATE) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def chirp(rising, draw, seconds=0.25):
    at = np.arange(int(seconds * RATE)) / RATE
    low = draw.uniform(400, 900)
    sweep = 0.3 * np.hanning(len(at)) * np.sin(2 * np.pi * low * (at + at**2 / seconds))
    return (sweep if rising else sweep[::-1]) + draw.normal(0, 0.01, len(at))


@pytest.fixture(scope="module")
def chirps(tmp_path_factory):
    folder, draw = tmp_path_factory.mktemp("chirps"), np.random.default_rng(0)
    for label, name in enumerate(("falling", "rising")):
        (folder / name).mkdir()
        for take in range(50):
            (folder / name / f"{take}.wav").write_bytes(wav(chirp(bool(label), draw)))
    return folder


@pytest.fixture(scope="module")
def run(chirps, tmp_path_factory):
    return train(
        new_experiment(data=str(chirps), epochs=8, device="cpu"), out=tmp_path_factory.mktemp("runs") / "chirps"
    )


def test_training_needs_no_option_and_beats_the_yardstick_where_order_in_time_tells(run):
    assert run.experiment.net == "logmel_cnn"
    assert run.scores.values["accuracy"] >= 0.9
    assert "log-mel bands" in run.scores.linear_name
    assert run.scores.linear["accuracy"] < 0.8  # mean and deviation know no order


def test_files_archives_and_bytes_are_predicted_as_in_evaluation(run, chirps):
    test = run.data.test
    told = predict_files(run.folder.path, [chirps])
    assert len(told) == 100
    right = sum(one["input"].split("/")[-2] == one["prediction"] for one in told)
    assert right >= 90
    path = chirps / "rising" / "7.wav"
    (one,), (other,) = predict_files(run.folder.path, [path]), predictor(run.folder.path).sounds([path.read_bytes()])
    assert one["probabilities"] == pytest.approx(other["probabilities"])
    with pytest.raises(ProfundoError, match="its net takes no images"):
        predictor(run.folder.path).images([b""])
    assert len(test) == 20


def test_what_is_no_sound_is_told_of_in_one_line(run, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"nothing")
    with pytest.raises(ProfundoError, match=r"bad\.wav: expected a sound, but it does not read: neither WAV"):
        predict_files(run.folder.path, [bad])


def test_the_exported_net_takes_samples_and_answers_the_same(run, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    written = export(run.folder.path, "onnx", tmp_path)
    assert written.difference < 1e-4
    session = onnxruntime.InferenceSession(str(written.model))
    raw = run.data.test.inputs[:4].numpy()
    assert raw.dtype == np.int16
    theirs = session.run(None, {"sounds": raw})[0]
    ours = predictor(run.folder.path).outputs(run.data.test.inputs[:4]).numpy()
    assert np.abs(theirs[:, 1] - ours).max() < 1e-4
    assert "microphones" in (tmp_path / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("net", ["logmel_gru", "raw_cnn"])
def test_the_other_nets_are_exported_too(net):
    pytest.importorskip("onnxruntime")
    from profundo.objectives import default
    from profundo.runs.whole_nets.end_to_end import Whole, example
    from profundo.runs.whole_nets.onnx_graphs import onnx_graph, run_graph

    whole = Whole(pf.nets.build(net, SPEC), SPEC, default(SPEC.targets)).eval()
    raw = example(SPEC, 5)
    theirs = run_graph(onnx_graph(whole, example(SPEC), "sounds").SerializeToString(), {"sounds": raw.numpy()})
    assert np.abs(theirs - whole(raw).detach().numpy()).max() < 1e-4


def test_the_report_shows_waves_and_plays_the_worst(run):
    page = run.folder.report.read_text()
    assert "the wave above its log-mel spectrogram" in page
    assert page.count("data:audio/wav;base64,") == len(run.scores.worst)


def test_an_interrupted_training_ends_with_the_same_bits(chirps, tmp_path):
    import signal

    from profundo.records import Interrupted
    from profundo.runs.supervised import resume
    from profundo.runs.voice import Quiet

    class Impatient(Quiet):
        def show(self, step, _row):
            if step.epoch == 1:
                signal.raise_signal(signal.SIGINT)

    asked = new_experiment(data=str(chirps), epochs=3, device="cpu", checkpoint_seconds=0)
    whole = train(asked, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(asked, out=tmp_path / "part", voice=Impatient())
    again = resume(tmp_path / "part")
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[name]), name


def test_it_is_served(run, chirps):
    app = application(predictor(run.folder.path), "chirps")
    content = (chirps / "rising" / "7.wav").read_bytes()
    (expected,) = predict_files(run.folder.path, [chirps / "rising" / "7.wav"])
    parts = b"".join(
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="%d.wav"\r\n\r\n%s\r\n' % (at, content)
        for at in range(2)
    )
    bodies = {
        "audio/wav": (content, ["sound"]),
        "audio/x-wav": (content, ["sound"]),
        "multipart/form-data; boundary=x": (parts + b"--x--\r\n", ["0.wav", "1.wav"]),
        "application/json": (json.dumps({"sounds": [base64.b64encode(content).decode()]}).encode(), ["sound 1"]),
    }
    for kind, (body, names) in bodies.items():
        answer = ask(app, "POST", "/predict", {"content-type": kind}, body)
        assert answer.status == 200, answer.body
        told = json.loads(answer.body)["predictions"]
        assert [one["input"] for one in told] == names
        assert all(one["prediction"] == expected["prediction"] for one in told)
    for kind, body, status in (("audio/wav", b"junk", 400), ("image/png", content, 415), ("text/csv", b"a", 415)):
        refused = ask(app, "POST", "/predict", {"content-type": kind}, body)
        assert refused.status == status, refused.body
    page = ask(app, "GET", "/").body.decode()
    assert "Your sounds" in page
    assert "It takes sounds, 0.25 s of each at 8 kHz" in page
    assert "audio/wav" in ask(app, "GET", "/openapi.json").body.decode()


# -------------------------------------------------------------------------------------------------------------- the look
def test_a_look_tells_what_is_suspicious(tmp_path):
    draw = np.random.default_rng(1)
    for name, rate in (("a", 8000), ("b", 16_000)):
        (tmp_path / name).mkdir()
        for take in range(12):
            (tmp_path / name / f"{take}.wav").write_bytes(wav(draw.normal(0, 0.1, 4000).clip(-1, 1), rate))
    (tmp_path / "a" / "silent.wav").write_bytes(wav(np.zeros(4000)))
    (tmp_path / "a" / "clipped.wav").write_bytes(wav(np.sign(np.sin(np.arange(4000) / 9))))
    (tmp_path / "a" / "cut.wav").write_bytes(wav(draw.normal(0, 0.1, 4000))[:4000])
    (tmp_path / "a" / "long.wav").write_bytes(wav(draw.normal(0, 0.1, 80_000)))
    (tmp_path / "b" / "copy.wav").write_bytes((tmp_path / "b" / "3.wav").read_bytes())
    (tmp_path / "b" / "quarrel.wav").write_bytes((tmp_path / "a" / "3.wav").read_bytes())
    (tmp_path / "b" / "broken.wav").write_bytes(b"RIFF")
    (tmp_path / "b" / "notes.txt").write_bytes(b"x")
    look = pf.look(tmp_path)
    told = " ".join(finding.what + " ".join(finding.examples) for finding in look.findings)
    for words in (
        "1 sound is silent", "a/silent.wav", "1 sound is clipped", "a/clipped.wav", "shorter than their header", "a/cut.wav",
        "more than 10 times as long", "a/long.wav", "exact copy of another", "under different classes", "b/broken.wav (neither",
        "1 file is no sound by name",
    ):  # fmt: skip
        assert words in told, words
    assert "different rates" in told
    assert look.sounds.rates == {8000: 17, 16_000: 13}
    assert look.sounds.unreadable == 1
    assert "16,000 Hz 13" in str(look)
    assert "different rates" in look.page()
    json.dumps(look.as_plain_data())


def test_a_rate_that_gives_the_class_away_is_a_warning(tmp_path):
    for name, rate in (("a", 8000), ("b", 16_000)):
        (tmp_path / name).mkdir()
        for take in range(12):
            samples = np.random.default_rng(take).normal(0, 0.1, 4000)
            (tmp_path / name / f"{take}.wav").write_bytes(wav(samples, rate))
    assert any("may give the class away" in finding.what for finding in pf.look(tmp_path).findings)


def test_clean_sounds_have_no_findings(chirps):
    look = pf.look(chirps)
    assert look.findings == ()
    data = pf.load(chirps)
    assert look.training == {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}
    assert look.shape == data.spec.inputs.shape


# -------------------------------------------------------------------------------------------------- spectrum and changes
@pytest.mark.parametrize(("rate", "samples"), [(8000, 5320), (8000, 1), (16_000, 4001), (44_100, 9999)])
def test_the_spectrogram_is_that_of_a_fourier_transform(rate, samples):
    sounds = torch.randn(3, 1, samples, generator=torch.Generator().manual_seed(0))
    layer = LogMel(rate)
    window = 2 * layer.hop
    padded = torch.nn.functional.pad(sounds[:, 0], (layer.hop, layer.hop + -samples % layer.hop))
    frames = padded.double().unfold(1, window, layer.hop) * torch.hann_window(window, dtype=torch.float64)
    power = torch.fft.rfft(frames).abs().square() @ mel_filters(40, window, rate).double().T
    assert torch.allclose(layer.power(sounds).double(), power, rtol=1e-3, atol=1e-4)


def test_volume_and_a_microphones_colour_drop_out():
    sounds = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    layer = LogMel(RATE)
    assert torch.allclose(layer(sounds), layer(0.01 * sounds), atol=1e-3)
    assert torch.allclose(layer(sounds).mean(3), torch.zeros(2, 1, 40), atol=1e-4)


def test_half_precision_leaves_the_spectrogram_alone():
    sounds = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    layer = LogMel(RATE)
    with torch.autocast("cpu", torch.bfloat16):
        inside = layer(sounds)
    assert torch.equal(inside, layer(sounds))


def test_band_statistics_leave_silence_around_a_sound_out():
    sound = torch.randn(1, 1, 4096, generator=torch.Generator().manual_seed(0))
    alone, padded = BandStatistics(RATE)(sound), BandStatistics(RATE)(torch.nn.functional.pad(sound, (2048, 2048)))
    assert alone.shape == (1, 80)
    assert (alone - padded).abs().max() < 0.5
    assert torch.isfinite(BandStatistics(RATE)(torch.zeros(2, 1, 4000))).all()


def changed(name, sounds, seed=0, **options):
    return augmentation([{name: options}], SPEC)(sounds, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", [name for name in SOUNDS if name != "mixup"])
def test_changes_of_sounds_keep_the_shape_and_are_decided_by_the_seed(name):
    sounds = torch.randn(8, 1, 2000, generator=torch.Generator().manual_seed(0))
    before = sounds.clone()
    once = changed(name, sounds, 1)
    assert torch.equal(sounds, before)
    assert once.shape == sounds.shape
    assert torch.equal(once, changed(name, sounds, 1))
    assert not torch.equal(once, changed(name, sounds, 2))
    assert not torch.equal(once, sounds)


def test_each_change_does_what_it_says():
    at = torch.arange(2000) / RATE
    tone = torch.sin(2 * torch.pi * 1000 * at).expand(20, 1, 2000)

    def peaks(sounds):
        return torch.fft.rfft(sounds[:, 0] * torch.hann_window(2000)).abs().argmax(1) * RATE / 2000

    faster = peaks(changed("speed", tone, factor=[0.8, 1.25]))
    assert 790 < faster.min() < 900
    assert 1100 < faster.max() < 1260
    exact = changed("speed", tone, factor=[1, 1])
    assert torch.allclose(exact, tone, atol=1e-5)
    click = torch.zeros(20, 1, 2000)
    click[:, :, 1000] = 1
    places = changed("shift", click, reach=0.25).argmax(2)
    assert 500 <= places.min() < 800
    assert 1200 < places.max() <= 1500
    louder = changed("gain", tone, decibels=6).square().mean((1, 2)).sqrt() / tone.square().mean((1, 2)).sqrt()
    assert 0.5 <= louder.min() < 0.8
    assert 1.3 < louder.max() <= 2.0
    noise = torch.randn(20, 1, 2000, generator=torch.Generator().manual_seed(0))
    masked = changed("mask", noise, time=0.5, frequency=0.0)
    silent = (masked == 0).float().mean((1, 2))
    assert 0.3 < silent.max() <= 0.5
    left = torch.fft.rfft(changed("mask", noise, time=0.0, frequency=0.5)).abs()
    assert 0.3 < (left < 1e-3).float().mean((1, 2)).max() <= 0.51
    quiet = changed("noise", 1e-3 * tone, deviation=0.2)
    assert (quiet - 1e-3 * tone).abs().max() < 2e-3  # beside the sound's own level


def test_changes_meant_for_other_data_are_refused():
    images = Spec(Inputs((1, 8, 8), "image"), SPEC.targets)
    for name in set(IMAGES) - set(SOUNDS):
        with pytest.raises(ProfundoError, match=f"'{name}' is for images; these data are sounds"):
            augmentation([name], SPEC)
    for name in ("speed", "gain", "mask"):
        with pytest.raises(ProfundoError, match=f"'{name}' is for sounds; these data are images"):
            augmentation([name], images)


def test_pictures_show_the_wave_and_the_pitch():
    at = torch.arange(8000) / RATE
    low, high = (8000 * torch.sin(2 * torch.pi * f * at) for f in (300, 3000))
    pictures = sound_pictures(torch.stack([low, high, torch.zeros(8000)]).to(torch.int16)[:, None], RATE)
    assert pictures.dtype == torch.uint8
    assert pictures.shape[:2] == (3, 1)
    rows = pictures[:, 0, 31:].float().mean(2).argmax(1)
    assert rows[0] > rows[1]  # low pitch is below
    assert (pictures[2, 0, 31:] == 0).all()
    assert pictures[0, 0, :31].float().mean() > pictures[2, 0, :31].float().mean()
    heard = audible(low.to(torch.int16)[None], RATE)
    with wave.open(io.BytesIO(base64.b64decode(heard.partition(",")[2]))) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, 8000)
