"""Code to use an exported net, as it stands in the model card: it runs as it is, beside the exported files."""

from __future__ import annotations

from datetime import UTC, datetime
from pprint import pformat

from profundo.data.images.pixels import NEARLY_WHITE
from profundo.data.streams.archives import printable
from profundo.records import Column, Spec, Targets

__all__ = ["in_onnxruntime", "in_pytorch"]


def in_onnxruntime(spec: Spec, answer: str, file: str) -> str:
    """Python for onnxruntime: for images read by Pillow, for sounds, for rows, or for the columns of a table."""
    if spec.inputs.kind == "image":
        given = _image_feed(spec)
    elif spec.inputs.kind == "sound":
        given = _sound_feed(spec)
    elif spec.inputs.texts:
        given = f'{_text_rows(spec.inputs.columns)}\ninputs = {{"rows": rows.double().numpy()}}'
    elif spec.inputs.columns:
        given = _column_feed(spec.inputs.columns)
    else:
        rows = [[round(value, 4) for value in spec.inputs.mean or (0.0,) * spec.inputs.shape[0]]]
        given = f"rows = np.array({rows}, dtype=np.float64)  # {_features(spec)}\n" + 'inputs = {"rows": rows}'
    return (
        "import numpy as np\nimport onnxruntime\n\n"
        f"session = onnxruntime.InferenceSession({file!r})\n"
        f"{given}\n"
        f"{answer} = session.run(None, inputs)[0]\n{_answer(spec.targets, answer)}"
    )


def in_pytorch(spec: Spec, answer: str, file: str) -> str:
    """Python for torch and safetensors alone, with the function in model.py."""
    if spec.inputs.kind == "image":
        channels, height, width = spec.inputs.shape
        given = f"images = torch.zeros(1, {channels}, {height}, {width}, dtype=torch.uint8)  # 0 to 255"
    elif spec.inputs.texts:
        given = _text_rows(spec.inputs.columns)
    elif spec.inputs.kind == "sound":
        given = (
            f"sounds = torch.zeros(1, 1, {spec.inputs.shape[1]}, dtype=torch.int16)  # at {spec.inputs.sound.rate} Hz"
        )
    else:
        rows = [[round(value, 4) for value in spec.inputs.mean or (0.0,) * spec.inputs.shape[0]]]
        given = f"rows = torch.tensor({rows}, dtype=torch.float64)  # {_features(spec)}"
    name = "rows" if spec.inputs.texts else given.split(" ", 1)[0]
    return (
        "import torch\nfrom safetensors.torch import load_file\n\nfrom model import predict\n\n"
        f"weights = load_file({file!r})\n{given}\n{answer} = predict(weights, {name})\n{_answer(spec.targets, answer)}"
    )


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
        f"# picture = ImageOps.fit(picture, ({width}, {height}), Image.Resampling.BILINEAR)\n"
        f"picture = np.zeros(({height}, {width}{', 3' if channels == 3 else ''}), np.uint8)\n"
        f'inputs = {{"images": np.asarray(picture, np.uint8){axes}}}  # (batch, {channels}, {height}, {width}), 0 to 255'
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
    if answer == "values":
        return f"print(dict(zip({list(targets.names) or ['value']!r}, {answer}[0].tolist())))"
    classes = pformat(list(targets.classes), width=110, compact=True)
    if answer == "margin":
        return f"classes = {classes}\nprint(classes[int({answer}[0, 0] >= 0)])"
    lines = f"classes = {classes}\nprint(dict(zip(classes, {answer}[0].tolist())))"
    if targets.threshold != 0.5:
        lines += f"\nprint(classes[int({answer}[0, 1] >= {targets.threshold!r})])  # by the threshold that was chosen"
    return lines
