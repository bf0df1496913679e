"""Sound: WAV files, and log-mel spectrograms.

A recording becomes the power of short overlapping windows (Fourier transform of 32 ms every 16 ms), summed over bands
that are equally wide on the mel scale of pitch, in decibels below the loudest value. The level of the recording drops
out; what is 80 dB below the loudest counts as silence.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from profundo.data.sound.recordings import decode, resampled
from profundo.data.streams.archives import printable, read_whole
from profundo.mel import mel_filters
from profundo.records import ProfundoError

__all__ = [
    "BANDS",
    "FLOOR",
    "RATE",
    "decibels",
    "load_wav",
    "log_mel",
    "log_mels",
    "read_wav",
    "spectrogram",
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
    return decibels(mel_filters(bands, WINDOW, RATE) @ spectrogram(samples)).T


def log_mels(sounds: Tensor, bands: int = BANDS) -> Tensor:
    """dB (sounds, frames, bands) of sounds (sounds, samples), each below its own loudest value."""
    power = mel_filters(bands, WINDOW, RATE) @ spectrogram(sounds)
    return torch.stack([decibels(one) for one in power]).mT


def spectrogram(samples: Tensor, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Power |Σₙ w(n) x(n) e^(−2πi f n/N)|² of every window, (…, frequencies, frames), with Hann's window w; samples (…, samples)."""
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


def load_wav(path: Path) -> Tensor:
    """float32 (samples,) at 8 kHz of a WAV file. Raises ProfundoError when there is none or it does not read."""
    return read_wav(read_whole(path, "a WAV file", LARGEST_FILE, "cut it"), str(path))


def read_wav(content: bytes, name: str) -> Tensor:
    """float32 (samples,) in [−1, 1] at 8 kHz from the bytes of a sound file, channels averaged.

    Raises ProfundoError with the name when it is damaged, empty or longer than a minute.
    """
    try:
        recording = decode(content)
    except ValueError as error:
        raise ProfundoError(f"{printable(name)}: expected a WAV file, but it does not read: {error}") from None
    seconds = len(recording.samples) / recording.rate
    if seconds > LONGEST:
        raise ProfundoError(f"{name}: expected at most {LONGEST} s of sound, got {seconds:.0f} s; cut it")
    return torch.from_numpy(resampled(recording.samples.mean(1), recording.rate, RATE))


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
