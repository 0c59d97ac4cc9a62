"""Runs the generators of the fixtures again, in a copy, and compares what they write with what is committed.

trajectories.json and family.json take minutes: a few of their cases are computed (all with --all). fits.json, diagnostics.json, sigma.json, sir.json,
marginal.json, two_modes.json, inner_modes.json, tied.json, outcomes.json and outcome_likelihoods.json end in iterations that stop where rounding lets them, and are compared loosely, with --all
only.

Run: scripts/python scripts/check_fixtures.py [--all]
Exit code 1 if a fixture is not what its script writes.
"""

import argparse
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
TOLERANCE = 1e-9
# A slope near zero counts relative to the concentration it is a slope of; errors of the comparison itself are not compared.
SLOPE_TOLERANCE = 1e-8
NOT_COMPARED = {"exact_error", "value_error", "difference_error", "difference_error_relative"}
FEW_CASES = 8
# One of each structure, of different kinds of dosing.
FEW_OF_FAMILY = "10,22,41,61,93,108,119,136"


def differences(made, kept, tolerance, path="", floor=0.0):
    """Places where two JSON values differ by more than `tolerance`, relative to the value or to `floor`."""
    if isinstance(kept, bool) or isinstance(made, bool) or isinstance(kept, str) or kept is None:
        return [] if made == kept else [f"{path}: {made!r}, committed {kept!r}"]
    if isinstance(kept, (int, float)):
        close = isinstance(made, (int, float)) and (
            made == kept or abs(made - kept) <= tolerance * max(abs(kept), floor) or math.isnan(made) and math.isnan(kept)
        )
        return [] if close else [f"{path}: {made!r}, committed {kept!r}"]
    if type(made) is not type(kept) or len(made) != len(kept):
        return [f"{path}: not of the same shape"]
    if isinstance(kept, dict):
        found = [f"{path}/{k}: only committed" for k in kept if k not in made]
        keys = [k for k in kept if k in made and k not in NOT_COMPARED]
        return found + [d for k in keys for d in differences(made[k], kept[k], tolerance, f"{path}/{k}", floor)]
    return [d for i, (m, k) in enumerate(zip(made, kept)) for d in differences(m, k, tolerance, f"{path}/{i}", floor)]


def case_differences(made, kept):
    path = f"case {kept['id']}"
    slopes, kept_slopes = made.pop("sensitivities"), kept.pop("sensitivities")
    found = differences(made, kept, TOLERANCE, path)
    for analyte, rows in kept_slopes.items():
        for i, (at, row) in enumerate(zip(kept["sensitivity_times"], rows)):
            floor = 1e-3 * abs(kept[analyte][at])
            found += differences(slopes[analyte][i], row, SLOPE_TOLERANCE, f"{path}/sensitivities/{analyte}/{i}", floor)
    return found


def trajectory_differences(made, kept):
    committed = {case["id"]: case for case in kept["cases"]}
    found = differences(made["parameter_names"], kept["parameter_names"], 0, "parameter_names")
    found += differences(made["provenance"], kept["provenance"], 0, "provenance")
    return found + [d for case in made["cases"] for d in case_differences(case, committed[case["id"]])]


def family_differences(made, kept):
    """Of the cases that were made; slopes relative to the value where they are small."""
    committed = {case["id"]: case for case in kept["cases"]}
    found = differences(made["provenance"], kept["provenance"], 0, "provenance")
    for m in made["cases"]:
        k = committed[m["id"]]
        slopes, kept_slopes = m.pop("sensitivities"), k.pop("sensitivities")
        found += differences(m, k, TOLERANCE, f"case {k['id']}")
        for analyte, (rows, kept_rows) in enumerate(zip(slopes, kept_slopes, strict=True)):
            for i, (row, kept_row) in enumerate(zip(rows, kept_rows, strict=True)):
                floor = max(1e-3 * abs(k["values"][analyte][i]), 1e-30)
                found += differences(row, kept_row, SLOPE_TOLERANCE, f"case {k['id']}/{analyte}/{i}", floor)
    return found


def fit_differences(made, kept):
    """Minima to 1e-6; the way there is not compared."""
    found = []
    for m, k in zip(made["people"], kept["people"], strict=True):
        for model in ("nine_free", "kd0_alpha_fixed", "clx_zero", "clx_zero_kd0_alpha_fixed"):
            found += differences(m[model]["ssq"], k[model]["ssq"], 1e-6, f"{k['id']}/{model}/ssq")
    for m, k in zip(made["patients"], kept["patients"], strict=True):
        found += differences(m["ofv"], k["ofv"], 1e-6, f"{k['id']}/ofv")
        found += differences(m["eta"], k["eta"], 1e-6, f"{k['id']}/eta", floor=1.0)
    return found


def diagnostic_differences(made, kept):
    """Residuals at minima to 1e-6; simulations carry the solver's rounding through ranks."""
    found = []
    for m, k in zip(made["patients"], kept["patients"], strict=True):
        for name, tolerance in (("eta", 1e-6), ("wres", 1e-6), ("cwres", 1e-5), ("npde", 0.05)):
            found += differences(m[name], k[name], tolerance, f"{k['id']}/{name}", floor=1.0)
    return found + [d for part in ("prediction_errors", "tests") for d in differences(made[part], kept[part], TOLERANCE, part)]


# Numbers that say how far two computations are apart.
ROUNDING = {"gradient", "algorithms_apart", "starts_apart", "relative_difference", "largest_difference_by_patient", "gauss_hermite_difference", "second"}


def without(value, names):
    """A JSON value without the entries of some names."""
    if isinstance(value, dict):
        return {key: without(entry, names) for key, entry in value.items() if key not in names}
    return [without(entry, names) for entry in value] if isinstance(value, list) else value


def byte_differences(made, kept):
    return [] if made == kept else ["the bytes differ"]


def main():
    parser = argparse.ArgumentParser(description="Compares the fixtures with what their scripts write.")
    parser.add_argument("--all", action="store_true", help="every case and every fit: some half an hour")
    everything = parser.parse_args().all
    few = [] if everything else ["--only", str(FEW_CASES)]
    few_of_family = [] if everything else ["--cases", FEW_OF_FAMILY]
    checks = [
        ("convert_real.py", [], "real/meno_tetang_lowe_2005.csv", byte_differences),
        ("pareto.py", [], "reference/pareto.json", lambda m, k: differences(m, k, TOLERANCE)),
        ("published.py", [], "reference/published.json", lambda m, k: differences(m, k, TOLERANCE)),
        *(("xpt.py", [], f"formats/{name}", byte_differences) for name in ("xpt_v5.xpt", "xpt_v8.xpt", "xpt.csv")),
        *(("parquet_types.py", [], f"formats/types.{ending}", byte_differences) for ending in ("parquet", "csv")),
        ("tails.py", [], "reference/tails.json", lambda m, k: differences(m, k, TOLERANCE)),
        ("censored.py", [], "reference/censored_density.json", lambda m, k: differences(m, k, TOLERANCE)),
        ("trajectories.py", few, "reference/trajectories.json", trajectory_differences),
        ("family.py", few_of_family, "reference/family.json", family_differences),
        # The gradient that is left and the distance of two algorithms are rounding.
        ("mmrm.py", [], "reference/mmrm.json", lambda m, k: differences(without(m, ROUNDING), without(k, ROUNDING), 1e-6, floor=1e-3)),
        ("likelihood_ratio.py", [], "reference/likelihood_ratio.json", lambda m, k: differences(m, k, TOLERANCE)),
    ]
    if everything:
        checks.append(("fits.py", [], "reference/fits.json", fit_differences))
        checks.append(("diagnostics.py", [], "reference/diagnostics.json", diagnostic_differences))
        # Minima of smooth functions, to the square root of the accuracy of their values.
        checks.append(("sigma.py", [], "reference/sigma.json", lambda m, k: differences(m, k, 1e-5, floor=1e-2)))
        checks.append(("two_modes.py", [], "reference/two_modes.json", lambda m, k: differences(m, k, 1e-4, floor=1e-2)))
        checks.append(("inner_modes.py", [], "reference/inner_modes.json", lambda m, k: differences(m, k, 1e-3, floor=1e-1)))
        checks.append(("tied.py", [], "reference/tied.json", lambda m, k: differences(m, k, 1e-4, floor=1e-2)))
        checks.append(("outcomes.py", [], "reference/outcomes.json", lambda m, k: differences(m, k, 1e-3, floor=1e-2)))
        likelihoods = lambda m, k: differences(without(m, ROUNDING), without(k, ROUNDING), 1e-6, floor=1e-3)
        checks.append(("outcome_likelihoods.py", [], "reference/outcome_likelihoods.json", likelihoods))
        checks.append(("varied_delay.py", [], "reference/varied_delay.json", lambda m, k: differences(m, k, 1e-4, floor=1e-3)))
        checks.append(("sir.py", [], "reference/sir.json", lambda m, k: differences(m, k, 1e-3)))
        checks.append(("marginal.py", [], "reference/marginal.json", lambda m, k: differences(m, k, 1e-4, floor=1e-2)))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(ROOT / "scripts" / "reference", copy / "scripts" / "reference")
        shutil.copytree(ROOT / "fixtures", copy / "fixtures")
        for script, arguments, fixture, compare in checks:
            (copy / "fixtures" / fixture).unlink()
            start = time.monotonic()
            command = [sys.executable, str(copy / "scripts" / "reference" / script), *arguments]
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if run.returncode:
                sys.exit(f"{script} failed:\n{run.stdout}")
            made, kept = ((root / "fixtures" / fixture).read_bytes() for root in (copy, ROOT))
            if fixture.endswith(".json"):
                made, kept = json.loads(made), json.loads(kept)
            found = compare(made, kept)
            wrong += len(found)
            verdict = "as committed" if not found else f"{len(found)} differences"
            print(f"{fixture}: {verdict} ({' '.join([script, *arguments])}, {time.monotonic() - start:.0f} s)", flush=True)
            for difference in found[:10]:
                print(f"  {difference}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
