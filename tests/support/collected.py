"""A table from its file to inputs and targets, not yet split."""

from pathlib import Path

from profundo.data.dataset_names import Reading
from profundo.data.splits.splits import Collection
from profundo.data.tables.frames import frame_collection
from profundo.data.tables.table_files import read_table


def table_collection(path: Path, how: Reading) -> Collection:
    return frame_collection(read_table(path, how), path.stem, str(path), how)
