"""What a recipe works at: data, random draws, trainings that can be interrupted, and a voice.

A recipe is an ordinary function. When its run is resumed it is called again from the top: a training that had ended
puts its end state back at once, the one that was interrupted goes on, and what lies between them is computed anew. So a
recipe must be a function of its settings, its seed and its data; every draw comes from `generator` or from PyTorch's
global generator, which is seeded when the recipe starts and after each training.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field
from torch import Tensor, nn

from profundo.data import load
from profundo.data.batches import mix
from profundo.data.text.characters import Text, load_text
from profundo.files import in_words, read_object, write_json
from profundo.pictures.exhibits import Drawn, Exhibit, Film, drawn
from profundo.recipes.own_data import Takes, is_own, load_images, load_table
from profundo.records import Dataset, ProfundoError
from profundo.runs.folder import Folder
from profundo.runs.live.live_progress import Telling
from profundo.runs.manifest import differences
from profundo.runs.resumable import Keeping, Training, learn, where
from profundo.runs.voice import Voice
from profundo.train import Batches, History, Plan, Update
from profundo.train import Film as Camera
from profundo.train.checkpoints import newest_checkpoint
from profundo.train.distributed import Group
from profundo.train.hardware import choose_precision, multiplies_bfloat16
from profundo.train.layout import lay_out
from profundo.train.randomness import seed_pytorch

__all__ = ["Context", "Request", "Trained"]

BEGUN = "begun.json"  # in the folder of checkpoints: with which data each training began


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a recipe. settings: a value of its dataclass, complete; skip_bad: leave out images that do not read."""

    recipe: str
    settings: Any
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    device: str = "auto"
    data_dir: str | None = None
    skip_bad: bool = False

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Trained:
    """What one training left besides its networks. frames: uint8 (frames, channels, height, width), if filmed."""

    history: History
    frames: Tensor | None
    seconds: float

    def film(self, title: str, caption: str, seconds: float = 0.3) -> Film:
        """The frames as an exhibit; for a training that was filmed."""
        if self.frames is None:
            raise ValueError(f"{title}: this training was not filmed; give context.train a film")
        return Film(title, caption, self.frames, seconds)


class Context:
    """One run of a recipe. folder: None keeps nothing. takes: the data of one's own that it takes. live: who is told how far it is.
    page: what shows exhibits before the end. facts: what identifies the data; tested: examples in the
    smallest test of images and tables, 0 where there is none; began: whether training has."""

    def __init__(
        self,
        request: Request,
        *,
        device: torch.device,
        folder: Folder | None,
        voice: Voice,
        takes: Takes | None = None,
        live: Telling | None = None,
        page: Callable[[Sequence[Drawn], str], None] | None = None,
    ) -> None:
        self.asked = {"recipe": request.recipe, **asdict(request.settings), "seed": request.seed}
        self.seed = request.seed
        self.device = device
        self.data_dir = request.data_dir
        self.skip_bad = request.skip_bad
        self.folder = folder
        self.voice = voice
        self.takes = takes
        self.live = live
        self.page = page
        self.facts: dict[str, Any] = {}
        self.tested = 0
        self.trainings: dict[str, Trained] = {}
        self.began = False
        seed_pytorch(mix(self.seed, 0))

    def load(self, name: str, **options: Any) -> Dataset:
        """A data set by name, from the folder of data sets, split by the seed of the run."""
        data = load(name, data_dir=self.data_dir, **{"seed": self.seed, **options})
        self.facts[name] = dict(data.facts)
        return data

    def images(self, name: str, image_size: int | None) -> Dataset:
        """The images that the recipe takes, by name or one's own, in memory; image_size: the side that one's own are made
        to fit. Raises ProfundoError for other data."""
        assert self.takes is not None
        data = load_images(name, self.takes, image_size, seed=self.seed, data_dir=self.data_dir, skip_bad=self.skip_bad)
        if is_own(name):
            sizes = f"{len(data.train):,} to train on, {len(data.validation):,} to validate, {len(data.test):,} to test"
            kinds = f"{len(data.spec.targets.classes)} classes" if data.spec.targets.classes else "without classes"
            high, wide = data.spec.inputs.shape[1:]
            self.say(
                f"data: {sizes}; {kinds}; {wide}×{high} pixels, {'grey' if data.spec.inputs.shape[0] == 1 else 'colour'}"
            )
            for note in data.notes:
                self.say(note)
        self.counted(name, data)
        return data

    def table(self, name: str, target: str | None, *, seed: int, validation: float) -> Dataset:
        """The table that the recipe takes, by name or one's own, and one of its splits; validation: share of the samples that are
        not for the test. Raises ProfundoError for other data."""
        assert self.takes is not None
        data = load_table(name, self.takes, target, seed=seed, data_dir=self.data_dir, validation=validation)
        self.counted(name, data)
        return data

    def counted(self, name: str, data: Dataset) -> None:
        """Keep what identifies the data, and how many examples the smallest test has."""
        self.facts[name] = dict(data.facts)
        self.tested = min(self.tested or len(data.test), len(data.test))

    def text(self, name: str | None, encoding: str | None) -> Text:
        """The text that the recipe takes: one's own, or tiny Shakespeare."""
        text = load_text(name, data_dir=self.data_dir, encoding=encoding)
        self.facts["text"] = text.facts
        return text

    def generator(self, name: str) -> torch.Generator:
        """For draws outside training, on the CPU: the same for the same seed of the run and the same name."""
        number = int.from_bytes(sha256(name.encode()).digest()[:7], "big")
        return torch.Generator().manual_seed(mix(self.seed, number))

    def precision(self, net: nn.Module | None = None) -> str:
        """ "bfloat16" where the hardware multiplies it natively, else "float32".

        net: one for which it is known to pay, or not: a small dense one loses more by casting than its products gain.
        """
        if net is not None:
            return choose_precision("auto", net, self.device)
        return "bfloat16" if multiplies_bfloat16(self.device) else "float32"

    def say(self, line: str) -> None:
        self.voice.say(line)

    def show(self, exhibits: Sequence[Exhibit], so_far: str) -> None:
        """What there is to see before the end, on the page of the run, which the whole story replaces. so_far: a sentence."""
        if self.page is not None:
            self.page([drawn(exhibit) for exhibit in exhibits], so_far)

    def train(
        self,
        update: Update,
        batches: Batches,
        plan: Plan,
        *,
        name: str = "training",
        validate: Callable[[], Mapping[str, float]] = dict,
        film: Callable[[], Tensor] | None = None,
    ) -> Trained:
        """Drive the loop, as `profundo train` does: progress, history, checkpoints.

        name: of this training; each of a recipe has its own. validate: figures at each epoch's end. film: a picture,
        uint8 (channels, height, width), before training and after each epoch.
        """
        if name in self.trainings:
            raise ValueError(f"training {name!r}: this recipe has one of that name; give each its own")
        self.began = True
        number = len(self.trainings) + 1
        for network in update.networks.values():
            lay_out(network, self.device)
        history = History()
        training = Training(
            update,
            batches,
            plan,
            history,
            self.device,
            validate=validate,
            film=Camera(film) if film is not None else None,
            seed=mix(self.seed, number),
        )
        started = time.perf_counter()
        self.voice.start(plan.epochs, len(batches), name="" if name == "training" else name)
        try:
            learn(training, self._keeping(name), Group(), self.voice, self._state(name))
        finally:
            self.voice.stop()
        frames = torch.stack(training.film.frames) if training.film is not None else None
        self.trainings[name] = Trained(history, frames, time.perf_counter() - started)
        seed_pytorch(mix(self.seed, 1 << 32 | number))
        return self.trainings[name]

    def _keeping(self, name: str) -> Keeping | None:
        if self.folder is None:
            return None
        facts = {"recipe": dict(self.asked), "data": self.facts, "on": where(self.device, self.precision())}
        # The checkpoints' own folder is made with the run, so that a removed run does not come back by half.
        checkpoints = self.folder.checkpoints / folder_name(name)
        return Keeping(self.folder, checkpoints, facts, history_file=name == "training", live=self.live)

    def _state(self, name: str) -> dict[str, Any] | None:
        if self.folder is None:
            return None
        state = newest_checkpoint(self.folder.checkpoints / folder_name(name), self.voice.notice)
        if state is not None:
            self._check_unchanged(state)
        else:
            self._check_begun(self.folder, name)
        return state

    def _check_begun(self, folder: Folder, name: str) -> None:
        """Keep what identifies the data of a training that begins; raise ProfundoError where it was begun with others, and ended
        before its first checkpoint."""
        path = folder.checkpoints / BEGUN
        begun = read_object(path) if path.exists() else {}
        if name not in begun:
            write_json(path, {**begun, name: self.facts}, folder.path)
        elif begun[name] != (now := json.loads(json.dumps(self.facts))):
            raise ProfundoError(changed(differences(dict(begun[name]), now)))

    def _check_unchanged(self, state: Mapping[str, Any]) -> None:
        """Raise ProfundoError when settings, data or device are not those of the interrupted run."""
        now = {"settings": dict(self.asked), "data": self.facts, "on": where(self.device, self.precision())}
        try:
            before = {"settings": state["recipe"], "data": state["data"], "on": state["on"]}
            parts = [differences(values, now[part], ("threads", "torch")) for part, values in before.items()]
            changes = [change for part in parts for change in part]
        except (LookupError, TypeError, AttributeError) as error:
            raise ProfundoError(
                f"the newest checkpoint is not one of a recipe: {in_words(error)}; run it anew"
            ) from None
        torch_before, torch_now = before["on"].get("torch"), now["on"]["torch"]
        if torch_before != torch_now:
            self.voice.notice(f"torch was {torch_before}, is {torch_now}: the result may differ in its last digits")
        if changes:
            raise ProfundoError(changed(changes))


def changed(changes: Sequence[str]) -> str:
    return f"cannot go on, for things changed: {'; '.join(changes)}. Undo that, or run it anew"


def folder_name(training: str) -> str:
    """A name for the folder of a training's checkpoints: its letters and digits, and a part of its hash."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in training)[:40]
    return f"{plain}-{sha256(training.encode()).hexdigest()[:8]}"
