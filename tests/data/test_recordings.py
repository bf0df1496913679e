"""Sound files of every form mean the same amplitudes; what is damaged or hostile is refused, in one line and little memory."""

import io
import struct

import numpy as np
import pytest

from profundo.data.sound import recordings
from profundo.data.sound.recordings import as_heard, decode, loudest, resampled, to_length
from profundo.records import ProfundoError

RATE = 8000
VALUES = np.array([[-1.0], [0.0], [0.5], [0.25]], np.float32)


def riff(form: bytes, data: bytes, size=None, kind=b"RIFF", before=b"") -> bytes:
    size = len(data) if size is None else size
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + data
    return kind + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def described(tag=1, channels=1, rate=RATE, bits=16, width=None):
    frame = channels * (width or -(-bits // 8))
    return struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)


def extensible(tag, bits, width, channels=1):
    guid = struct.pack("<H", tag) + bytes.fromhex("0000 0000 1000 8000 00AA 0038 9B71")
    head = described(0xFFFE, channels, bits=8 * width, width=width)
    return head + struct.pack("<HHI", 22, bits, 0) + guid


def pcm(values, bits):
    whole = np.rint(values.flatten() * 2.0 ** (bits - 1)).clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int64)
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    return b"".join(int(value).to_bytes(bits // 8, "little", signed=True) for value in whole)


@pytest.mark.parametrize(
    "content",
    [
        *(riff(described(bits=bits), pcm(VALUES, bits)) for bits in (8, 16, 24, 32)),
        riff(described(3, bits=32), VALUES.tobytes()),
        riff(described(3, bits=64), VALUES.astype("<f8").tobytes()),
        riff(extensible(1, 16, 2), pcm(VALUES, 16)),
        riff(extensible(1, 20, 3), pcm(VALUES, 24)),  # 20 bits that are sent in 24
        riff(extensible(3, 32, 4), VALUES.tobytes()),
        riff(described(), pcm(VALUES, 16), size=0),  # streamed: nobody came back to write the size
        riff(described(), pcm(VALUES, 16), size=0xFFFFFFFF),
        riff(described(), pcm(VALUES, 16), size=0x7FFFF000),
        riff(
            described(), pcm(VALUES, 16), before=b"LIST" + struct.pack("<I", 3) + b"abc\0"
        ),  # odd chunks are filled up
        riff(described(), pcm(VALUES, 16), 0xFFFFFFFF, b"RF64", b"ds64" + struct.pack("<IQQQI", 28, 0, 8, 4, 0)),
    ],
    ids=lambda content: content[:4].decode() + content[20:22].hex() + content[34:36].hex(),
)
def test_every_form_of_wav_means_the_same_amplitudes(content):
    recording = decode(content)
    assert recording.samples.tolist() == VALUES.tolist()
    assert (recording.rate, recording.missing) == (RATE, 0)


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "AIFF", "WAV ULAW", "WAV IMA_ADPCM"])
def test_other_formats_are_read_by_their_content(kind):
    soundfile = pytest.importorskip("soundfile")
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    file = io.BytesIO()
    form, _, subtype = kind.partition(" ")
    soundfile.write(file, np.stack([tone, tone], 1), RATE, format=form, subtype=subtype or None)
    recording = decode(file.getvalue())
    assert recording.rate == RATE
    assert recording.samples.shape[1] == 2
    heard = as_heard(recording, RATE, RATE // 2)
    spectrum = np.abs(np.fft.rfft(heard))
    assert abs(spectrum.argmax() * 2 - 440) <= 2
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_wav_is_read_as_libsndfile_reads_it():
    soundfile = pytest.importorskip("soundfile")
    draw = np.random.default_rng(0)
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        file = io.BytesIO()
        soundfile.write(file, draw.uniform(-0.9, 0.9, (100, 6)), 96_000, format="WAVEX", subtype=subtype)
        theirs, rate = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32", always_2d=True)
        ours = decode(file.getvalue())
        assert ours.rate == rate
        assert np.abs(ours.samples - theirs).max() < 1e-6


GOOD = riff(described(), pcm(VALUES, 16))
HOSTILE = {
    "empty": (b"", "empty"),
    "text": (b"once upon a time", "neither WAV"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(50), "neither WAV"),
    "only a header": (riff(described(), b""), "no sound"),
    "cut in the header": (GOOD[:30], "ends early"),
    "no description": (b"RIFF\0\0\0\0WAVEdata" + struct.pack("<I", 4) + bytes(4), "without a description"),
    "half a frame": (riff(described(), b"\1"), "no sound"),
    "no channels": (riff(described(channels=0, width=2), bytes(8)), "Hz and 0$"),
    "many channels": (riff(described(channels=5000), bytes(20000)), "Hz and 5000$"),
    "no rate": (riff(described(rate=0), bytes(8)), "0 Hz"),
    "contradiction": (riff(described(bits=24, width=2), bytes(8)), "contradicts"),
    "not a number": (riff(described(3, bits=32), np.array([0, np.nan], "<f4").tobytes()), "no finite"),
    "beyond float32": (riff(described(3, bits=64), np.array([0, 1e300], "<f8").tobytes()), "no finite"),
    "a loop of empty chunks": (b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 1000, "ends early"),
    "a chunk beyond the end": (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff", "ends early"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_sound_is_refused_with_the_reason(kind):
    content, reason = HOSTILE[kind]
    with pytest.raises(ValueError, match=reason) as caught:
        decode(content)
    assert "\n" not in str(caught.value)


def test_damaged_files_of_other_formats_are_refused_in_one_line():
    soundfile = pytest.importorskip("soundfile")
    for form in ("FLAC", "OGG", "MP3", "AIFF"):
        file = io.BytesIO()
        soundfile.write(file, np.sin(np.arange(4000)), RATE, format=form)
        whole = file.getvalue()
        for damaged in (whole[:20], whole[:4] + bytes(200), whole[:4] + b"\xff" * 200):
            with pytest.raises(ValueError, match=r"\w") as caught:
                decode(damaged)
            assert "\n" not in str(caught.value)


def test_a_header_that_promises_ten_hours_takes_no_memory_and_is_told_of():
    recording = decode(riff(described(), pcm(VALUES, 16), size=10 * 3600 * RATE * 2))
    assert len(recording.samples) == 4
    assert recording.missing == 10 * 3600 * RATE - 4
    pytest.importorskip("soundfile")
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(4000)), RATE, format="FLAC")
    content = bytearray(file.getvalue())
    content[21] |= 0x0F  # of FLAC's 36 bits of total samples the highest
    content[22:26] = b"\xff" * 4
    try:
        assert len(decode(bytes(content)).samples) == 4000
    except ValueError:
        pass  # some versions of the library refuse it


def test_files_that_unpack_to_more_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(recordings, "MOST_VALUES", 100_000)
    with pytest.raises(ValueError, match="more than 100,000 samples"):
        decode(riff(described(), bytes(400_000)))
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, np.zeros(200_000), RATE, format="FLAC")  # a few hundred bytes
    assert len(file.getvalue()) < 10_000
    with pytest.raises(ValueError, match="more than 100,000 samples"):
        decode(file.getvalue())


def test_a_missing_package_is_named_with_what_to_do(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert len(decode(GOOD).samples) == 4  # plain WAV needs none
    with pytest.raises(ProfundoError, match=r'pip install "profundo\[sound\]"'):
        decode(b"fLaC" + bytes(50))


def test_values_beyond_full_scale_are_made_softer_and_others_are_left():
    loud = decode(riff(described(3, bits=32), np.array([0, -30_000, 15_000], "<f4").tobytes()))
    assert loud.samples[:, 0].tolist() == [0, -1, 0.5]
    assert decode(GOOD).samples.max() == 0.5


@pytest.mark.parametrize("rate", [4000, 8000, 11_025, 44_100, 96_000, 44_099])
def test_resampling_keeps_a_tone_and_its_length_and_drops_what_the_new_rate_cannot_hold(rate):
    def tone(frequency, rate):
        return np.sin(2 * np.pi * frequency * np.arange(rate // 2) / rate).astype(np.float32)

    same = resampled(tone(440, rate), rate, RATE)
    assert same.dtype == np.float32
    assert abs(len(same) - RATE // 2) <= 1
    inner = slice(200, -200)
    assert np.abs(same[: RATE // 2][inner] - tone(440, RATE)[: len(same)][inner]).max() < 0.02
    if rate > 2 * 6000:
        assert np.abs(resampled(tone(6000, rate), rate, RATE)[inner]).max() < 0.02


def test_the_loudest_stretch_of_a_long_sound_is_taken_and_a_short_one_lies_in_silence():
    long = np.zeros(1000, np.float32)
    long[700:720] = 1
    assert 620 <= loudest(long, 100) <= 700
    assert to_length(long, 100).sum() == 20
    assert to_length(np.ones(3, np.float32), 8).tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert to_length(np.ones(8, np.float32), 8).tolist() == [1.0] * 8
