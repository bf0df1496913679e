"""Code to use an exported net, as it stands in the model card: it runs as it is, beside the exported files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pprint import pformat

from profundo.data.images.pixels import NEARLY_WHITE
from profundo.data.streams.archives import printable
from profundo.kinds import InputKind
from profundo.records import Column, Spec, Targets

__all__ = ["in_onnxruntime", "in_pytorch"]


def in_onnxruntime(spec: Spec, answer: str, file: str) -> str:
    """Python for onnxruntime: for images read by Pillow, for sounds, for rows, or for the columns of a table."""
    given = FEEDS.get(spec.inputs.kind, _array_feed)(spec)
    return (
        "import numpy as np\nimport onnxruntime\n\n"
        f"session = onnxruntime.InferenceSession({file!r})\n"
        f"{given}\n"
        f"{answer} = session.run(None, inputs)[0]\n{_answer(spec.targets, answer)}"
    )


def in_pytorch(spec: Spec, answer: str, file: str) -> str:
    """Python for torch and safetensors alone, with the function in model.py."""
    name = spec.inputs.things
    if spec.inputs.texts:
        given = _text_rows(spec.inputs.columns)
    elif spec.inputs.kind == "features":
        given = f"rows = torch.tensor({_usual_row(spec)}, dtype=torch.float64)  # {_features(spec)}"
    else:
        numbers, remark = spec.inputs.traits.numbers or "float64", _remark(spec)
        shape = ", ".join(map(str, (1, *spec.inputs.shape)))
        given = f"{name} = torch.zeros({shape}, dtype=torch.{numbers})  # {remark}"
    return (
        "import torch\nfrom safetensors.torch import load_file\n\nfrom model import predict\n\n"
        f"weights = load_file({file!r})\n{given}\n{answer} = predict(weights, {name})\n{_answer(spec.targets, answer)}"
    )


def _usual_row(spec: Spec) -> list[list[float]]:
    return [[round(value, 4) for value in spec.inputs.mean or (0.0,) * spec.inputs.shape[0]]]


def _remark(spec: Spec) -> str:
    """About the values of inputs that are no rows."""
    known = {"image": "0 to 255", "sound": f"at {spec.inputs.sound.rate} Hz"}
    return known.get(spec.inputs.kind, f"(batch, {', '.join(map(str, spec.inputs.shape))})")


def _text_rows(columns: tuple[Column, ...]) -> str:
    """Rows with texts are made by Profundo itself, of what the description says of each column."""
    values = {column.name: "a text" if column.kind == "text" else None for column in columns}
    return (
        "import json\n\nfrom pydantic import TypeAdapter\n\n"
        "from profundo.data.tables.new_rows import features_of_rows\nfrom profundo.records import Inputs\n\n"
        'described = json.load(open("model.json", encoding="utf-8"))["spec"]["inputs"]\n'
        f"rows = features_of_rows([{values!r}], TypeAdapter(Inputs).validate_python(described)).values"
    )


def _features(spec: Spec) -> str:
    names = spec.inputs.names
    if not names:
        return f"{spec.inputs.shape[0]} numbers"
    return printable(", ".join(names[:8])) + (" …" if len(names) > 8 else "")  # a comment ends with its line


def _image_feed(spec: Spec) -> str:
    channels, height, width = spec.inputs.shape
    mode = "L" if channels == 1 else "RGB"
    axes = "[None, None]" if channels == 1 else ".transpose(2, 0, 1)[None]"
    deep = ""
    if spec.inputs.window:
        low, high = spec.inputs.window
        deep = (
            '# if picture.mode.startswith("I"):  # 16 bits\n'
            f"#     values = (np.clip(np.asarray(picture), {low}, {high}) - {low}.0) * (255 / {max(1, high - low)})\n"
            "#     picture = Image.fromarray(np.rint(values).astype(np.uint8))\n"
        )
    return (
        "# from PIL import Image, ImageOps\n"
        '# picture = ImageOps.exif_transpose(Image.open("photo.png"))\n'
        f"{deep}"
        "# if picture.has_transparency_data:  # on white, or on black where nothing would show on white\n"
        '#     clear = picture.convert("RGBA")\n'
        '#     white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)\n'
        '#     black = Image.alpha_composite(Image.new("RGBA", clear.size, "black"), clear)\n'
        f"#     picture = black if np.asarray(white).min() >= {NEARLY_WHITE} else white\n"
        f'# picture = picture.convert("{mode}")\n'
        f"{_made_to_fit(spec)}\n"
        f"picture = np.zeros(({height}, {width}{', 3' if channels == 3 else ''}), np.uint8)\n"
        f'inputs = {{"images": np.asarray(picture, np.uint8){axes}}}  # (batch, {channels}, {height}, {width}), 0 to 255'
    )


def _made_to_fit(spec: Spec) -> str:
    """A picture of any size in that of a batch: cut, or continued; where objects are to be found, its corner stays where it is, so
    that boxes are in pixels of `picture`."""
    height, width = spec.inputs.shape[1:]
    if spec.targets.traits.per != "object":
        how = "fit" if spec.inputs.longest is None else "pad"
        return f"# picture = ImageOps.{how}(picture, ({width}, {height}), Image.Resampling.BILINEAR)"
    return (
        f"# picture.thumbnail(({width}, {height}), Image.Resampling.BILINEAR)\n"
        f"# pad = ((0, {height} - picture.height), (0, {width} - picture.width), (0, 0))[: np.asarray(picture).ndim]\n"
        '# picture = np.pad(np.asarray(picture), pad, mode="edge")'
    )


def _sound_feed(spec: Spec) -> str:
    rate, length = spec.inputs.sound.rate, spec.inputs.shape[1]
    return (
        "# import soundfile\n"
        "# from scipy.signal import resample_poly\n"
        '# recorded, rate = soundfile.read("sound.wav", always_2d=True)\n'
        f"# samples = resample_poly(recorded.mean(1), {rate}, rate)  # then its loudest stretch, or the middle of silence:\n"
        f"samples = np.zeros({length})  # {length / rate:.3g} s at {rate} Hz, from -1 to 1\n"
        'inputs = {"sounds": np.clip(np.rint(samples * 2**15), -(2**15), 2**15 - 1).astype(np.int16)[None, None]}'
    )


def _row_feed(spec: Spec) -> str:
    if spec.inputs.texts:
        return f'{_text_rows(spec.inputs.columns)}\ninputs = {{"rows": rows.double().numpy()}}'
    if spec.inputs.columns:
        return _column_feed(spec.inputs.columns)
    return f'rows = np.array({_usual_row(spec)}, dtype=np.float64)  # {_features(spec)}\ninputs = {{"rows": rows}}'


def _array_feed(spec: Spec) -> str:
    name, shape = spec.inputs.things, (1, *spec.inputs.shape)
    return f'inputs = {{"{name}": np.zeros({shape})}}  # {_remark(spec)}'


def _feed_of_several(_spec: Spec) -> str:
    return "inputs = {one.name: … for one in session.get_inputs()}  # an array of several samples for each"


FEEDS: Mapping[InputKind, Callable[[Spec], str]] = {
    "image": _image_feed,
    "sound": _sound_feed,
    "features": _row_feed,
    "any": _feed_of_several,
}


def _column_feed(columns: tuple[Column, ...]) -> str:
    lines = []
    for column in columns:
        if column.kind == "category":
            word = column.levels[0] if column.levels else ""
            lines.append(f'    {column.name!r}: np.array([[{word!r}]], dtype=object),  # text, "" for none')
        elif column.kind == "date":
            day = datetime.fromtimestamp(column.fill, UTC).date()
            lines.append(
                f"    {column.name!r}: np.array([[{column.fill!r}]], dtype=np.float64),  # {day}, seconds since 1970"
            )
        else:
            lines.append(f"    {column.name!r}: np.array([[{column.fill!r}]], dtype=np.float64),  # np.nan for none")
    return "inputs = {\n" + "\n".join(lines) + "\n}"


def _answer(targets: Targets, answer: str) -> str:
    if targets.traits.per == "object":
        return (
            f"classes = {pformat(list(targets.classes), width=110, compact=True)}\n"
            f"for left, top, right, bottom, which, score in {answer}[0].tolist():\n"
            f"    if score >= {targets.threshold!r}:  # as was chosen; unused places have 0\n"
            "        print(classes[int(which)], score, (left, top, right, bottom))"
        )
    if targets.traits.per == "pixel":
        classes = f"classes = {pformat(list(targets.classes), width=110, compact=True)}\n" if targets.classes else ""
        best = f"{answer}[0].argmax(0)" if targets.kind == "mask" else f"{answer}[0]"
        return f"{classes}print({best})  # (height, width)"
    if answer == "values":
        return f"print(dict(zip({list(targets.names) or ['value']!r}, {answer}[0].tolist())))"
    classes = pformat(list(targets.classes), width=110, compact=True)
    if answer == "margin":
        return f"classes = {classes}\nprint(classes[int({answer}[0, 0] >= 0)])"
    lines = f"classes = {classes}\nprint(dict(zip(classes, {answer}[0].tolist())))"
    if targets.threshold != 0.5:
        lines += f"\nprint(classes[int({answer}[0, 1] >= {targets.threshold!r})])  # by the threshold that was chosen"
    return lines
