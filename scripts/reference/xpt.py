"""Small SAS transport files by pyreadstat (ReadStat), and the values in them.

xpt_v5.xpt has names of at most 8 bytes; xpt_v8.xpt long names and labels, and the number of its rows. Both have negative,
tiny and huge numbers, numbers of all 53 bits, missing numbers and texts, and text in UTF-8. The times at which they were written are
replaced by one, so that the files come out the same again.

Run:    scripts/python scripts/reference/xpt.py
Writes: fixtures/formats/xpt_v5.xpt, fixtures/formats/xpt_v8.xpt, fixtures/formats/xpt.csv
"""

import csv
import math
import pathlib
import re

import pandas
import pyreadstat

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "formats"
WRITTEN = b"01JAN26:00:00:00"

# Exponents from 16^-64 to 16^62; 2^-149 and 2^200 need every shift of the hexadecimal digits, as their neighbours do.
NUMBERS = [0.0, 1.0, -2.5, 0.1, -1 / 3, math.pi, 1e-70, -7.3e70, 2.0**-149, 2.0**-150 * 1.1, 2.0**-151 * 1.3, 2.0**-152 * 1.7]
NUMBERS += [2.0**200, 2.0**53 - 1, 1 - 2.0**-53, math.nan]
TEXTS = ["007", "-3", "", "Grüße", "µg/mL", " led", "x" * 20, "a,b", "\"q\"", "NA", ".", "é", "日本", "0", "1", "end"]

SHORT = ["ID", "TIME", "DV", "NOTE"]
LONG = ["subject_identifier", "nominal_time_since_first_dose", "concentration", "comment"]
LABELS = ["Subject", "Time, d", "Concentration, µg/mL", "Remark"]
LONG_LABELS = LABELS[:3] + ["A remark of the investigator that is longer than the forty bytes of a short label"]


def frame(names):
    times = [float(i) * 0.25 for i in range(len(NUMBERS))]
    return pandas.DataFrame(dict(zip(names, [TEXTS, times, NUMBERS, TEXTS[::-1]], strict=True)))


def write(name, names, labels, version):
    path = OUT / name
    pyreadstat.write_xport(frame(names), path, file_label="made up", column_labels=labels, table_name="TRIAL",
                           file_format_version=version)  # fmt: skip
    content = path.read_bytes()
    path.write_bytes(re.sub(rb"\d\d[A-Z]{3}\d\d:\d\d:\d\d:\d\d", WRITTEN, content))
    read, _ = pyreadstat.read_xport(path)
    assert list(read.columns) == names and len(read) == len(NUMBERS)
    for made, kept in zip(read[names[2]], NUMBERS, strict=True):
        assert made == kept or math.isnan(made) and math.isnan(kept), (made, kept)


def main():
    OUT.mkdir(exist_ok=True)
    write("xpt_v5.xpt", SHORT, LABELS, 5)
    write("xpt_v8.xpt", LONG, LONG_LABELS, 8)
    with open(OUT / "xpt.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SHORT)
        for row in frame(SHORT).itertuples(index=False):
            writer.writerow(["" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row])


if __name__ == "__main__":
    main()
