"""Does a run that is killed at a random instant end as one that is not?

Runs each job once undisturbed, and then again and again under kills: SIGKILL or SIGTERM at an instant drawn over the time that
the undisturbed run took. What is killed goes on with --resume, and may be killed again. After every kill nothing may stand where
the run is to be but the run itself, whole; at the end every file must be that of the undisturbed run to the byte, but for those
that record times, and nothing may be left beside it. A page of the book is made of what happened.

    cargo build --release && python3 scripts/study/kills.py --kills 100 --seed 19 --write

What is done is kept in the folder of --work, so that the study itself can be stopped and goes on.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import machine  # noqa: E402

PAGE = ROOT / "docs/validation/kills.md"
THEOPHYLLINE = ROOT / "fixtures/real/theophylline.csv"
# They hold seconds, or the command line.
RECORDS = {"run.json", "report.html", "bootstrap.json"}
SHORT = ["--weeks", "4", "--follow-up", "4", "--visits", "0,14,28,56"]
MOST_KILLS_OF_A_RUN = 4


class Job:
    """A command, and what it makes."""

    def __init__(self, name, words, command, prepare=None):
        self.name, self.words, self.command, self.prepare = name, words, command, prepare


def jobs(data):
    def fit(*options):
        return lambda out: ["fit", *options, "--no-report", "--out", out]

    def copied(out):
        shutil.copytree(data / "fitted", out)

    many, few = str(data / "many.parquet"), str(data / "few.parquet")
    return [
        Job("fit", "`fit`, MAP, 4,000 patients in blocks of 500", fit(many)),
        Job("foce", "`fit --method foce`, 40 patients", fit(few, "--method", "foce")),
        Job(
            "saem",
            "`fit --method saem`, 12 people",
            fit(str(THEOPHYLLINE), "--model", "one_compartment_oral", "--time-unit", "hours", "--method", "saem",
                "--population-iterations", "4000"),
        ),
        Job("bootstrap", "`bootstrap`, 60 replicates of 12 people", lambda out: ["bootstrap", out, "-n", "60"], copied),
    ]


class Study:
    def __init__(self, arguments):
        self.program = pathlib.Path(arguments.omafit).resolve()
        self.work = pathlib.Path(arguments.work).resolve()
        self.seed, self.kills = arguments.seed, arguments.kills
        self.log = self.work / "kills.jsonl"
        self.data = self.work / "data"

    def omafit(self, *arguments, cwd=None):
        command = [str(self.program), *map(str, arguments), "--quiet"]
        return subprocess.Popen(command, cwd=cwd or self.work, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def done(self, *arguments):
        process = self.omafit(*arguments)
        _, said = process.communicate()
        assert process.returncode in (0, 1), said

    def prepare(self):
        self.data.mkdir(parents=True, exist_ok=True)
        for name, patients in [("many", 4000), ("few", 40)]:
            if not (self.data / f"{name}.parquet").exists():
                self.done("simulate", "--patients", patients, *SHORT, "--seed", 7, "--out", self.data / f"{name}.parquet")
        if not (self.data / "fitted").exists():
            self.done("fit", THEOPHYLLINE, "--model", "one_compartment_oral", "--time-unit", "hours", "--method", "foce",
                      "--no-report", "--out", self.data / "fitted")

    def reference(self, job):
        """The undisturbed run, and the seconds it took."""
        out, took = self.work / "reference" / job.name, self.work / "reference" / f"{job.name}.json"
        if not took.exists():
            shutil.rmtree(out, ignore_errors=True)
            out.parent.mkdir(parents=True, exist_ok=True)
            if job.prepare:
                job.prepare(out)
            started = time.monotonic()
            self.done(*job.command(str(out)))
            took.write_text(json.dumps(time.monotonic() - started))
        return out, json.loads(took.read_text())

    def run(self, job, number, most):
        """A run under up to so many kills, and what was found."""
        rng = random.Random(f"{self.seed} {job.name} {number}")
        reference, seconds = self.reference(job)
        place = self.work / "runs" / f"{job.name}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        out = place / "run"
        if job.prepare:
            job.prepare(out)
        before = files(out)
        events, resume, killed, patience = [], [], 0, 50
        while True:
            patience -= 1
            assert patience > 0, f"{job.name} {number} does not end"
            again = killed < most and (killed == 0 or rng.random() < 0.6)
            process = self.omafit(*job.command(str(out)), *resume)
            signalled = None
            if again:
                try:
                    process.wait(rng.random() * seconds)
                except subprocess.TimeoutExpired:
                    signalled = rng.choice([signal.SIGKILL, signal.SIGTERM])
                    process.send_signal(signalled)
            _, said = process.communicate()
            code = process.returncode
            if code == 2 and resume:
                if "has ended" in said or "--force" in said:
                    events.append("was already in its place")
                    break
                # Killed before anything was kept; it says so, and begins anew.
                assert "--resume" in said, f"{job.name} {number}: {said}"
                events.append("nothing was kept")
                resume = []
                continue
            if signalled is None or code in (0, 1):
                assert code in (0, 1), f"{job.name} {number}: {said}"
                break
            killed += 1
            expected = -signal.SIGKILL if signalled == signal.SIGKILL else 130
            # One that has not yet asked to be told of signals ends of them.
            assert code in (expected, -signalled), f"{job.name} {number}: {code} {said}"
            events.append("SIGKILL" if signalled == signal.SIGKILL else "SIGTERM")
            whole(job, out, before, reference)
            resume = ["--resume"]
        expected, found = files(reference), files(out)
        differing = sorted(
            name for name in expected.keys() | found.keys()
            if pathlib.PurePath(name).name not in RECORDS and expected.get(name) != found.get(name)
        )
        left = sorted(entry.name for entry in place.iterdir() if entry.name != "run")
        shutil.rmtree(place)
        return {"job": job.name, "number": number, "killed": killed, "events": events, "differing": differing, "left": left}

    def all(self):
        self.prepare()
        self.log.touch()
        known = [json.loads(line) for line in self.log.read_text().splitlines()]
        share = self.kills // 4
        for job in jobs(self.data):
            mine = [run for run in known if run["job"] == job.name]
            killed, number = sum(run["killed"] for run in mine), len(mine)
            while killed < share:
                found = self.run(job, number, min(MOST_KILLS_OF_A_RUN, share - killed))
                with self.log.open("a") as log:
                    log.write(json.dumps(found) + "\n")
                print(json.dumps(found), flush=True)
                known.append(found)
                killed, number = killed + found["killed"], number + 1
        return known


def files(folder):
    """Every file of a folder, by its name."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            file = pathlib.Path(path) / name
            found[str(file.relative_to(folder))] = file.read_bytes()
    return found


def whole(job, out, before, reference):
    """After a kill: a run is not there, or whole; of one that gets tables, each table is not there, or whole."""
    if not job.prepare:
        assert not out.exists() or (out / "run.json").exists(), f"{job.name}: a run that is not whole"
        return
    final = files(reference)
    for name, content in files(out).items():
        hidden = name.startswith(".") or name == "bootstrap.partial.jsonl"
        assert hidden or name in RECORDS or content in (before.get(name), final.get(name)), f"{job.name}: {name} is not whole"


def page(study, known):
    lines = [
        "# Killed at any instant",
        "",
        "`scripts/study/kills.py` kills runs at random instants, by SIGKILL and by SIGTERM, takes them up with `--resume`, and may kill",
        "them again. Instants are drawn evenly over the time that the undisturbed run takes, so that some fall on reading, fitting,",
        "writing and putting in place. After every kill it looks for a run or table that is not whole; at the end it compares every file",
        "with the undisturbed run's to the byte (but for those that record times: `run.json`, `bootstrap.json`) and looks for anything",
        "that was left beside the run.",
        "",
        "```",
        f"python3 scripts/study/kills.py --kills {study.kills} --seed {study.seed} --write",
        "```",
        "",
        f"At commit {machine.commit()}, on {machine.processor()}.",
        "",
        "| what runs | seconds undisturbed | runs | SIGKILL | SIGTERM | had kept nothing yet | files that differ | left behind |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for job in jobs(study.data):
        mine = [run for run in known if run["job"] == job.name]
        events = [event for run in mine for event in run["events"]]
        _, seconds = study.reference(job)
        counts = [events.count(event) for event in ("SIGKILL", "SIGTERM", "nothing was kept")]
        differing, left = sum(len(run["differing"]) for run in mine), sum(len(run["left"]) for run in mine)
        cells = [job.words, f"{seconds:.1f}", len(mine), *counts, differing, left]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "A run *had kept nothing yet* where the kill came before its first block of subjects, its first iteration or its first replicate was",
        "kept: then `--resume` says that there is nothing to go on with, and the run begins anew.",
        "",
        "Run by run:",
        "",
        "```",
    ]
    for run in known:
        story = ", ".join(run["events"]) or "ended before it was killed"
        end = "the same to the byte" if not run["differing"] else "differ: " + " ".join(run["differing"])
        end += "" if not run["left"] else "; left: " + " ".join(run["left"])
        lines.append(f"{run['job']} {run['number']}: {story}: {end}")
    return "\n".join([*lines, "```", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--omafit", default=ROOT / "target/release/omafit")
    parser.add_argument("--work", default=ROOT / "target/kills")
    parser.add_argument("--write", action="store_true", help="write the page of the book")
    study = Study(parser.parse_args())
    known = study.all()
    if parser.parse_args().write:
        PAGE.write_text(page(study, known), encoding="utf-8")
    sound = not any(run["differing"] or run["left"] for run in known)
    print("every run ended as if nothing had happened" if sound else "some runs did not end as the undisturbed one")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
