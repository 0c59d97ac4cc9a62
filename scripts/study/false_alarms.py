"""Warnings on correct data: trials simulated from every model, read by the model that they are from.

Each trial has another seed, and in turn one of four designs: rich visits, sparse visits, limits of quantification, a placebo arm's
records of doses left out. A warning of `omafit check` on any of them is a false alarm; a page of the book says how many there were.

    cargo build --release && python3 scripts/study/false_alarms.py --trials 200 --seed 20 --write
"""

import argparse
import collections
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs/validation/false-alarms.md"
MODELS = ["hayashi2007", "lowe2009", "brekkan2018", "falling_production", "qss_2cmt",
          "michaelis_menten_2cmt"]
DESIGNS = [
    [],
    ["--visits", "0,28,56,112,168,224,280"],
    ["--lloq", "omalizumab_total=2", "--assay-limit"],
    ["--weeks", "16", "--follow-up", "8", "--table", "us_asthma_12y"],
]


def run(omafit, *arguments):
    return subprocess.run([omafit, *arguments], capture_output=True, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--omafit", default=ROOT / "target/release/omafit")
    parser.add_argument("--trials", type=int, default=200, help="of each model")
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="write the page")
    options = parser.parse_args()
    alarms, failures, trials = collections.Counter(), [], collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/trial.csv"
        for model in MODELS:
            for k in range(options.trials):
                design = DESIGNS[k % len(DESIGNS)]
                seed = options.seed * 100_000 + k
                made = run(options.omafit, "simulate", "--model", model, "--patients", str(options.patients), "--seed",
                           str(seed), *design, "--out", path, "--force")
                if made.returncode != 0:
                    failures.append((model, made.stderr.strip().splitlines()[-1]))
                    break
                read = run(options.omafit, "check", path, "--model", model, "--json")
                if read.returncode != 0:
                    failures.append((model, read.stderr.strip().splitlines()[0]))
                    break
                trials[model] += 1
                for warning in json.loads(read.stdout)["warnings"]:
                    alarms[model, warning["check"]] += 1
                    print(model, seed, design, warning["text"], flush=True)
            print(model, trials[model], "trials,", sum(n for (m, _), n in alarms.items() if m == model), "warnings", flush=True)
    for model, why in failures:
        print("failed:", model, why)
    if options.write:
        rows = "".join(
            f"| {model} | {trials[model]} | "
            f"{', '.join(f'{check}: {n}' for (m, check), n in sorted(alarms.items()) if m == model) or 'none'} |\n"
            for model in MODELS
        )
        PAGE.write_text(
            "# Warnings on correct data\n\n"
            f"Trials of {options.patients} virtual patients, simulated from each model and read by it, in four designs in turn: rich\n"
            "visits, sparse visits, limits of quantification, a short trial. Each warning of `omafit check` is a false alarm. Made by\n"
            f"`scripts/study/false_alarms.py --trials {options.trials} --seed {options.seed} --write`.\n\n"
            f"| model | trials | warnings |\n|---|---|---|\n{rows}"
        )
    return 1 if failures or alarms else 0


if __name__ == "__main__":
    raise SystemExit(main())
