"""Sound: WAV files, and log-mel spectrograms.

A recording becomes the power of short overlapping windows (Fourier transform of 32 ms every 16 ms), summed over bands
that are equally wide on the mel scale of pitch, in decibels below the loudest value. The level of the recording drops
out; what is 80 dB below the loudest counts as silence.
"""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from math import gcd
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.data.streams.archives import printable, read_whole
from profundo.records import ProfundoError

__all__ = [
    "BANDS",
    "FLOOR",
    "RATE",
    "decibels",
    "hertz",
    "load_wav",
    "log_mel",
    "mel",
    "mel_filters",
    "read_wav",
    "resampled",
    "spectrogram",
    "wav_files",
    "wavs_in_zip",
]

RATE = 8000  # samples a second; other recordings are resampled to it
WINDOW, HOP = 256, 128  # samples: 32 ms and 16 ms
BANDS = 40
FLOOR = -80.0  # dB
LARGEST_FILE = 2**25  # bytes of one recording
LONGEST = 60  # seconds of one recording
MOST_FILES = 100_000
MOST_BYTES = 2**31  # of all recordings in an archive together


def log_mel(samples: Tensor, bands: int = BANDS) -> Tensor:
    """dB (frames, bands) of a sound (samples,) at 8 kHz: frame k is centred on sample 128 k."""
    return decibels(mel_filters(bands) @ spectrogram(samples)).T


def spectrogram(samples: Tensor, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Power |Σₙ w(n) x(n) e^(−2πi f n/N)|² of every window, (frequencies, frames), with Hann's window w."""
    transformed = torch.stft(
        samples, window, hop, window=torch.hann_window(window), pad_mode="constant", return_complex=True
    )
    power: Tensor = transformed.abs().square()
    return power


def decibels(power: Tensor, floor: float = FLOOR) -> Tensor:
    """10 log₁₀(power / largest power), not below the floor. Of silence: the floor everywhere."""
    peak = power.max()
    if peak <= 0:
        return torch.full_like(power, floor)
    return (10 * torch.log10(power / peak)).clamp(min=floor)


def mel(hertz: float) -> float:
    """Pitch in mel: 2595 log₁₀(1 + f/700) (O'Shaughnessy 1987); 1000 Hz are 1000 mel."""
    return float(2595 * np.log10(1 + hertz / 700))


def hertz(mel: float) -> float:
    """The inverse: 700 (10^(m/2595) − 1)."""
    return float(700 * (10 ** (mel / 2595) - 1))


@lru_cache(maxsize=8)
def mel_filters(bands: int = BANDS, window: int = WINDOW, rate: int = RATE) -> Tensor:
    """Triangles (bands, frequencies) whose corners are equally far apart in mel, from 0 to half the rate; height 1.

    Narrower than the distance of two frequencies, a triangle could miss them all: it then takes the nearest.
    """
    corners = torch.tensor([hertz(m) for m in np.linspace(0, mel(rate / 2), bands + 2)], dtype=torch.float64)
    frequencies = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64)
    left, middle, right = (corners[i : i + bands, None] for i in range(3))
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    filters = torch.minimum(rising, falling).clamp(min=0)
    nearest = F.one_hot((frequencies - middle).abs().argmin(1), len(frequencies))
    return torch.where(filters.sum(1, keepdim=True) > 0, filters, nearest.double()).float()


def resampled(samples: Tensor, rate: int, wanted: int = RATE) -> Tensor:
    """The sound (samples,) at another rate: its Fourier transform cut or filled up, so that nothing folds over.

    It is first filled up with silence to whole periods that both rates share, lest time be stretched.
    """
    if rate == wanted:
        return samples
    period = rate // gcd(rate, wanted)
    filled = F.pad(samples, (0, -len(samples) % period)).double()
    length = len(filled) // period * (wanted * period // rate)
    changed: Tensor = torch.fft.irfft(torch.fft.rfft(filled), n=length) * (length / len(filled))
    return changed[: max(1, round(len(samples) * wanted / rate))].float()


def load_wav(path: Path) -> Tensor:
    """float32 (samples,) at 8 kHz of a WAV file. Raises ProfundoError when there is none or it does not read."""
    return read_wav(read_whole(path, "a WAV file", LARGEST_FILE, "cut it"), str(path))


def read_wav(content: bytes, name: str) -> Tensor:
    """float32 (samples,) in [−1, 1) at 8 kHz from the bytes of a WAV: PCM of 8, 16, 24 or 32 bits, channels averaged.

    Raises ProfundoError with the name when it is damaged, compressed, empty or longer than a minute.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, rate, count = file.getparams()[:4]
            if not 1000 <= rate <= 400_000 or not 1 <= channels <= 64:
                raise ProfundoError(f"{name}: expected 1 to 400 kHz, got {rate} Hz and {channels} channels")
            if count > LONGEST * rate:
                raise ProfundoError(f"{name}: expected at most {LONGEST} s of sound, got {count / rate:.0f} s; cut it")
            raw = file.readframes(count)
    except (wave.Error, EOFError, struct.error, RuntimeError) as error:
        raise ProfundoError(
            f"{printable(name)}: expected a WAV file of plain PCM, but it does not read: {str(error) or 'it ends early'}"
        ) from None
    raw = raw[: len(raw) // (width * channels) * width * channels]
    if not raw:
        raise ProfundoError(f"{printable(name)}: expected sound, found none")
    samples = amplitudes(raw, width).reshape(-1, channels).mean(1)
    return resampled(torch.from_numpy(samples), rate)


def amplitudes(raw: bytes, width: int) -> np.ndarray:
    """Numbers in [−1, 1) from little-endian PCM: unsigned with 8 bits, signed with 16, 24 and 32."""
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:  # put a zero byte below each
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        raw, width = wide.tobytes(), 4
    kind = {2: "<i2", 4: "<i4"}[width]
    return (np.frombuffer(raw, kind) / 2.0 ** (8 * width - 1)).astype(np.float32)


def wav_files(place: Path) -> list[Path]:
    """The WAV files of a folder by name, hidden ones left out."""
    return sorted(
        f for f in place.iterdir() if f.suffix.lower() == ".wav" and not f.name.startswith(".") and f.is_file()
    )


def wavs_in_zip(path: Path) -> Iterator[tuple[str, Tensor]]:
    """(name, sound) of every WAV in a .zip. What an entry declares is checked before it is read; nothing is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.lower().endswith(".wav")]
            large = max((member.file_size for member in members), default=0)
            if len(members) > MOST_FILES or large > LARGEST_FILE or sum(m.file_size for m in members) > MOST_BYTES:
                raise ProfundoError(
                    f"{path}: expected at most {MOST_FILES:,} recordings of {LARGEST_FILE >> 20} MB, together "
                    f"{MOST_BYTES >> 30} GB; it declares {len(members):,}, the largest of {large:,} bytes; not read"
                )
            for member in members:
                with archive.open(member) as file:
                    yield printable(member.filename), read_wav(file.read(member.file_size), printable(member.filename))
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ProfundoError(f"{path}: expected a .zip of WAV files, but it does not read: {error}") from None
