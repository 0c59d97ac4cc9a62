"""Checks a run's folder from outside: every file is there, opens, and agrees with the others.

Run: scripts/python scripts/check_run.py RUN [--subjects N]
Exit code 1, and a line per problem, if something is wrong.
"""

import argparse
import csv
import json
import pathlib
import sys
import tomllib
import xml.etree.ElementTree as xml

import numpy as np
import pyarrow.parquet as parquet

from checks import expect, told

CONCENTRATIONS = ["omalizumab_total", "omalizumab_free", "ige_total", "ige_free", "complex"]
PARAMETERS = ["ka", "CLx", "dCLc", "CLe", "Vx", "Vc", "Pe", "Kd0", "alpha"]
# Free IgE is a difference of the same numbers as total IgE: equal before the first dose, but for rounding.
ROUNDING = 1 + 1e-9


def rows(path, columns):
    """The rows of a CSV file as dictionaries; its header must name `columns`."""
    if not expect(path.is_file(), f"{path.name} is missing"):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        found = list(reader)
    missing = [c for c in columns if c not in (reader.fieldnames or [])]
    expect(not missing, f"{path.name}: no column {', '.join(missing)}")
    expect(all(None not in r and None not in r.values() for r in found), f"{path.name}: rows of unequal length")
    return found


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")


def check_facts(run):
    path = run / "run.json"
    if not expect(path.is_file(), "run.json is missing"):
        return
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        expect(False, f"run.json: {error}")
        return
    for key in ("schema_version", "command", "model", "method", "seconds"):
        expect(key in facts, f"run.json: no {key}")
    seconds = facts.get("seconds")
    if expect(isinstance(seconds, dict) and "fit" in seconds, "run.json: seconds is no map with a stage fit"):
        expect(all(s >= 0 for s in seconds.values()), "run.json: negative seconds")


def check_model(run):
    path = run / "model.toml"
    if not expect(path.is_file(), "model.toml is missing"):
        return
    try:
        model = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        expect(False, f"model.toml: {error}")
        return
    for key in ("name", "structure", "parameters"):
        expect(key in model, f"model.toml: no {key}")


def check_individuals(run, subjects):
    individuals = rows(run / "individuals.csv", ["ID", "status", "reason", "n_obs", *PARAMETERS])
    ids = [r.get("ID") for r in individuals]
    expect(len(set(ids)) == len(ids), "individuals.csv: an ID occurs twice")
    if subjects is not None:
        expect(len(ids) == subjects, f"individuals.csv: {len(ids)} subjects, {subjects} expected")
    for r in individuals:
        if r.get("status") != "failed":
            bad = [p for p in PARAMETERS if not number(r.get(p)) >= 0]
            expect(not bad, f"individuals.csv: ID {r.get('ID')}: {', '.join(bad)} is no number from 0 up")
    return individuals


def check_observations(run, individuals):
    observations = rows(run / "observations.csv", ["ID", "TIME", "DVID", "DV", "PRED", "IPRED", "IWRES"])
    count = {}
    for r in observations:
        count[r.get("ID")] = count.get(r.get("ID"), 0) + 1
    for r in individuals:
        expect(
            count.pop(r.get("ID"), 0) == number(r.get("n_obs")),
            f"observations.csv: ID {r.get('ID')} has not the n_obs rows of individuals.csv",
        )
    expect(not count, f"observations.csv: IDs that individuals.csv lacks: {', '.join(map(str, count))}")
    failed = {r.get("ID") for r in individuals if r.get("status") == "failed"}
    bad = [r for r in observations if r.get("ID") not in failed and not number(r.get("IPRED")) > 0]
    expect(not bad, f"observations.csv: {len(bad)} rows without a positive IPRED")
    return len(observations)


def check_trajectories(run, individuals):
    path = run / "trajectories.parquet"
    if not expect(path.is_file(), "trajectories.parquet is missing"):
        return 0
    table = parquet.read_table(path)
    outputs = [c for c in table.column_names if f"{c}_lower" in table.column_names] or CONCENTRATIONS
    wanted = ["ID", "TIME", *outputs, "dose_mg"]
    missing = [c for c in wanted if c not in table.column_names]
    if not expect(not missing, f"trajectories.parquet: no column {', '.join(missing)}"):
        return table.num_rows
    expect(table.num_rows > 0, "trajectories.parquet: no rows")
    value = {c: table[c].to_numpy(zero_copy_only=False).astype(float) for c in wanted[1:]}
    for c in wanted[1:]:
        expect(table[c].null_count == 0 and np.isfinite(value[c]).all(), f"trajectories.parquet: {c} has gaps or is not finite")
    for c in outputs:
        expect(not (value[c] < 0).any(), f"trajectories.parquet: negative {c}")
    for drug in (drug for drug in ("omalizumab", "ige") if f"{drug}_free" in outputs and f"{drug}_total" in outputs):
        below = value[f"{drug}_free"] <= value[f"{drug}_total"] * ROUNDING
        expect(below.all(), f"trajectories.parquet: {drug}_free above {drug}_total in {(~below).sum()} rows")
    for c in outputs:
        for side, sign in (("lower", -1), ("upper", 1)):
            name = f"{c}_{side}"
            if expect(name in table.column_names, f"trajectories.parquet: no column {name}"):
                edge = table[name].to_numpy(zero_copy_only=False).astype(float)
                known = np.isfinite(edge)
                outside = sign * (edge[known] - value[c][known]) < -1e-9 * np.abs(value[c][known])
                expect(not outside.any(), f"trajectories.parquet: {name} on the wrong side of {c} in {outside.sum()} rows")
    ids = np.array([str(i) for i in table["ID"].to_pylist()])
    fitted = {r["ID"] for r in individuals if r.get("status") != "failed"}
    expect(set(ids) >= fitted, f"trajectories.parquet: fitted subjects are missing: {', '.join(sorted(fitted - set(ids))[:9])}")
    for i in dict.fromkeys(ids):
        at = np.flatnonzero(ids == i)
        expect((np.diff(at) == 1).all(), f"trajectories.parquet: the rows of ID {i} are not together")
        expect((np.diff(value["TIME"][at]) > 0).all(), f"trajectories.parquet: the days of ID {i} do not ascend")
    return table.num_rows


def check_figures(run):
    figures = sorted((run / "figures").rglob("*.svg"))
    expect(figures, "no figures")
    for path in figures:
        try:
            root = xml.parse(path).getroot()
            expect(root.tag.endswith("svg"), f"{path.relative_to(run)} is no SVG")
        except xml.ParseError as error:
            expect(False, f"{path.relative_to(run)}: {error}")
    return len(figures)


def main():
    parser = argparse.ArgumentParser(description="Checks a run's folder.")
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--subjects", type=int, help="how many there must be")
    options = parser.parse_args()
    run = options.run
    if not run.is_dir():
        sys.exit(f"{run} is no folder")
    check_facts(run)
    check_model(run)
    individuals = check_individuals(run, options.subjects)
    observations = check_observations(run, individuals)
    days = check_trajectories(run, individuals)
    figures = check_figures(run)
    told(run, f"{len(individuals)} subjects, {observations} observations, {days} rows of trajectories, {figures} figures: sound")


if __name__ == "__main__":
    main()
