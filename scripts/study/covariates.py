"""Does a stepwise search find an effect that is there, and how often one that is not?

Simulates trials of the model of theophylline in which CL goes with weight and nothing else with anything, and searches each for
effects of weight, age and sex. A page of the book is made of what the searches say.

    cargo build --release && scripts/python scripts/study/covariates.py --replicates 300 --write
"""

import argparse
import csv
import pathlib
import subprocess
import tempfile

import numpy as np
from scipy import stats

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = ROOT / "target/release/omafit"
PAGE = ROOT / "docs/validation/covariates.md"
SEED = 20261123
EXPONENT = 0.75
HOURS = (0.5, 1, 2, 4, 8, 12, 24)
# Parameter, covariate, form; the first is there.
CANDIDATES = [
    ("CL", "WT", "power"),
    ("V", "AGE", "power"),
    ("CL", "SEX", "categorical"),
    ("ka", "AGE", "linear"),
    ("V", "SEX", "exponential"),
]


def omafit(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments), "--quiet"], check=False, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode


def models(folder):
    text = subprocess.run([PROGRAM, "model", "show", "one_compartment_oral"], check=True, capture_output=True, text=True).stdout
    effect = f'[[parameters.CL.effects]]\nform = "power"\ncovariate = "WT"\ncentre = 70\nexponent = {EXPONENT}\n'
    truth, search = folder / "truth.toml", folder / "search.toml"
    truth.write_text(f"{text}\n{effect}")
    entries = [f'[[search]]\nparameter = "{p}"\ncovariate = "{c}"\nform = "{f}"\n' for p, c, f in CANDIDATES]
    search.write_text("\n".join([text, *entries]))
    return truth, search


def design(path, subjects, random):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ID", "TIME", "DV", "AMT", "EVID", "MDV", "WT", "AGE", "SEX"])
        for subject in range(1, subjects + 1):
            covariates = [round(70 * np.exp(0.2 * random.standard_normal()), 1), int(random.integers(18, 75)), int(random.integers(2))]
            rows.writerow([subject, 0, 0, 320, 1, 1, *covariates])
            rows.writerows([subject, hour / 24, 1, 0, 0, 0, *covariates] for hour in HOURS)


def replicate(number, subjects, folder, truth, search):
    """The p value of each candidate in the first step and, but for the planted one, in the second; what was included."""
    random = np.random.default_rng([SEED, number])
    design(folder / "design.csv", subjects, random)
    covariates = ["--assume", "AGE=1", "--assume", "SEX=1"]
    data, out = folder / "data.csv", folder / "out"
    omafit("simulate", "--model", truth, "--like", folder / "design.csv", *covariates, "--seed", SEED + number, "--out", data, "--force")
    code = omafit("search", data, "--model", search, "--out", out, "--force")
    with (out / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    key = lambda row: (row["parameter"], row["covariate"], row["form"])  # noqa: E731
    p_values = {(int(row["step"]), key(row)): float(row["p_value"]) for row in rows if row["direction"] == "forward" and row["p_value"]}
    included = set()
    for row in rows:
        if row["chosen"] == "1" and row["direction"] == "forward":
            included.add(key(row))
        elif row["chosen"] == "1" and row["direction"] == "backward":
            included.remove(key(row))
    return p_values, included, code


def rate(hits, of):
    low, high = (stats.beta.ppf(q, a, b) for q, a, b in ((0.025, hits, of - hits + 1), (0.975, hits + 1, of - hits)))
    low, high = (0.0 if hits == 0 else low), (1.0 if hits == of else high)
    return f"{100 * hits / of:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--subjects", type=int, default=60)
    parser.add_argument("--write", action="store_true", help="write the page of the book; else print it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        truth, search = models(folder)
        found = [replicate(number, args.subjects, folder, truth, search) for number in range(args.replicates)]
    planted = CANDIDATES[0]
    after = [p for p, _, _ in found if (2, CANDIDATES[1]) in p and (2, planted) not in p]
    said = [
        "# Searching for effects of covariates",
        "",
        f"`scripts/study/covariates.py --replicates {args.replicates}`, seed {SEED}: trials of {args.subjects} simulated subjects of the model of",
        f"theophylline, sampled at {', '.join(map(str, HOURS))} hours, in which CL goes with weight (exponent {EXPONENT}; weight log-normal, CV",
        "20 %) and nothing with age (18 to 74) or sex. `omafit search` at its default levels, forward 0.05, backward 0.01. In brackets 95 %",
        "intervals of the rates.",
        "",
        "| effect | is there | p < 0.05 forward, in the step after the planted one | in the final model |",
        "|---|---|---|---|",
    ]
    for candidate in CANDIDATES:
        name = f"{candidate[0]}~{candidate[1]} ({candidate[2]})"
        included = rate(sum(candidate in i for _, i, _ in found), len(found))
        below = "" if candidate == planted else rate(sum(p[(2, candidate)] < 0.05 for p in after), len(after))
        said.append(f"| {name} | {'yes' if candidate == planted else 'no'} | {below} | {included} |")
    unconverged = sum(code == 1 for _, _, code in found)
    said += [
        "",
        "An effect that is not there should pass the forward level in 5 % of trials and, as it must pass the backward one too, be in the",
        "final model in 1 %. The planted one explains a quarter of the variance of ln CL between subjects, which 60 subjects do not always show",
        f"at 0.01. In {unconverged} of {len(found)} searches a fit did not converge; it was out of consideration.",
        "",
    ]
    text = "\n".join(said)
    if args.write:
        PAGE.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
