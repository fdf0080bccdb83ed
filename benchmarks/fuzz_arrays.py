"""Hostile arrays and columns for the fuzzer: IDX, NPZ and Parquet whose headers lie, whose types are odd, or damaged."""

import gzip
import io
import json
import struct
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fuzz_files import odd_picture, picture, write_choices
from benchmarks.fuzz_text import ODD, Generator, cells, make_table_choices, mutated, pick, table


def make_idx(generator: Generator, folder: Path) -> None:
    """Write a raw folder with IDX files of which the headers or the bytes may lie."""
    raw = folder / "raw"
    raw.mkdir()
    write_choices(generator, folder)
    for name, shape in (("train-images-idx3-ubyte", (12, 8, 8)), ("train-labels-idx1-ubyte", (12,))):
        lengths = list(shape)
        if generator.random() < 0.3:
            lengths[int(generator.integers(len(shape)))] = pick(generator, (0, 1, 2**16, 2**31, 2**32 - 1))
        axes, kind = (
            (len(shape), 8) if generator.random() < 0.8 else (int(generator.integers(6)), int(generator.integers(20)))
        )
        head = bytes([0, 0, kind, axes]) + struct.pack(f">{len(lengths)}I", *lengths)
        content = head + (np.arange(int(np.prod(shape))) % 2 * 200).astype(np.uint8).tobytes()
        if generator.random() < 0.4:
            content = mutated(content, generator)
        if generator.random() < 0.4:
            name, content = f"{name}.gz", gzip.compress(content)
            if generator.random() < 0.3:
                content = mutated(content, generator)
        (raw / name).write_bytes(content)


def _npy(generator: Generator, array: np.ndarray) -> bytes:
    """Return an array as a member of NPZ, its header damaged or made to lie now and then."""
    stream = io.BytesIO()
    np.save(stream, array)
    content = stream.getvalue()
    way = generator.random()
    if way < 0.2:
        claimed = pick(
            generator,
            (
                "(1099511627776, 8, 8)",
                "(4294967296,)",
                "(-1, 8, 8)",
                "()",
                "(12, 8)",
                "(True, 8, 8)",
                "(1e3,)",
                "(" * 300,
                "(0, 8, 8)",
                "(12, 0, 8)",
            ),
        )
        descr = pick(
            generator,
            (
                "'|u1'",
                "'|u1'",
                "'|O'",
                "'<f8'",
                "'<U0'",
                "'|V8'",
                "'<M8[ns]'",
                "[('a', '|u1')]",
                "('|u1', (2, 2))",
                "'|S3'",
                "1",
                "None",
                "'x' * 9",
            ),
        )
        head = f"{{'descr': {descr}, 'fortran_order': {pick(generator, ('False', 'True', '3'))}, 'shape': {claimed}, }}"
        head = head.ljust(117) + "\n"
        return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + array.tobytes()
    return mutated(content, generator) if way < 0.4 else content


def make_npz(generator: Generator, folder: Path) -> None:
    """Write a raw folder with an NPZ whose members, their names or their headers may be hostile."""
    raw = folder / "raw"
    raw.mkdir()
    write_choices(generator, folder)
    images = (np.arange(12 * 64).reshape(12, 8, 8) % 251).astype(np.uint8)
    kinds = (
        np.arange(12) % 2,
        np.array(["a", "b"] * 6),
        np.array(["<b>", "x\ny"] * 6),
        np.arange(12) / 2,
        np.array([b"a", b"b"] * 6),
        np.arange(12) % 2 == 0,
    )
    members = {"images": images, "labels": pick(generator, kinds)}
    if generator.random() < 0.3:
        members[str(pick(generator, ("../../train_x", "/tmp/train_x", "images", "x", "a\nb", "")))] = pick(
            generator, (images, images[..., None], images.astype(float))
        )
    stream = io.BytesIO()
    with zipfile.ZipFile(
        stream,
        "w",
        pick(
            generator,
            (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2),
        ),
    ) as packed:
        for name, array in members.items():
            packed.writestr(f"{name}.npy", _npy(generator, array))
    content = stream.getvalue()
    (raw / "x.npz").write_bytes(mutated(content, generator) if generator.random() < 0.3 else content)


def _odd_arrow(generator: Generator, rows: int) -> pa.Array:
    """Return a column of Arrow's, of any of its types."""
    numbers = [None if generator.random() < 0.1 else int(number) for number in generator.integers(0, 99, rows)]
    kinds: tuple[pa.DataType, ...] = (
        pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.date32(), pa.date64(), pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.time32("s"), pa.time64("us"), pa.duration("s"),
        pa.decimal128(20, 3), pa.decimal256(60, 2), pa.bool_(), pa.null(),
    )  # fmt: skip
    kind = pick(generator, kinds)
    if pa.types.is_null(kind):
        return pa.nulls(rows)
    if pa.types.is_boolean(kind):
        return pa.array([None if number is None else number > 50 for number in numbers])
    if generator.random() < 0.2:
        return pick(generator, (pa.array([[number] for number in numbers]), pa.array([{"a": number} for number in numbers]), pa.array([b"x\xff"] * rows), pa.array(["a", "b"] * rows)[:rows].dictionary_encode(), pa.array(numbers).dictionary_encode(), pa.array([[("k", 1)]] * rows, pa.map_(pa.string(), pa.int64()))))  # fmt: skip
    if generator.random() < 0.1:
        extreme = pick(generator, (2**63 - 1, -(2**63), 253402300800))
        return pa.array([extreme] * rows, pa.int64()).cast(
            pick(generator, (pa.timestamp("s"), pa.timestamp("ns"), pa.int64())), safe=False
        )
    if pa.types.is_decimal(kind):
        return pa.array([None if number is None else Decimal(number) for number in numbers], kind)
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return pa.array(numbers, pa.int32()).cast(kind)
    if pa.types.is_floating(kind):
        return pa.array([None if number is None else np.float16(number) for number in numbers], pa.float16()).cast(kind)
    return pa.array(numbers, pa.int64()).cast(kind, safe=False)


def make_parquet(generator: Generator, folder: Path) -> None:
    """Write a raw folder with a Parquet table of odd types, or a damaged one."""
    (folder / "raw").mkdir()
    rows = int(generator.integers(5, 40))
    columns: dict[str, Any] = {
        f"c{number}": _odd_arrow(generator, rows) if generator.random() < 0.5 else cells(generator, rows)
        for number in range(int(generator.integers(1, 6)))
    }
    if generator.random() < 0.1:
        columns[str(pick(generator, ODD))] = list(range(rows))
    packed = pa.table(columns)
    if generator.random() < 0.2:
        packed = packed.replace_schema_metadata(
            {"pandas": pick(generator, (b"{}", b"x", b'{"index_columns": ["c0"], "columns": []}', b'{"columns": 3}'))}
        )
    stream = io.BytesIO()
    try:
        pq.write_table(packed, stream, compression=pick(generator, ("none", "snappy", "zstd", "gzip")))
    except pa.ArrowException:  # there are moments that it does not write
        pq.write_table(pa.table({"c0": list(range(rows))}), stream)
    content = stream.getvalue()
    (folder / "raw" / "t.parquet").write_bytes(mutated(content, generator) if generator.random() < 0.5 else content)
    (folder / "choices.json").write_text(json.dumps(make_table_choices(generator)))


def make_picture_parquet(generator: Generator, folder: Path) -> None:
    """Write a raw folder with pictures in Parquet, some damaged."""
    (folder / "raw").mkdir()
    write_choices(generator, folder)
    encoded = [
        odd_picture(generator)[1] if generator.random() < 0.2 else picture("PNG", "L", value=number)
        for number in range(8)
    ]
    lists = np.zeros((8, 8, 8), int).tolist()
    columns = {"image": pick(generator, (encoded, [{"bytes": content, "path": None} for content in encoded], lists)), "label": pick(generator, ([0, 1] * 4, ["a", "b"] * 4, table(generator).get("c0", ["x"] * 8)))}  # fmt: skip
    columns["label"] = (columns["label"] * 8)[:8]
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    content = stream.getvalue()
    (folder / "raw" / "x.parquet").write_bytes(mutated(content, generator) if generator.random() < 0.5 else content)
