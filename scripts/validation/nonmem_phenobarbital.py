"""Phenobarbital in 59 newborns by this program and by NONMEM 7.5.1: estimates, standard errors, subjects, residuals.

NONMEM's example is not in the repository. Its data and NONMEM's own output come with pharmpy (scripts/requirements.txt), from which
they are taken; with DATA the data are a file with the columns ID TIME DV AMT EVID MDV CMT DVID WGT LOWAP (hours, mg/L, mg, kg; CMT 2
intravenous; LOWAP 1 where the Apgar score is below 5).

Run:    scripts/python scripts/validation/nonmem_phenobarbital.py [DATA] [--omafit PROGRAM] [--keep DIR]
        DATA      the data set [default: pharmpy's, written as CSV]
        --omafit  this program [default: target/release/omafit]
        --keep    keep data, model and run here [default: a temporary folder]
Prints: the tables of docs/validation/nonmem.md. Exit code 1 if a number is further off than the page says.
"""

import argparse
import csv
import importlib.resources
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path.append(str(ROOT / "scripts"))
from machine import commit  # noqa: E402

MODEL = """\
name = "phenobarbital"
title = "One compartment, intravenous: phenobarbital in 59 newborns, NONMEM's example"
structure = "one_compartment"
source = "Grasela, Donn 1985, Dev Pharmacol Ther 8:374"
start = "steady_state"

# Every dose is intravenous: neither the rate of absorption nor the bioavailability matters.
[parameters.ka]
typical = 1.0
unit = "1/h"
fixed = true

[parameters.F]
typical = 1.0
unit = "1"
transform = "identity"
fixed = true

# CL = THETA(1)*WGT*EXP(ETA(1))
[parameters.CL]
typical = 0.00469307
unit = "L/h"
effects = [{ covariate = "WGT", form = "power", centre = 1.0, exponent = 1.0, fixed = true }]

# V = THETA(2)*WGT*(1 + THETA(3)*LOWAP)*EXP(ETA(2))
[parameters.V]
typical = 1.00916
unit = "L"
effects = [
    { covariate = "WGT", form = "power", centre = 1.0, exponent = 1.0, fixed = true },
    { covariate = "LOWAP", form = "linear", centre = 0.0, slope = 0.1 },
]

[variability]
CL = { variance = 0.0309626 }
V = { variance = 0.031128 }

# Y = F + F*EPS(1); SIGMA is a variance, 0.0130865
[residual]
omalizumab_total = { proportional_sd = 0.114396 }
"""
# Name in `parameters`, name here.
NUMBERS = [
    ("CL", "θ1, L/h/kg"),
    ("V", "θ2, L/kg"),
    ("V_LOWAP", "θ3"),
    ("omega2_CL", "ω² of CL"),
    ("omega2_V", "ω² of V"),
    ("sigma_proportional_omalizumab_total", "σ, √SIGMA"),
]
# Largest differences that the page tells of: of the objective, estimates and standard errors (relative), a subject's part of
# the objective, η̂ and CWRES.
OBJECTIVE, ESTIMATES, ERRORS, SUBJECTS, ETAS, RESIDUALS = 1e-5, 5e-4, 2e-3, 5e-3, 1e-3, 1e-3


def example():
    """The folder of pharmpy's examples."""
    return importlib.resources.files("pharmpy") / "internals" / "example_models"


def table(name, header):
    """Rows of one of NONMEM's tables, by the names in its header, the line that begins with `header`."""
    lines = (example() / name).read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(lines) if line.split()[:1] == [header])
    names = lines[start].split()
    return [dict(zip(names, map(float, line.split()), strict=True)) for line in lines[start + 1 :]]


def nonmem():
    """NONMEM's objective, estimates and standard errors."""
    rows = {int(row["ITERATION"]): row for row in table("pheno.ext", "ITERATION")}
    keys = ["THETA1", "THETA2", "THETA3", "OMEGA(1,1)", "OMEGA(2,2)"]
    of = lambda row, deviations: [rows[row][key] for key in keys] + [rows[deviations]["SIGMA(1,1)"]]
    return rows[-1000000000]["OBJ"], of(-1000000000, -1000000004), of(-1000000001, -1000000005)


def listed(name):
    """Numbers of a line of NONMEM's report."""
    lines = (example() / "pheno.lst").read_text(encoding="utf-8").splitlines()
    return next([float(word) for word in line.split()[1:]] for line in lines if line.split()[:1] == [name])


def write_data(path):
    """pharmpy's data set as CSV."""
    fields = ["ID", "TIME", "DV", "AMT", "EVID", "MDV", "CMT", "DVID", "WGT", "LOWAP"]
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(fields)
        for line in (example() / "pheno.dta").read_text(encoding="utf-8").splitlines()[1:]:
            cells = [cell or "0" for cell in line.split(",")] if "," in line else line.split()
            subject, time, amount, weight, apgar, observed = (float(c) for c in (c if c != "." else 0 for c in cells[:6]))
            dose = int(amount > 0)
            writer.writerow([int(subject), time, observed, amount, dose, dose, 2, 1, weight, int(apgar < 5)])


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fit(program, data, folder):
    """A run of the data: its folder."""
    (folder / "phenobarbital.toml").write_text(MODEL, encoding="utf-8")
    run = folder / "run"
    command = [program, "fit", data, "--model", folder / "phenobarbital.toml", "--time-unit", "hours", "--method", "foce"]
    command += ["--likelihood", "linear", "--no-trajectories", "--no-report", "--quiet", "--out", run]
    subprocess.run([str(c) for c in command], check=True)
    return run


def ours(run):
    """The objective, estimates and standard errors (sandwich, R) of a run."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in rows_of(run / "parameters.csv")}
    per = lambda row: 24.0 if row["unit"].endswith("/d") else 1.0
    of = lambda column: [float(rows[name][column]) / per(rows[name]) for name, _ in NUMBERS]
    return record, of("estimate"), of("se_sandwich"), of("se")


def largest(pairs):
    return max(abs(a - b) for a, b in pairs)


def main():
    parser = argparse.ArgumentParser(description="Phenobarbital by this program and by NONMEM.")
    parser.add_argument("data", nargs="?", type=pathlib.Path)
    parser.add_argument("--omafit", type=pathlib.Path, default=TARGET / "release" / "omafit")
    parser.add_argument("--keep", type=pathlib.Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        data = given.data or folder / "phenobarbital.csv"
        if given.data is None:
            write_data(data)
        run = fit(given.omafit, data, folder)
        record, estimates, sandwich, by_r = ours(run)
        objective, expected, errors = nonmem()
        found = record["likelihood"]["ofv"]
        minus2ll = record["likelihood"]["minus2ll"]
        etas = [(float(row["ETA_CL"]), float(row["ETA_V"])) for row in rows_of(run / "individuals.csv")]
        subjects = [float(row["ofv"]) for row in rows_of(run / "likelihood.csv")]
        residuals = [float(row["CWRES"]) for row in rows_of(run / "observations.csv")]
        shrinkage = [float(row["shrinkage_sd_pct"]) for row in rows_of(run / "shrinkage.csv")]
    theirs = table("pheno.phi", "SUBJECT_NO")
    their_etas = [(row["ETA(1)"], row["ETA(2)"]) for row in theirs]
    their_residuals = [row["CWRES"] for row in table("pheno.tab", "ID") if row["DV"] > 0]
    assert len(etas) == len(their_etas) == 59 and len(residuals) == len(their_residuals) == 155
    eta = largest(pair for own, other in zip(etas, their_etas) for pair in zip(own, other))
    residual = largest(zip(residuals, their_residuals))
    subject = largest(zip(subjects, (row["OBJ"] for row in theirs)))
    print(f"omafit {record['version']}, commit {commit()}; NONMEM 7.5.1, as pharmpy has it\n")
    print("| | omafit | NONMEM |\n|---|---|---|")
    print(f"| OFV | {found:.6f} | {objective:.6f} |")
    print(f"| −2LL (of NONMEM OFV + 155·ln 2π) | {minus2ll:.5f} | {objective + 155 * math.log(2 * math.pi):.5f} |")
    for (_, name), own, other in zip(NUMBERS, estimates, expected):
        print(f"| {name} | {own:.6g} | {other:.6g} |")
    print("\n| standard error | omafit, R⁻¹SR⁻¹ | NONMEM, R⁻¹SR⁻¹ | omafit, R⁻¹ |\n|---|---|---|---|")
    for (_, name), own, other, r in zip(NUMBERS, sandwich, errors, by_r):
        print(f"| {name} | {own:.5g} | {other:.5g} | {r:.5g} |")
    print("\n| largest difference | |\n|---|---|")
    print(f"| of a subject's part of OFV | {subject:.1e} |")
    print(f"| of η̂, 59 subjects, two η | {eta:.1e} |")
    print(f"| of CWRES, 155 observations | {residual:.1e} |")
    print("\n| shrinkage of η by standard deviations, % | CL | V |\n|---|---|---|")
    print("| omafit | " + " | ".join(f"{s:.2f}" for s in shrinkage) + " |")
    print("| NONMEM (ETASHRINKSD) | " + " | ".join(f"{s:.2f}" for s in listed("ETASHRINKSD(%)")) + " |")
    scaled = [100 - (100 - s) * (58 / 59) ** 0.5 for s in shrinkage]
    print("| omafit's with n in place of n − 1 | " + " | ".join(f"{s:.2f}" for s in scaled) + " |")
    relative = lambda pairs: max(abs(a / b - 1) for a, b in pairs)
    off = {
        "objective": (abs(found - objective), OBJECTIVE),
        "estimates": (relative(zip(estimates, expected)), ESTIMATES),
        "standard errors": (relative(zip(sandwich, errors)), ERRORS),
        "a subject's part": (subject, SUBJECTS),
        "η̂": (eta, ETAS),
        "CWRES": (residual, RESIDUALS),
    }
    print("\nlargest differences: " + ", ".join(f"{name} {value:.1e}" for name, (value, _) in off.items()), file=sys.stderr)
    wrong = [name for name, (value, most) in off.items() if not value <= most]
    if wrong:
        sys.exit("further off than the page says: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
