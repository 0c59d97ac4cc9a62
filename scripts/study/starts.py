"""Does FOCE end at one place, wherever it starts?

One trial of the binding model is simulated by `omafit simulate` and its population estimated from the published values and from
twelve starts up to six-fold off: every typical value, every variance of eta and the square of every residual standard deviation
is multiplied by a factor of its own, drawn evenly on the logarithm between 1/6 and 6 (exponents of covariates and the correlation
stay). The same is done of two cases of flip-flop kinetics (fixtures/cases), whose subjects have several modes of eta, and of each
data set once more by `--population-starts 13`, which makes starts of its own around the model file's values.

Of every end the page says the objective less the lowest of all, the sum of the subjects' own objectives (individuals.csv, MAP fits
with the estimates as prior) less the population's, and whether the program calls it converged. The sums of an end that is called
converged must agree, to 0.001, and it must be a minimum: one with the lowest objective, to 0.01, or one to which fits come back that
start around it (every number off by a factor of up to 1.1, a variance of at least 0.01, a correlation of at most 0.95, so that they
start inside the range where the end is at a boundary). The exit code is 1 where an end is none.

Results are kept in --work, a line a fit (starts.jsonl), and the study goes on where it was stopped; with another program the fits
are made again.

    cargo build --release && python3 scripts/study/starts.py --work target/starts --write
"""

import argparse
import csv
import hashlib
import json
import math
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import machine  # noqa: E402

PROGRAM = ROOT / "target/release/omafit"
PAGE = ROOT / "docs/validation/starts.md"
CASES = ROOT / "fixtures/cases"
SEED = 20261211
STARTS, FAR = 12, 6.0
# Fits around an end that is not the lowest: their number, and the factor by which numbers are off.
AROUND, NEAR = 3, 1.1
LEAST_VARIANCE, MOST_CORRELATED = 0.01, 0.95
SAME, SUM = 0.01, 0.001  # of the objective; beyond these an end is another one, and a sum another sum
TRIAL = ["--patients", 60, "--visits", "0,3,7,14,28,56,84,140,196,252,308", "--seed", 7]


class Problem:
    """Data, the model file from which starts are made, and what is said of them."""

    def __init__(self, name, title, words, data, options, note=""):
        self.name, self.title, self.words, self.data, self.options, self.note = name, title, words, data, options, note


class Study:
    def __init__(self, program, work):
        self.program, self.work = program.resolve(), work.resolve()
        self.identity = hashlib.sha256(self.program.read_bytes()).hexdigest()
        self.kept = self.work / "starts.jsonl"
        self.work.mkdir(parents=True, exist_ok=True)
        lines = self.kept.read_text(encoding="utf-8").splitlines() if self.kept.exists() else []
        self.done = {(r["problem"], r["start"]): r for r in map(json.loads, lines) if r["by"] == self.identity}

    def omafit(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], check=False, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr.strip()

    def problems(self):
        """The data sets, each with the model file of its first start in the folder of the study."""
        code, published, said = self.omafit("model", "show", "hayashi2007")
        assert code == 0, said
        (self.work / "binding.toml").write_text(published, encoding="utf-8")
        trial = self.work / "binding.csv"
        if not trial.exists():
            code, _, said = self.omafit("simulate", *TRIAL, "--out", trial, "--quiet")
            assert code == 0, said
        for name in ("94_two_modes", "91_inner_modes"):
            shutil.copy(CASES / f"{name}.toml", self.work / f"{name}.toml")
        visits = len(TRIAL[3].split(","))
        return [
            Problem("binding", "The binding model",
                    f"{TRIAL[1]} virtual patients at {visits} visits (`omafit simulate {' '.join(map(str, TRIAL))}`), hayashi2007; the first start is its published "
                    "values, from which the trial was simulated.",
                    trial, [],
                    "There absorption is slower than elimination (ka 0.036 /d, CLx/Vx 0.31 /d; at the lowest objective 0.43 and 0.028): the kinetics are exchanged as a whole."),
            Problem("94_two_modes", "Flip-flop kinetics",
                    "`fixtures/cases/94_two_modes`: 40 people with four samples each, of whom 14 have two modes of η at the model file's values, which are the "
                    "truth and the first start.",
                    CASES / "94_two_modes.csv", []),
            Problem("91_inner_modes", "Flip-flop kinetics, CL and V correlated",
                    "`fixtures/cases/91_inner_modes`: 20 people; the first start, the model file's, is far from any minimum. An independent program "
                    "(`scripts/reference/inner_modes.py`) finds {least:.6f} as the lowest objective, and other minima above it.",
                    CASES / "91_inner_modes.csv", ["--time-unit", "hours"]),
        ]  # fmt: skip

    def start(self, problem, number):
        """The model file of a start and the largest factor by which a number in it is off."""
        text = (self.work / f"{problem.name}.toml").read_text(encoding="utf-8")
        if number == 0:
            return self.work / f"{problem.name}.toml", 1.0
        rng, largest = random.Random(f"{SEED} {problem.name} {number}"), 1.0

        def factor(root):
            nonlocal largest
            log = rng.uniform(-math.log(FAR), math.log(FAR))
            largest = max(largest, math.exp(abs(log)))
            return math.exp(log * root)

        def scaled(pattern, root):
            return lambda line: re.sub(pattern, lambda m: f"{m[1]}{float(m[2]) * factor(root):.6g}", line)

        numbers = {r"^(typical = )([0-9.eE+-]+)": 1, r"(\bvariance = )([0-9.eE+-]+)": 1, r"(\bsd = )([0-9.eE+-]+)": 0.5,
                   r"(\blog_sd = )([0-9.eE+-]+)": 0.5}  # fmt: skip
        lines = text.splitlines()
        for k, line in enumerate(lines):
            for pattern, root in numbers.items():
                line = scaled(pattern, root)(line)
            # A block is multiplied from both sides, so that its correlation stays.
            block = re.match(r"covariance = \[\[([^]]+)\], \[([^],]+),([^]]+)\]\]", line)
            if block:
                a, b = factor(1), factor(1)
                first, across, second = float(block[1]) * a, float(block[2]) * math.sqrt(a * b), float(block[3]) * b
                line = f"covariance = [[{first:.9g}], [{across:.9g}, {second:.9g}]]"
            lines[k] = re.sub(r'^name = ".*"', f'name = "start_{number}"', line)
        path = self.work / f"{problem.name}-{number}.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path, largest

    def around(self, problem, number, near):
        """A model file near the end of a start, inside the range of every number."""
        model = tomllib.loads(self.end(problem, number).read_text(encoding="utf-8"))
        rng = random.Random(f"{SEED} around {problem.name} {number} {near}")
        off = lambda value: value * math.exp(rng.uniform(-math.log(NEAR), math.log(NEAR)))
        lines = [f"{key} = {toml(value)}" for key, value in model.items() if isinstance(value, str) or key == "estimate"]
        for name, entry in model["parameters"].items():
            lines += [f"[parameters.{name}]", f"typical = {off(entry['typical']):.12g}"]
            lines += [f"{key} = {toml(entry[key])}" for key in entry if key != "typical"]
        lines.append("[variability]")
        lines += [f"{name} = {{ variance = {off(max(entry['variance'], LEAST_VARIANCE)):.12g} }}" for name, entry in model["variability"].items()]
        within = lambda value: min(max(value, -MOST_CORRELATED), MOST_CORRELATED)
        for pair in model.get("correlations", []):
            lines += ["[[correlations]]", f"between = {toml(pair['between'])}", f"value = {within(pair['value']):.12g}"]
        for block in model.get("blocks", []):
            (first,), (across, second) = block["covariance"]
            correlation = within(across / math.sqrt(first * second))
            first, second = off(max(first, LEAST_VARIANCE)), off(max(second, LEAST_VARIANCE))
            lines += ["[[blocks]]", f"parameters = {toml(block['parameters'])}",
                      f"covariance = [[{first:.12g}], [{correlation * math.sqrt(first * second):.12g}, {second:.12g}]]"]  # fmt: skip
        lines.append("[residual]")
        for name, entry in model["residual"].items():
            sds = ", ".join(f"{key} = {off(value) if key.endswith('sd') else value:.12g}" for key, value in entry.items())
            lines.append(f"{name} = {{ {sds} }}")
        path = self.work / f"around-{problem.name}-{number}-{near}.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def end(self, problem, number):
        return self.work / f"end-{problem.name}-{number}.toml"

    def fitted(self, problem, number, near=None):
        """What a fit from a start says, or one from around the end of that start."""
        several = number == "several"
        model, largest = self.start(problem, 0 if several else number)
        if near is not None:
            model = self.around(problem, number, near)
        run = self.work / f"run-{problem.name}-{number}"
        options = ["--population-starts", STARTS + 1] if several else []
        began = time.monotonic()
        code, _, said = self.omafit(
            "fit", problem.data, "--model", model, "--method", "foce", "--no-population-covariance", "--influence", "none", "--no-trajectories",
            "--no-report", "--threads", 1, "--quiet", "--force", "--out", run, *problem.options, *options,
        )  # fmt: skip
        seconds = time.monotonic() - began
        made = {"problem": problem.name, "start": number, "by": self.identity, "largest": largest, "seconds": seconds, "code": code}
        if not (run / "run.json").exists():
            return made | {"failed": said.splitlines()[-1] if said else f"exit code {code}"}
        population = json.loads((run / "run.json").read_text(encoding="utf-8"))["population"]
        people = table(run / "individuals.csv")
        course = [float(row["ofv"]) for row in table(run / "convergence.csv") if row["ofv"]]
        made |= {
            "begins": course[0],
            "ofv": population["ofv"],
            "converged": population["converged"],
            "reason": population["stop_reason"],
            "iterations": population["iterations"],
            "sum": sum(float(row["ofv"]) for row in people),
            "people": len(people),
        }
        if several:
            made["listed"] = [
                {"start": int(row["start"]), "ofv": float(row["ofv"]) if row["ofv"] else None, "converged": row["converged"] == "1",
                 "kept": row["kept"] == "1", "reason": row["reason"]}
                for row in table(run / "population_starts.csv")
            ]  # fmt: skip
        if near is None:
            shutil.copy(run / "model.toml", self.end(problem, number))
        shutil.rmtree(run)
        return made

    def all(self):
        problems, numbers = self.problems(), range(STARTS + 1)
        # What takes longest comes last.
        for of in ([(p, number) for p in problems for number in numbers], [(p, "several") for p in problems]):
            for problem, number in of:
                key = (problem.name, number)
                if key not in self.done:
                    self.done[key] = self.fitted(problem, number)
                    with open(self.kept, "a", encoding="utf-8") as f:
                        f.write(json.dumps(self.done[key]) + "\n")
                row = self.done[key]
                self.told(problem.name, number, row)
        for problem in problems:
            rows = [self.done[problem.name, number] for number in numbers]
            least = lowest([*rows, self.done[problem.name, "several"]])
            for row in rows:
                if row.get("converged") and row["ofv"] > least + SAME and "around" not in row:
                    near = [self.fitted(problem, row["start"], near) for near in range(AROUND)]
                    row["around"] = [fit.get("ofv", math.inf) for fit in near]
                    with open(self.kept, "a", encoding="utf-8") as f:
                        f.write(json.dumps(row) + "\n")

    @staticmethod
    def told(name, number, row):
        print(name, number, row.get("failed") or f"{row['ofv']:.4f} {row['sum'] - row['ofv']:+.1e} {row['converged']} "
                      f"{row['iterations']} {row['seconds']:.0f} s {row['reason']}", flush=True)  # fmt: skip


def table(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def toml(value):
    """A value of a model file."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(entry) for entry in value) + "]"
    return json.dumps(value)


def lowest(rows):
    """The lowest objective of some fits' ends."""
    ended = [row for row in rows if "failed" not in row]
    listed = [other for row in ended for other in row.get("listed", [])]
    return min([row["ofv"] for row in ended] + [row["ofv"] for row in listed if row["ofv"] is not None])


def judged(rows):
    """The lowest objective of some fits' ends, and what is wrong with those that are called converged."""
    ended = [row for row in rows if "failed" not in row]
    least = lowest(rows)
    wrong = []
    for row in ended:
        name = "--population-starts" if row["start"] == "several" else f"start {row['start']}"
        if row["converged"] and row["ofv"] > least + SAME and not is_minimum(row):
            wrong.append(f"{name} is called converged {row['ofv'] - least:.3f} above the lowest objective, and fits from around it end elsewhere")
        if row["converged"] and abs(row["sum"] - row["ofv"]) > SUM:
            wrong.append(f"{name}: the subjects' objectives add up to {row['sum'] - row['ofv']:+.3f} of the population's")
    return least, wrong


def is_minimum(row):
    """Whether all fits from around an end came back to it."""
    return "around" in row and all(abs(ofv - row["ofv"]) < SAME for ofv in row["around"])


def page(study):
    version = study.omafit("--version")[1].strip()
    text = [
        "# Population estimates from many starts",
        "",
        f"FOCE is run from the values of a model file and from {STARTS} starts up to {FAR:.0f}-fold off: every typical value, every variance of η and the square of every",
        f"residual standard deviation is multiplied by a factor of its own, drawn evenly on the logarithm between 1/{FAR:.0f} and {FAR:.0f}. An end that the program calls",
        f"converged must be a minimum: the lowest objective that any start finds, to {SAME}, or one to which {AROUND} fits come back that start around it, inside the",
        f"range of every number (each off by a factor of up to {NEAR}, variances at least {LEAST_VARIANCE}, correlations at most {MOST_CORRELATED}). The objectives of the subjects, each fitted with",
        f"the estimates as prior, must add up to the population's, to {SUM}. Beside them stand the {STARTS + 1} starts of `--population-starts`, which the program makes itself",
        "and of which it keeps the lowest.",
        "",
        "```",
        "python3 scripts/study/starts.py --work target/starts --write",
        "```",
        "",
        f"{version}, seed {SEED}; seconds on one thread of a shared {machine.processor()}.",
    ]
    counts, faults = [0, 0, 0], []
    reference = json.loads((ROOT / "fixtures/reference/inner_modes.json").read_text(encoding="utf-8"))["optimum"]["ofv"]
    for problem in study.problems():
        rows = [study.done[problem.name, number] for number in range(STARTS + 1)]
        several = study.done[problem.name, "several"]
        least, wrong = judged([*rows, several])
        faults += [f"{problem.title}: {words}" for words in wrong]
        text += [
            "",
            f"## {problem.title}",
            "",
            problem.words.format(least=reference),
            "",
            f"The lowest objective is {least:.4f}.",
            "",
            "| start | largest factor | OFV at the start | OFV at the end, less the lowest | subjects' sum less OFV | converged | iterations | s | end |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in rows:
            first = "model file" if row["start"] == 0 else str(row["start"])
            if "failed" in row:
                text.append(f"| {first} | {row['largest']:.1f} | | | | no | | {row['seconds']:.0f} | failed: {row['failed']} |")
                continue
            counts[0] += 1
            counts[1] += row["converged"]
            counts[2] += row["ofv"] <= least + SAME
            text.append(
                f"| {first} | {row['largest']:.1f} | {row['begins']:.1f} | {row['ofv'] - least:.5f} | {row['sum'] - row['ofv']:+.1e} | "
                f"{'yes' if row['converged'] else 'no'} | {row['iterations']} | {row['seconds']:.0f} | {row['reason']} |"
            )
        for row in rows:
            if "around" in row:
                there = ", ".join(f"{ofv - least:.5f}" for ofv in row["around"])
                text += ["", f"Fits from around the end of start {row['start']} end at {there}: it is {'a' if is_minimum(row) else 'no'} minimum."]
        listed = several["listed"]
        ended = [row for row in listed if row["ofv"] is not None]
        elsewhere = [row for row in ended if row["ofv"] > least + SAME]
        text += [
            "",
            f"`--population-starts {STARTS + 1}` ({several['seconds']:.0f} s): {sum(row['converged'] for row in listed)} of {len(listed)} starts converged, "
            f"{len(ended) - len(elsewhere)} at the lowest objective; the run keeps start {next(row['start'] for row in listed if row['kept'])}, "
            f"{several['ofv'] - least:.5f} above the lowest, with subjects' objectives that add up to {several['sum'] - several['ofv']:+.1e} of it.",
        ]
        text += [f"Start {row['start']} ended {row['ofv'] - least:.3f} above it: {row['reason']}." for row in elsewhere]
        text += [problem.note] if problem.note else []
        text += [f"Start {row['start']} failed: {row['reason']}." for row in listed if row["ofv"] is None]
    text += [
        "",
        "## In short",
        "",
        f"Of {3 * (STARTS + 1)} fits {counts[0]} ended, {counts[1]} of them called converged and {counts[2]} at the lowest objective of their data. "
        + ("Every end that is called converged is a minimum, and all sums agree." if not faults else "Not as it must be:"),
        *(["", *(f"- {fault}" for fault in faults)] if faults else []),
        "",
    ]
    return "\n".join(text), faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--omafit", type=pathlib.Path, default=PROGRAM, help="the program")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target/starts", help="folder of what is kept")
    parser.add_argument("--write", action="store_true", help="write the page of the book")
    arguments = parser.parse_args()
    study = Study(arguments.omafit, arguments.work)
    study.all()
    text, faults = page(study)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)
    print(*faults, sep="\n", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
