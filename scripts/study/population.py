"""Are populations estimated without bias, and do their intervals cover what they say?

Simulates trials of Hayashi's population with the covariates and doses of the demo, sampled richly (15 visits) or sparsely
(5), and estimates each by FOCE, SAEM, iterative two-stage and the two-stage population of subjects fitted alone, started away
from the truth. Every replicate's numbers are kept in a file of their own under --out: the study goes on where it was
stopped, and a larger --replicates adds to what is there. With --write all numbers are kept in population.jsonl.gz beside this
script too, a line a replicate and method, and the page and the figure are made of them; what is there is not computed again.

    cargo build --release && scripts/python scripts/study/population.py --replicates 200 --write
"""

import argparse
import collections
import concurrent.futures
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import tomllib

import numpy as np
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from models import model_file, numbers_of  # noqa: E402

PROGRAM = {"omafit": ROOT / "target/release/omafit"}
PAGE, FIGURE = ROOT / "docs/validation/population-study.md", ROOT / "docs/images/population-study.svg"
KEPT = pathlib.Path(__file__).with_name("population.jsonl.gz")
SEED = 20261122
DESIGNS = {"rich": None, "sparse": "0,4,28,112,224"}
METHODS = {"foce": "FOCE", "saem": "SAEM", "its": "iterative two-stage", "nls": "two-stage (global)"}
COLOURS = {"foce": "#1b6ca8", "saem": "#c8553d", "its": "#588157", "nls": "#8d6a9f"}
# Where the estimation starts, as a part of the truth: typical values in turn, exponents, variances, residual standard
# deviations; and the correlation.
OFF = {"typical": (1.3, 0.75), "exponent": 0.5, "variance": 1.5, "log_sd": 1.3, "correlation": 0.5}
# A bias that is told: so many per cent, and so many of its standard errors.
TOLD, SURE = 5.0, 3.0
NONE = {"estimate": None, "low": None, "high": None}


def omafit(*arguments):
    done = subprocess.run([PROGRAM["omafit"], *map(str, arguments), "--quiet"], check=False, capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def shown():
    text = subprocess.run([PROGRAM["omafit"], "model", "show", "hayashi2007"], check=True, capture_output=True, text=True).stdout
    return tomllib.loads(text)


def started(folder, model):
    """The model file from which the populations are estimated."""
    off = {}
    for k, (name, entry) in enumerate(model["parameters"].items()):
        off[name] = entry["typical"] * OFF["typical"][k % 2]
        off |= {f"{name}_{e['covariate']}": e["exponent"] * OFF["exponent"] for e in entry.get("effects", [])}
    off |= {f"omega2_{name}": entry["variance"] * OFF["variance"] for name, entry in model["variability"].items()}
    off |= {"corr_" + "_".join(entry["between"]): OFF["correlation"] for entry in model["correlations"]}
    off |= {f"sigma_{name}": entry["log_sd"] * OFF["log_sd"] for name, entry in model["residual"].items()}
    return model_file(folder / "start.toml", model, off)


def estimated(run):
    """Estimates and 95 % intervals by name, and how it ended."""
    record = json.loads((run / "run.json").read_text())
    table = pq.read_table(run / "parameters.parquet").to_pydict()
    rows = zip(table["name"], table["estimate"], table["ci_low"], table["ci_high"])
    numbers = {name: {"estimate": value, "low": low, "high": high} for name, value, low, high in rows}
    population = record["population"]
    return {"numbers": numbers, "converged": population["converged"], "reason": population["stop_reason"]}


def two_stage(run, model):
    """The global two-stage population: typical values and variances; it estimates no coefficients and no residual errors."""
    table = pq.read_table(run / "two_stage.parquet").to_pydict()
    numbers = {}
    for row, name in enumerate(table["parameter"]):
        mean, se, sd = (table[f"{key}_global"][row] for key in ("eta_mean", "eta_mean_se", "omega_sd"))
        typical = model["parameters"][name]["typical"]
        low, value, high = (typical * np.exp(mean + z * se) for z in (-1.96, 0, 1.96))
        numbers[name] = {"estimate": value, "low": low, "high": high}
        numbers[f"omega2_{name}"] = {"estimate": sd**2, "low": None, "high": None}
    return {"numbers": numbers, "converged": True, "reason": ""}


def replicate(design, number, patients, methods, out, model, threads, kept):
    """Estimates one simulated trial by the methods that it has not been estimated by; what it took, seconds."""
    wanted = [m for m in methods if (design, number, m, patients) not in kept and not (out / design / f"{number:04}.{m}.json").exists()]
    if not wanted:
        return 0.0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        visits = ["--visits", DESIGNS[design]] if DESIGNS[design] else []
        data = folder / "data.parquet"
        code, said = omafit("simulate", "--patients", patients, "--seed", SEED + number, *visits, "--threads", threads, "--out", data)
        assert code == 0, said
        start = started(folder, model)
        for method in wanted:
            began_fit = time.monotonic()
            run = folder / method
            # A subject alone is fitted with the truth as what is given: what is not estimated is then right.
            given = "hayashi2007" if method == "nls" else start
            # Of few values most subjects alone leave parameters open, from any start.
            more = ["--starts", 1] if method == "nls" else ["--likelihood-samples", 200]
            more += ["--model", given, "--method", method, "--no-report", "--every", 28]
            code, said = omafit("fit", data, *more, "--threads", threads, "--out", run)
            if code not in (0, 1):
                found = {"numbers": {}, "converged": False, "reason": said}
            elif method == "nls":
                found = two_stage(run, model)
            else:
                found = estimated(run)
            found |= {"seconds": time.monotonic() - began_fit, "patients": patients, "seed": SEED + number}
            path = out / design / f"{number:04}.{method}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_suffix(".part")
            aside.write_text(json.dumps(found))
            aside.rename(path)
    return time.monotonic() - began


def finite(value):
    return value is not None and np.isfinite(value)


def rounded(value):
    """Six digits are more than any study tells."""
    return float(f"{value:.6g}") if finite(value) else None


def line(design, number, method, found):
    """A replicate as a line: of each number the estimate and the ends of its interval."""
    numbers = {k: [rounded(v[of]) for of in ("estimate", "low", "high")] for k, v in found["numbers"].items()}
    said = {"design": design, "number": number, "method": method, "patients": found["patients"], "seed": found["seed"]}
    said |= {"seconds": rounded(found["seconds"]), "converged": found["converged"], "reason": found["reason"], "numbers": numbers}
    return json.dumps(said, separators=(",", ":"))


def kept_before():
    """What stands in the file beside this script, by design, number, method and patients."""
    kept = {}
    if KEPT.exists():
        for text in gzip.open(KEPT, "rt", encoding="utf-8"):
            found = json.loads(text)
            found["numbers"] = {k: dict(zip(("estimate", "low", "high"), v)) for k, v in found["numbers"].items()}
            kept[found["design"], found["number"], found["method"], found["patients"]] = found
    return kept


def collected(out, kept):
    """All that is there: kept before, and under `out`."""
    for path in out.glob("*/*.json"):
        number, method, _ = path.name.split(".")
        found = json.loads(path.read_text())
        kept[path.parent.name, int(number), method, found["patients"]] = found
    return dict(sorted(kept.items()))


def keep(everything):
    """Writes the file; the same numbers make the same bytes."""
    lines = "".join(line(d, n, m, found) + "\n" for (d, n, m, _), found in everything.items())
    KEPT.write_bytes(gzip.compress(lines.encode(), 9, mtime=0))


def summary(found, name, true):
    """Relative bias, its standard error and the median, per cent; coverage of the intervals, and how many there are."""
    numbers = [f["numbers"].get(name, NONE) for f in found if f["converged"]]
    values = np.array([n["estimate"] for n in numbers if finite(n["estimate"])])
    if not len(values):
        return None
    off = 100 * (values - true) / abs(true)
    both = [(n["low"], n["high"]) for n in numbers if finite(n["low"]) and finite(n["high"])]
    covered = 100 * np.mean([low <= true <= high for low, high in both]) if both else np.nan
    spread = off.std(ddof=1) / np.sqrt(len(off)) if len(off) > 1 else np.nan
    return {"bias": off.mean(), "se": spread, "median": np.median(off), "covered": covered, "intervals": len(both)}


def figure(names, designs, methods, results):
    """Relative bias of every number: a dot a method, with two standard errors either way."""
    left, wide, high, limit = 170, 330, 22 * len(names), 40.0
    width, height = left + len(designs) * (wide + 30), high + 90
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for m, method in enumerate(methods):
        parts.append(f'<circle cx="{left + 150 * m}" cy="16" r="4" fill="{COLOURS[method]}"/>')
        parts.append(f'<text x="{left + 150 * m + 8}" y="20">{METHODS[method]}</text>')
    for d, design in enumerate(designs):
        x0 = left + d * (wide + 30)
        at = lambda v: x0 + wide * (0.5 + np.clip(v, -limit, limit) / (2 * limit))  # noqa: E731
        parts.append(f'<text x="{x0 + wide / 2}" y="40" text-anchor="middle" font-weight="bold">{design}</text>')
        for tick in (-40, -20, 0, 20, 40):
            shade = "#444" if tick == 0 else "#ddd"
            parts.append(f'<line x1="{at(tick):.1f}" x2="{at(tick):.1f}" y1="48" y2="{50 + high}" stroke="{shade}"/>')
            parts.append(f'<text x="{at(tick):.1f}" y="{64 + high}" text-anchor="middle">{tick}</text>')
        for row, name in enumerate(names):
            for m, method in enumerate(methods):
                s = results[design][method].get(name)
                if s is None:
                    continue
                y = 54 + 22 * row + 4.2 * m
                reach = 2 * s["se"] if np.isfinite(s["se"]) else 0.0
                parts.append(
                    f'<line x1="{at(s["bias"] - reach):.1f}" x2="{at(s["bias"] + reach):.1f}" y1="{y:.1f}" y2="{y:.1f}" '
                    f'stroke="{COLOURS[method]}"/><circle cx="{at(s["bias"]):.1f}" cy="{y:.1f}" r="2.4" fill="{COLOURS[method]}"/>'
                )
    for row, name in enumerate(names):
        parts.append(f'<text x="{left - 10}" y="{64 + 22 * row}" text-anchor="end">{name}</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 6}" text-anchor="middle">relative bias, %, and two standard errors either way; beyond 40 % drawn at the edge</text>')
    return "\n".join([*parts, "</svg>", ""])


def biased(results):
    """The numbers whose estimates are off for sure."""
    return [name for name, s in results.items() if abs(s["bias"]) > max(TOLD, SURE * s["se"])]


def in_words(method, results):
    """What of a method's estimates is off, in a sentence."""
    def one(name):
        covered = results[name]["covered"]
        return f"{name} by {results[name]['bias']:+.0f} %" + (f" (covered {covered:.0f} %)" if np.isfinite(covered) else "")

    off = ", ".join(map(one, biased(results))) or "nothing"
    return f"* {METHODS[method]} is off by more than {TOLD:.0f} % and {SURE:.0f} standard errors in {off}."


def unfinished(method, reasons):
    """Why estimations did not converge, in the program's words, and how many."""
    if not reasons:
        return []
    words = collections.Counter(re.split(r"[:;(]|\. An end| after | at the last", reason)[0].strip() for reason in reasons)
    told = "; ".join(f"{count} × “{why}”" for why, count in words.most_common())
    return [f"* {METHODS[method]} that did not converge: {told}."]


def advice(results):
    """What to do where FOCE is biased, from what FOCE and SAEM found in a design."""
    foce, saem = results.get("foce"), results.get("saem")
    if not foce or not saem:
        return []
    off, worse = biased(foce), biased(saem)
    better = [name for name in off if name not in worse]
    both = [name for name in off if name in worse]
    said = []
    if better:
        said.append(
            f"Of {', '.join(better)} the approximation of FOCE is at fault: SAEM, which makes none, is not off there for sure. Where they matter, "
            "estimate by `--method saem` and compare models by `--likelihood is`."
        )
    if both:
        said.append(
            f"Of {', '.join(both)} both are off: it is the design that says too little of them, or maximum likelihood in a sample of this size."
        )
    if only := [name for name in worse if name not in off]:
        said.append(f"Of {', '.join(only)} SAEM alone is off for sure.")
    return ["", *said] if said else []


def page(names, designs, methods, results, counts, patients):
    said = [
        "# Simulated populations estimated again",
        "",
        f"`scripts/study/population.py`, seed {SEED}: trials of {patients} patients of the published population (Hayashi et al. 2007), with",
        "the covariates and doses of the demo's trial, every number that the model has estimated: nine typical values, four exponents,",
        "seven variances, a correlation, three residual standard deviations. *Rich*: 15 visits over 44 weeks; *sparse*: days",
        f"{DESIGNS['sparse']}; three analytes at each. Estimation starts with typical values off by −25 to +30 %, half of every exponent, variances",
        "1.5 times and residual errors 1.3 times the truth. Two-stage is that of subjects fitted alone, corrected for the variance of their",
        "estimates, with exponents and residual errors given. Only trials whose estimation converged count. Bias is the mean deviation",
        "relative to the truth, with its standard error, beside the median; coverage is of nominal 95 % intervals from R, where there",
        "are any (of two-stage from the standard error of the mean): a variance that went to zero has none.",
        "Every replicate's numbers are in `scripts/study/population.jsonl.gz`.",
        "",
        "![Bias of every number by method and design](../images/population-study.svg)",
        "",
    ]
    for design in designs:
        said += [f"## {design.capitalize()}", "", "| method | replicates | converged |", "|---|---|---|"]
        said += [f"| {METHODS[method]} | {count} | {converged} |" for method, (count, converged, _) in counts[design].items()]
        told = [line for method, (_, _, why) in counts[design].items() for line in unfinished(method, why)]
        said += ["", *told] if told else []
        said += ["", *(in_words(method, results[design][method]) for method in methods if results[design][method])]
        said += advice(results[design])
        heads = "".join(f" | {METHODS[m]}: bias ± SE | median | covered, of" for m in methods)
        said += ["", f"| number{heads} |", "|---" * (1 + 3 * len(methods)) + "|"]
        for name in names:
            cells = []
            for method in methods:
                s = results[design][method].get(name)
                if s is None:
                    cells.append(" | | ")
                    continue
                covered = f"{s['covered']:.0f} %, {s['intervals']}" if np.isfinite(s["covered"]) else ""
                cells.append(f"{s['bias']:+.1f} ± {s['se']:.1f} % | {s['median']:+.1f} % | {covered}")
            said.append(f"| {name} | {' | '.join(cells)} |")
        said.append("")
    return "\n".join(said)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--designs", default="rich,sparse")
    parser.add_argument("--methods", default="foce,saem,nls", help="of foce, saem, its, nls")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time")
    parser.add_argument("--threads", type=int, default=1, help="threads of each")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/study/population")
    parser.add_argument("--omafit", type=pathlib.Path, default=PROGRAM["omafit"], help="the program")
    parser.add_argument("--no-run", action="store_true", help="estimate nothing further")
    parser.add_argument("--write", action="store_true", help="write the page and the figure of the book; else print the page")
    args = parser.parse_args()
    PROGRAM["omafit"] = args.omafit
    designs, methods = args.designs.split(","), args.methods.split(",")
    model = shown()
    true = numbers_of(model)
    kept = kept_before()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        # Replicate by replicate, so that what is there at any time is balanced.
        jobs = {
            pool.submit(replicate, d, n, args.patients, methods, args.out, model, args.threads, kept): (d, n)
            for n in range(0 if args.no_run else args.replicates)
            for d in designs
        }
        for done in concurrent.futures.as_completed(jobs):
            design, number = jobs[done]
            if done.result() > 0:
                print(f"{design} {number}: {done.result():.0f} s", flush=True)
    everything = collected(args.out, kept)
    results, counts = {}, {}
    for design in designs:
        results[design], counts[design] = {}, {}
        for method in methods:
            found = [f for (d, n, m, p), f in everything.items() if (d, m, p) == (design, method, args.patients) and n < args.replicates]
            why = [f["reason"] for f in found if not f["converged"]]
            counts[design][method] = (len(found), len(found) - len(why), why)
            of = {name: summary(found, name, value) for name, value in true.items()}
            results[design][method] = {name: s for name, s in of.items() if s is not None}
    text = page(list(true), designs, methods, results, counts, args.patients)
    if args.write:
        keep(everything)
        PAGE.write_text(text)
        FIGURE.write_text(figure(list(true), designs, methods, results))
    else:
        print(text)


if __name__ == "__main__":
    main()
