"""What an iteration of FOCE costs, by the number of subjects.

Estimates the population of simulated trials (the model that simulated them, started off its values) with two and with five
iterations, without covariance; the difference in CPU time is that of three iterations.

    cargo build --release && scripts/python scripts/study/iterations.py --write
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = ROOT / "target/release/omafit"
PAGE = ROOT / "docs/validation/iterations.md"
SEED = 20261123
FEW, MORE = 2, 5


def run(program, *arguments):
    """CPU seconds and peak bytes of a command."""
    child = subprocess.Popen([program, *map(str, arguments), "--quiet"])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    # 1: the limit on iterations was reached.
    assert child.returncode in (0, 1), arguments
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def started(program, folder):
    """The model file with every typical value off by a fifth."""
    text = subprocess.run([program, "model", "show", "hayashi2007"], check=True, capture_output=True, text=True).stdout
    lines = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "typical":
            number = tomllib.loads(line)["typical"]
            line = f"typical = {1.2 * number}"
        lines.append(line)
    path = folder / "start.toml"
    path.write_text("\n".join(lines))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--omafit", type=pathlib.Path, default=PROGRAM, help="the program")
    parser.add_argument("--write", action="store_true", help="write the page of the book; else print it")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model = started(args.omafit, folder)
        for size in map(int, args.sizes.split(",")):
            data = folder / f"{size}.parquet"
            run(args.omafit, "simulate", "--patients", size, "--seed", SEED, "--out", data)
            how = ["--model", model, "--method", "foce", "--no-population-covariance", "--no-report", "--every", 28]
            spent = {}
            for limit in (FEW, MORE):
                out = folder / f"run-{size}-{limit}"
                spent[limit] = run(args.omafit, "fit", data, *how, "--population-iterations", limit, "--out", out)
            cpu = (spent[MORE][0] - spent[FEW][0]) / (MORE - FEW)
            rows.append(f"| {size:,} | {cpu:.2f} s | {1000 * cpu / size:.2f} ms | {spent[MORE][1] / 1e6:.0f} MB |")
            print(rows[-1], flush=True)
    text = "\n".join([
        "# What an iteration of FOCE costs",
        "",
        f"`scripts/study/iterations.py`, seed {SEED}: trials in the image of INNOVATE (44 observations a subject, 24 numbers), started with every",
        f"typical value 20 % too high; CPU time of both cores, from runs of {FEW} and of {MORE} iterations.",
        "",
        "| subjects | an iteration | a subject | peak memory |",
        "|---|---|---|---|",
        *rows,
        "",
    ])
    if args.write:
        PAGE.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
