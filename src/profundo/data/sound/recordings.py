"""The bytes of a sound file → its samples; and one rate and one length for all of them.

Plain WAV (PCM of 8 to 32 bits, floats, WAVE_FORMAT_EXTENSIBLE, RF64) is read here, so that it needs no other package and
headers of streamed files, which could not know their size, are read as they are meant. FLAC, Ogg, MP3, AIFF and compressed
WAV are read by libsndfile (the package soundfile). The content decides which, never the name. No length that a file
declares is believed: memory is taken for what is there, and for no more than MOST_VALUES numbers.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from profundo.files import in_words
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["RATES", "Recording", "as_heard", "decode", "loudest", "resampled", "to_length"]

MOST_VALUES = 2**26  # of one file: 25 minutes of one channel at 44.1 kHz
MOST_CHANNELS = 64
RATES = (1_000, 768_000)  # least and greatest, in Hz
STREAMED = 0x7FFF0000  # bytes from which on a declared size stands for "not known when the header was written"
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
GUID_TAIL = bytes.fromhex("0000 0000 1000 8000 00AA 0038 9B71")  # of a format in WAVE_FORMAT_EXTENSIBLE
BLOCK = 2**16  # frames that libsndfile is asked for at once
OTHER_FORMATS = (b"fLaC", b"OggS", b"ID3", b"FORM")


@dataclass(frozen=True, slots=True)
class Recording:
    """samples: float32 (frames, channels) in [−1, 1]; rate: frames a second; missing: frames that the header promised and
    the file does not have."""

    samples: np.ndarray
    rate: int
    missing: int = 0


def decode(content: bytes) -> Recording:
    """The recording in a file of these bytes. Raises ValueError with the reason when there is none that can be used, and
    ProfundoError where the package that reads this format is not installed."""
    is_wav = content[:4] in (b"RIFF", b"RF64") and content[8:12] == b"WAVE"
    is_mp3 = len(content) > 2 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0
    if not is_wav and not is_mp3 and not content.startswith(OTHER_FORMATS):
        raise ValueError("neither WAV, FLAC, Ogg, MP3 nor AIFF" if content else "the file is empty")
    form = _form(content) if is_wav else None
    recording = _pcm(content, form) if form is not None and form.is_plain else _by_libsndfile(content)
    if not len(recording.samples):
        raise ValueError("it holds no sound")
    if not np.isfinite(recording.samples).all():
        raise ValueError("some of its samples are no finite numbers")
    peak = float(np.abs(recording.samples).max())
    return recording if peak <= 1 else Recording(recording.samples / peak, recording.rate, recording.missing)


# ----------------------------------------------------------------------------------------------------------------- WAV
@dataclass(frozen=True, slots=True)
class _Form:
    """What the header of a WAV says. begin, size: of the samples, in bytes; −1 for a size that is not known."""

    tag: int
    channels: int
    rate: int
    width: int
    begin: int
    size: int

    @property
    def is_plain(self) -> bool:
        return (self.tag == PCM and self.width in (1, 2, 3, 4)) or (self.tag == FLOAT and self.width in (4, 8))


def _form(content: bytes) -> _Form:
    """From the chunks of a RIFF file: four letters, a size of four bytes, that many bytes and one more where it is odd."""
    at, described, long_size = 12, None, -1
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        if name == b"ds64" and at + 16 <= len(content):  # of RF64: sizes of eight bytes
            long_size = struct.unpack_from("<Q", content, at + 8)[0]
        elif name == b"fmt ":
            described = _described(content[at : at + size])
        elif name == b"data":
            if described is None:
                break
            size = long_size if size == 0xFFFFFFFF and long_size > 0 else size
            is_known = 0 < size < STREAMED or size == long_size
            return _Form(*described, begin=at, size=size if is_known else -1)
        at += size + size % 2
    raise ValueError("a WAV without a description of its samples, or without samples; perhaps it ends early")


def _described(chunk: bytes) -> tuple[int, int, int, int]:
    """(format, channels, rate, bytes of a sample)."""
    if len(chunk) < 16:
        raise ValueError("its description of the samples ends early")
    tag, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == EXTENSIBLE and len(chunk) >= 40 and chunk[26:40] == GUID_TAIL:
        tag = struct.unpack_from("<H", chunk, 24)[0]
    _check(rate, channels)
    width = frame // channels
    if tag in (PCM, FLOAT) and (width * channels != frame or not 0 < bits <= 8 * width):
        raise ValueError(f"its header contradicts itself: {channels} channels of {bits} bits in {frame} bytes")
    return tag, channels, rate, width


def _check(rate: int, channels: int) -> None:
    if not RATES[0] <= rate <= RATES[1] or not 1 <= channels <= MOST_CHANNELS:
        raise ValueError(f"expected 1 to 768 kHz and 1 to {MOST_CHANNELS} channels, got {rate:,} Hz and {channels}")


def _pcm(content: bytes, form: _Form) -> Recording:
    there = len(content) - form.begin
    size = there if form.size < 0 else min(there, form.size)
    frame = form.width * form.channels
    frames = size // frame
    _check_size(frames * form.channels)
    raw = content[form.begin : form.begin + frames * frame]
    samples = _amplitudes(raw, form.width, form.tag == FLOAT).reshape(frames, form.channels)
    return Recording(samples, form.rate, max(0, form.size // frame - frames) if form.size > 0 else 0)


def _amplitudes(raw: bytes, width: int, is_float: bool) -> np.ndarray:
    """float32 from little-endian numbers: whole ones in [−1, 1), unsigned with 8 bits, signed with 16, 24 and 32."""
    if is_float:
        with np.errstate(over="ignore"):  # becomes infinite, which is refused
            return np.frombuffer(raw, "<f4" if width == 4 else "<f8").astype(np.float32)
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:  # put a zero byte below each
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        raw, width = wide.tobytes(), 4
    return (np.frombuffer(raw, f"<i{width}") / 2.0 ** (8 * width - 1)).astype(np.float32)


def _check_size(values: int) -> None:
    if values > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} samples; cut it into shorter ones")


# ----------------------------------------------------------------------------------------------------------- libsndfile
def _by_libsndfile(content: bytes) -> Recording:
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            _check(file.samplerate, file.channels)
            blocks: list[np.ndarray] = []
            read = 0
            while len(block := file.read(BLOCK, "float32", always_2d=True)):
                read += block.size
                _check_size(read)
                blocks.append(block)
            whole = np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)
            declared = file.frames if 0 < file.frames < 2**40 else 0
            return Recording(whole, file.samplerate, max(0, declared - len(whole)) if file.format != "MP3" else 0)
    except (soundfile.SoundFileError, RuntimeError, TypeError, OSError) as error:
        raise ValueError(in_words(error)) from None


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package without its library
        raise ProfundoError(Said("refusals.soundfile")) from None
    return soundfile


# --------------------------------------------------------------------------------------------------- one rate and length
def as_heard(recording: Recording, rate: int, length: int) -> np.ndarray:
    """float32 (length,) at this rate: the mean of the channels, the loudest stretch of a longer sound, a shorter one in the
    middle of silence."""
    return to_length(resampled(recording.samples.mean(1), recording.rate, rate), length)


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """The sound (samples,) at another rate; what the new one cannot hold is filtered out, so that nothing folds over.

    Polyphase: filled up with zeros to `wanted`, filtered by a windowed sinc, thinned out; only what stays is computed.
    """
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly  # takes a while to import

    ratio = Fraction(wanted, rate).limit_denominator(1000)  # odd rates to 1 in a million
    up, down = max(1, ratio.numerator), ratio.denominator
    return np.asarray(resample_poly(samples, up, down), np.float32)


def to_length(samples: np.ndarray, length: int) -> np.ndarray:
    """float32 (length,)."""
    if len(samples) > length:
        begin = loudest(samples, length)
        return samples[begin : begin + length]
    before = (length - len(samples)) // 2
    return np.pad(samples, (before, length - len(samples) - before))


def loudest(samples: np.ndarray, length: int) -> int:
    """Where the stretch of that length with the most energy begins."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[:-length]))
