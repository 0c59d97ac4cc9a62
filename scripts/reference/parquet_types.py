"""A small data set in Parquet with columns of many types, by pyarrow, and the same as text.

ID is a category, DVID a small integer, TIME an unsigned one, DV a decimal, AMT a float of 32 bits, WT one of 16, IGE a decimal of
20 digits. The others mean nothing to omafit: a day, times with and without a zone, a truth value, nothing at all, a number
beyond 2^63, a list, a structure, bytes.

Run:    scripts/python scripts/reference/parquet_types.py
Writes: fixtures/formats/types.parquet, fixtures/formats/types.csv
"""

import csv
import datetime
import decimal
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "formats"
DAY = datetime.date(2024, 2, 29)
NOON = datetime.datetime(2024, 2, 29, 12, 30, 1, 250000)
ZONE = datetime.timezone.utc

# Name, type, values, and what they are as text: those that have no text cannot be used.
COLUMNS = [
    ("ID", pa.dictionary(pa.int8(), pa.string()), ["A-01", "A-01", "A-01", "B-02", "B-02"], None),
    ("TIME", pa.uint16(), [0, 0, 7, 0, 14], None),
    ("DV", pa.decimal128(6, 2), [decimal.Decimal("410.25"), None, decimal.Decimal("35.50"), None, decimal.Decimal("20.00")],
     ["410.25", "", "35.5", "", "20"]),
    ("DVID", pa.int8(), [2, None, 1, None, 1], None),
    ("AMT", pa.float32(), [None, 300, None, 150, None], None),
    ("WT", pa.float16(), [70.5, 70.5, 70.5, 61, 61], None),
    ("IGE", pa.decimal128(20, 4), [decimal.Decimal("400.2500")] * 3 + [decimal.Decimal("350.0000")] * 2,
     ["400.2500"] * 3 + ["350.0000"] * 2),
    ("VISIT", pa.date32(), [DAY, DAY, None, datetime.date(1969, 12, 31), DAY], ["2024-02-29", "2024-02-29", "", "1969-12-31", "2024-02-29"]),
    ("DRAWN", pa.timestamp("us"), [NOON] * 4 + [None], ["2024-02-29T12:30:01.250000"] * 4 + [""]),
    ("GIVEN", pa.timestamp("ms", "UTC"), [NOON.replace(microsecond=0, tzinfo=ZONE)] * 5, ["2024-02-29T12:30:01Z"] * 5),
    ("CLOCK", pa.time64("us"), [NOON.time()] * 5, ["12:30:01.250000"] * 5),
    ("FLAG", pa.bool_(), [True, False, None, True, True], ["1", "0", "", "1", "1"]),
    ("NOTHING", pa.null(), [None] * 5, None),
    ("HASH", pa.uint64(), [1, 2**64 - 1, None, 0, 3], None),
    ("COHORT", pa.dictionary(pa.int32(), pa.string()), ["x", "y", None, "x", "z"], None),
    ("SCORES", pa.list_(pa.int64()), [[1, 2], [], None, [3], [4]], []),
    ("SITE", pa.struct([("a", pa.int32()), ("b", pa.string())]), [{"a": 1, "b": "c"}] * 5, []),
    ("RAW", pa.binary(), [b"a", b"", b"bc", None, b"d"], ["a", "", "bc", "", "d"]),
]  # fmt: skip


def main():
    OUT.mkdir(exist_ok=True)
    arrays = [
        pa.array(np.array(values, dtype=np.float16)) if kind == pa.float16() else pa.array(values, kind)
        for _, kind, values, _ in COLUMNS
    ]
    fields = [pa.field(name, kind) for name, kind, _, _ in COLUMNS]
    fields[6] = fields[6].with_metadata({"label": "Baseline IgE, ng/mL"})
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    # Two row groups: a column may be text in one only.
    pq.write_table(table, OUT / "types.parquet", row_group_size=3)
    plain = [("" if v is None else str(v) for v in values) if text is None else text for _, _, values, text in COLUMNS]
    used = [(column[0], list(text)) for column, text in zip(COLUMNS, plain, strict=True) if text != []]
    with open(OUT / "types.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([name for name, _ in used])
        writer.writerows(zip(*[text for _, text in used], strict=True))


if __name__ == "__main__":
    main()
