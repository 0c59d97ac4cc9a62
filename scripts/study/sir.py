"""Are the intervals of `omafit sir` right at its defaults, and as uncertain as they say?

Theophylline by FOCE, sampled with seeds 1 to 20, against the distribution of its estimates that scripts/reference/sir.py
computes with 40,000 proposals and an objective of its own (fixtures/reference/sir.json). Of every end of an interval: its
mean and standard deviation over the seeds less the reference, in standard deviations of the number, and the Monte-Carlo error
that `sir` says, all in hundredths.

    cargo build --release && scripts/python scripts/study/sir.py [--omafit PATH] > docs/validation/sir.md
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).parents[2]
SEEDS = range(1, 21)
HEAD = """# SIR against many proposals

Theophylline in 12 people by FOCE, `omafit sir` at its defaults with the seeds 1 to {last}, against {samples} proposals of an
independent program, worth {effective:.0f} samples (`scripts/reference/sir.py`). Made by `scripts/study/sir.py`.

The ends of the 95 % intervals less the reference's, in hundredths of the number's standard deviation: mean and standard deviation
over the seeds; the Monte-Carlo error that `sir.csv` says (mean over the seeds); the reference's own error. The reference's interval is as part of the estimate. The standard
deviation of each number as part of the reference's, mean and least and most over the seeds.

| number | reference | lower: mean | SD | said | of the reference | upper: mean | SD | said | of the reference | SD: mean (least to most) |
|---|---|---|---|---|---|---|---|---|---|---|"""


def main():
    parser = argparse.ArgumentParser(description="omafit sir over seeds, against a reference.")
    parser.add_argument("--omafit", type=pathlib.Path, default=ROOT / "target/release/omafit")
    binary = parser.parse_args().omafit
    reference = json.loads((ROOT / "fixtures/reference/sir.json").read_text(encoding="utf-8"))
    tables, records = [], []
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        data = ROOT / "fixtures/real/theophylline.csv"
        fit = ["fit", data, "--model", "one_compartment_oral", "--time-unit", "hours", "--method", "foce", "--no-report"]
        subprocess.run([binary, *fit, "--quiet", "--out", run], check=True)
        for seed in SEEDS:
            subprocess.run([binary, "sir", run, "--seed", str(seed), "--quiet", "--force"], check=True)
            tables.append(pq.read_table(run / "sir.parquet").to_pydict())
            records.append(json.loads((run / "sir.json").read_text(encoding="utf-8")))
    print(HEAD.format(last=SEEDS[-1], samples=reference["samples"], effective=reference["effective"]))
    for i, name in enumerate(tables[0]["name"]):
        known = reference["numbers"][name]
        # Relative to the estimates: whatever the unit of time.
        estimate, sd = known["estimate"], known["sd"][0] / known["estimate"]
        cells = []
        for end, column in (("low", "ci_low"), ("high", "ci_high")):
            found = np.array([t[column][i] / t["estimate"][i] for t in tables])
            said = np.mean([t[f"{column}_mcse"][i] / t["estimate"][i] for t in tables])
            away = 100 * (found - known[end][0] / estimate) / sd
            error = 100 * known[end][1] / estimate / sd
            cells += [f"{away.mean():.1f}", f"{away.std(ddof=1):.1f}", f"{100 * said / sd:.1f}", f"{error:.1f}"]
        ratio = np.array([t["se"][i] / t["estimate"][i] for t in tables]) / sd
        interval = f"{known['low'][0] / estimate:.4g} to {known['high'][0] / estimate:.4g}"
        print(f"| {name} | {interval} | {' | '.join(cells)} | {ratio.mean():.3f} ({ratio.min():.3f} to {ratio.max():.3f}) |")
    whole = [r["whole"] for r in records]
    least = min(w["effective_samples"] for w in whole)
    k = max(w["pareto_k"] for w in whole)
    outermost = max(w["outermost_weight"] for w in whole)
    dofv = np.mean([w["mean_dofv"] for w in whole])
    print(f"\nOf {whole[0]['samples']} samples each: worth {least:.0f} or more; Pareto k̂ up to {k:.2f}; on the outermost tenth of the "
          f"samples up to {100 * outermost:.0f} % of the weight; mean of ΔOFV {dofv:.2f}, the reference's {reference['mean_dofv']:.2f}; "
          f"warnings: {sum(len(r['warnings']) for r in records)}.")  # fmt: skip


if __name__ == "__main__":
    main()
