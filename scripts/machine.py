"""What a benchmark says of where it ran."""

import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]


def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit():
    def git(*command):
        return subprocess.run(("git", *command), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    try:
        name = git("rev-parse", "--short=12", "HEAD")
        # What benchmarks write is no change to what they measure.
        changed = git("status", "--porcelain", "--", ".", ":!docs")
    except (OSError, subprocess.CalledProcessError):
        return "not known"
    return name + (" and uncommitted changes" if changed else "")
