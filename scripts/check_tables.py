"""Reads the workbook of a run back and compares it with the run's CSV tables, cell by cell.

Run: scripts/python scripts/check_tables.py RUN
Every sheet has names, units, and then the values of its table to the last digit; rows and first column stay in sight; nothing is a formula,
and what begins like one is marked as text.
"""

import csv
import math
import pathlib
import sys

import openpyxl

from checks import expect, told

HEADER_ROWS = 2
LIKE_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def same(cell, text):
    if cell is None:
        return text == ""
    if cell in ("∞", "-∞"):
        return math.isinf(float(text))
    if isinstance(cell, (int, float)):
        return float(text) == float(cell)
    return text == str(cell)


def check(run, sheet):
    name = sheet.title
    with open(run / f"{name}.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    expect(sheet.freeze_panes == "B3", f"{name}: {sheet.freeze_panes} is where it scrolls")
    expect([c.value for c in sheet[1]] == rows[0], f"{name}: other columns than the table")
    expect(sheet.max_row == len(rows) - 1 + HEADER_ROWS, f"{name}: {sheet.max_row} rows, not {len(rows) - 1 + HEADER_ROWS}")
    for found, row in zip(sheet.iter_rows(min_row=HEADER_ROWS + 1), rows[1:]):
        for cell, text in zip(found, row):
            expect(same(cell.value, text), f"{name} {cell.coordinate}: {cell.value!r}, not {text!r}")
            expect(cell.data_type != "f", f"{name} {cell.coordinate} is a formula")
            if isinstance(cell.value, str) and cell.value.startswith(LIKE_FORMULAS) and cell.value != "-∞":
                expect(cell.quotePrefix, f"{name} {cell.coordinate}: {cell.value!r} is not marked as text")
    return len(rows) - 1


def main():
    run = pathlib.Path(sys.argv[1])
    book = openpyxl.load_workbook(run / "tables.xlsx")
    sheets = [s for s in book if s.title != "definitions"]
    expect(book.sheetnames[-1] == "definitions", "no sheet of definitions")
    rows = sum(check(run, sheet) for sheet in sheets)
    units = {sheet.title: {c.value: u.value for c, u in zip(sheet[1], sheet[2])} for sheet in sheets}
    expect(units["observations"]["TIME"] == "d", "observations: TIME is not in days")
    defined = {(r[0].value, r[1].value) for r in book["definitions"].iter_rows(min_row=HEADER_ROWS + 1)}
    for sheet in sheets:
        for cell in sheet[1]:
            expect((sheet.title, cell.value) in defined, f"{sheet.title}: {cell.value} is not defined")
    told(run / "tables.xlsx", f"{len(sheets)} sheets, {rows} rows: as the tables")


if __name__ == "__main__":
    main()
