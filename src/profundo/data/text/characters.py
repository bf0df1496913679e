"""Text as a sequence of characters: a vocabulary, three splits by position, and windows to learn the next character from.

    text = load_text()                                     # tiny Shakespeare, or load_text("my.txt")
    windows = Windows(text.train, length=64, batch_size=32)

A language model gives p(xₜ | x₁ … xₜ₋₁); its targets are its inputs moved by one. The splits are consecutive parts of the
file, nine tenths, a twentieth and a twentieth: a random split would put neighbours of every test character in training.
"""

from __future__ import annotations

import codecs
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from profundo.data.batches import order
from profundo.data.streams.archives import open_files, printable, read_whole
from profundo.data.streams.cache import data_folder
from profundo.records import Batch, ProfundoError

__all__ = [
    "SMALLEST_TEXT",
    "TINY_SHAKESPEARE",
    "UNKNOWN",
    "Characters",
    "Text",
    "Windows",
    "decode",
    "encode",
    "load_text",
    "read_text",
]

TINY_SHAKESPEARE = "text/tiny-shakespeare.txt"
UNKNOWN = "\ufffd"  # Unicode's replacement character stands for what the vocabulary lacks
LARGEST_FILE = 2**28  # bytes
MOST_CHARACTERS = 1000  # of a vocabulary; the rarest of a larger one become UNKNOWN
SMALLEST_TEXT = 200  # characters: shorter ones leave no validation and test to speak of


@dataclass(frozen=True, slots=True)
class Text:
    """A text as indices into its vocabulary, int64 (characters,) each.

    vocabulary: the characters of the whole file, so that its test part has no character without a probability.
    parts: the same as they were written, for training, validation and test.
    facts: what identifies the text, the SHA-256 of its characters.
    """

    name: str
    vocabulary: str
    train: Tensor
    validation: Tensor
    test: Tensor
    parts: tuple[str, str, str]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Characters:
    """The alphabet of which each symbol is a character."""

    vocabulary: str

    def __len__(self) -> int:
        return len(self.vocabulary)

    def encode(self, text: str) -> Tensor:
        """int64 (characters,), of the text in composed form. Raises ProfundoError as `encode` does."""
        return encode(unicodedata.normalize("NFC", text), self.vocabulary)

    def told(self, symbols: Iterable[int]) -> Iterator[str]:
        """Text as it comes."""
        return (self.vocabulary[symbol] for symbol in symbols)

    def decode(self, symbols: Tensor) -> str:
        return decode(symbols, self.vocabulary)


def load_text(
    path: str | Path | None = None, *, data_dir: str | Path | None = None, encoding: str | None = None
) -> Text:
    """Tiny Shakespeare from the data folder, or a text of one's own: a file, or all .txt files of a folder or .zip in the
    order of their names.

    data_dir: the folder that holds text/; else PROFUNDO_DATA. encoding: of text that is no UTF-8. Raises ProfundoError when
    there is no such file, or it is not in that encoding, or has fewer than 200 characters.
    """
    if path is None:
        folder = data_folder(data_dir)
        if folder is None or not (folder / TINY_SHAKESPEARE).is_file():
            place = f"{TINY_SHAKESPEARE} in the data folder" if folder is None else str(folder / TINY_SHAKESPEARE)
            raise ProfundoError(
                f"tiny Shakespeare: expected {place}, not found; put the text there and name the folder by "
                "PROFUNDO_DATA or --data-dir, or give a text file of your own"
            )
        path = folder / TINY_SHAKESPEARE
    return split_text(read_text(Path(path), encoding), Path(path).stem, printable(str(path)))


def read_text(path: Path, encoding: str | None = None) -> str:
    """The content of a file, or of all .txt files of a folder or .zip, in Unicode's composed form (NFC), line ends as \\n."""
    if not path.is_dir() and path.suffix.lower() != ".zip":
        return decoded(read_whole(path, "a text file", LARGEST_FILE, "give a part of it"), str(path), encoding)
    files = open_files(path, "texts")
    if not files.paths:
        raise ProfundoError(f"{printable(str(path))}: expected files of text (.txt) in it, found none")
    texts: list[str] = []
    for index in sorted(range(len(files)), key=files.paths.__getitem__):
        where = f"{path}/{files.name(index)}"
        try:
            texts.append(decoded(files.read(index), where, encoding))
        except (OSError, ValueError) as error:
            raise ProfundoError(f"{printable(where)}: cannot be read: {error}") from None
        if sum(map(len, texts)) > LARGEST_FILE:
            raise ProfundoError(
                f"{printable(str(path))}: expected at most {LARGEST_FILE >> 20} million characters; give a part of it"
            )
    return "\n".join(texts)


def decoded(content: bytes, where: str, encoding: str | None) -> str:
    """UTF-8, UTF-16 with its mark, or what is said, in composed form with line ends as \\n. Raises ProfundoError for others."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    name = encoding or ("utf-16" if wide else "utf-8")
    try:
        text = content.decode("utf-8-sig" if codecs.lookup(name).name == "utf-8" else name)
    except UnicodeDecodeError as error:
        raise ProfundoError(
            f"{printable(where)}: expected {name.upper()}, but byte {error.start} is none; say its --encoding, such as latin-1, "
            "or convert it"
        ) from None
    except (LookupError, ValueError, TypeError):
        raise ProfundoError(
            f"encoding: expected a name such as utf-8, cp1252, latin-1 or gb18030, got {name!r}"
        ) from None
    if "\0" in text:
        raise ProfundoError(f"{printable(where)}: expected text, found a zero byte; is it a file of another kind?")
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def split_text(content: str, name: str, where: str = "") -> Text:
    """The first nine tenths for training, then a twentieth each for validation and test."""
    if len(content) < SMALLEST_TEXT:
        raise ProfundoError(f"{where or name}: expected at least {SMALLEST_TEXT} characters, got {len(content)}")
    vocabulary = vocabulary_of(content)
    indices = encode(content, vocabulary)
    sizes = [9 * len(content) // 10, len(content) // 20]
    train, validation, test = torch.split(indices, [*sizes, len(content) - sum(sizes)])
    facts = {"sha256": hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()}
    first, second = sizes[0], sum(sizes)
    parts = content[:first], content[first:second], content[second:]
    return Text(name, vocabulary, train, validation, test, parts, facts)


def vocabulary_of(content: str, most: int = MOST_CHARACTERS) -> str:
    """The characters in the order of their code points; of more than `most` the commonest, and UNKNOWN for the rest."""
    counts = Counter(content)
    if len(counts) <= most:
        return "".join(sorted(counts))
    kept = {character for character, _ in counts.most_common(most - 1)}
    return "".join(sorted(kept | {UNKNOWN}))


@lru_cache(maxsize=8)  # for texts come one after another, and short ones
def places_in(vocabulary: str) -> dict[str, int]:
    return {character: index for index, character in enumerate(vocabulary)}


def encode(content: str, vocabulary: str) -> Tensor:
    """int64 (characters,). Raises ProfundoError for a character that the vocabulary lacks, unless it has UNKNOWN."""
    places = places_in(vocabulary)
    if UNKNOWN not in places and (strange := sorted(set(content) - places.keys())):
        raise ProfundoError(
            f"text: expected only characters that the model knows, got {strange[0]!r}; it knows {vocabulary!r}"
        )
    unknown = places.get(UNKNOWN, 0)
    return torch.tensor([places.get(character, unknown) for character in content], dtype=torch.int64)


def decode(indices: Tensor, vocabulary: str) -> str:
    """The characters of the indices (characters,)."""
    return "".join(vocabulary[index] for index in indices.tolist())


class Windows:
    """Windows of `length` characters and the characters that follow each: inputs and targets int64 (batch, length).

    Each epoch cuts the text from an offset of its own, without overlap, and shuffles the windows: both are functions of
    (seed, epoch). An incomplete last batch is left out.
    Raises ProfundoError when the text is shorter than one batch.
    """

    def __init__(
        self, text: Tensor, length: int, batch_size: int, *, seed: int = 0, device: torch.device | str = "cpu"
    ) -> None:
        self.windows = (len(text) - length) // length  # whatever the offset below `length` is
        if self.windows < batch_size:
            raise ProfundoError(
                f"text of {len(text):,} characters: expected at least {(batch_size + 1) * length:,}, a batch of "
                f"{batch_size} windows of {length}; take a smaller batch or shorter windows"
            )
        self.text = text.to(device)
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.places = torch.arange(length + 1, device=self.text.device)

    def __len__(self) -> int:
        return self.windows // self.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, without the first `skip`."""
        starts = order(self.windows, self.seed, epoch)
        offset = order(self.length, self.seed ^ 0x0FF5E7, epoch)[0]
        starts = (starts * self.length + offset).to(self.text.device)
        for index in range(skip, len(self)):
            chosen = starts[index * self.batch_size : (index + 1) * self.batch_size]
            window = self.text[chosen[:, None] + self.places]
            yield Batch(window[:, :-1], window[:, 1:], self.batch_size)
