"""Reference trajectories and sensitivities of the omalizumab-IgE binding model.

Model: Hayashi, Tsukamoto, Sallas, Lowe 2007, Br J Clin Pharmacol 63:548,
doi 10.1111/j.1365-2125.2006.02803.x (see hayashi.py). 240 random cases, seeded: weight 30-200 kg,
IgE 20-5000 ng/mL, 75-600 mg every 2 or 4 weeks, irregularly or once, with missed doses, long
follow-up, and tiny doses. Values: the five analytes. Sensitivities: d value / d ln p of the three
observed analytes for the nine parameters and, tenth, ln(IGE baseline), by an order-8 difference
formula round a circle in the complex plane; checked in every case against the variational
equations solved on other steps.

Run:    python3 scripts/reference/trajectories.py [--only N]     (some minutes; N: that many of the cases)
Writes: fixtures/reference/trajectories.json
"""

import argparse
import json
import math
import pathlib
import sys
import time

import numpy as np

import hayashi as h

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "trajectories.json"
CASES = 240
PROVENANCE = (
    "Computed by scripts/reference/trajectories.py (scipy DOP853, relative tolerance 3e-14, restarted at each dose; "
    "independent of the Rust code). Model: Hayashi 2007, doi 10.1111/j.1365-2125.2006.02803.x. Simulated, no patient data. "
    "Units: days, mg, ug/mL (omalizumab), ng/mL (IgE), nM (complex); parameters 1/d, L/d, L/d, L/d, L, L, nmol/d, nM, -. "
    "E(0) = ige_ng_ml/190*Vx; the value at a dose time is the pre-dose one (SC: continuous). sensitivities: d value / d ln p at "
    "times[sensitivity_times[i]], columns: the nine parameters, then ln(IGE baseline) (which enters through E(0) only). "
    "value_error: largest relative gap between two solutions on different steps. difference_error: largest gap between the "
    "difference formula and the variational equations, relative to the value (d ln f / d ln p); difference_error_relative: the "
    "same relative to max(|sensitivity|, 0.001 |value|)."
)


def draw_parameters(rng, kind, weight, ige):
    p = h.typical(weight, ige)
    if kind == "wide":
        return p * np.exp(rng.normal(0, 0.6, 9))
    if kind == "typical":
        return p
    order = ["ka", "CLx", "dCLc", "CLe", "Vx", "Vc", "Pe"]
    eta = rng.multivariate_normal(np.zeros(7), h.omega(order))
    p[:7] *= np.exp(eta)
    return p


def draw_doses(rng, regimen):
    mg = float(rng.choice([75, 150, 225, 300, 375, 450, 525, 600]))
    if regimen == "single":
        return [[0.0, mg]]
    if regimen == "irregular":
        n = int(rng.integers(3, 10))
        t = np.concatenate([[0.0], np.cumsum(np.round(rng.uniform(3, 45, n - 1), 2))])
        if rng.random() < 0.3:
            t += 5.5  # first dose after time 0
        return [[round(float(x), 2), float(rng.choice([75, 150, 300, 375, 600]))] for x in t]
    step = 14.0 if regimen == "q2w" else 28.0
    n = int(rng.integers(2, 15)) if regimen == "q2w" else int(rng.integers(2, 8))
    keep = rng.random(n) > 0.15
    keep[0] = True
    return [[step * i, mg] for i in range(n) if keep[i]]


def draw_times(rng, doses):
    first, last = doses[0][0], doses[-1][0]
    times = {0.0, round(first + 0.05, 4), round(first + 0.25, 4), last, last + 112.0}
    for t, _ in doses[1:]:
        if rng.random() < 0.4:
            times.add(t)
    times |= set(np.round(rng.uniform(first, last + 30, int(rng.integers(3, 8))), 3).tolist())
    times |= set(np.round(rng.uniform(last, last + 112, int(rng.integers(2, 5))), 1).tolist())
    times = sorted(times)
    while len(times) > 20:
        times.pop(int(rng.integers(3, len(times) - 1)))
    return times


def draw_case(rng, i):
    weight = round(float(rng.uniform(30, 200)), 1)
    ige = round(float(math.exp(rng.uniform(math.log(20), math.log(5000)))), 1)
    kind = "typical" if i % 12 == 0 else "wide" if i % 12 in (1, 4, 7, 10) else "population"
    regimen = ["q2w", "q4w", "single", "irregular"][int(rng.choice(4, p=[0.3, 0.3, 0.15, 0.25]))]
    doses = draw_doses(rng, regimen)
    if i % 20 == 19:  # hardly any drug
        mg = 1e-6 if i % 40 == 19 else 1e-3
        doses = [[t, mg] for t, _ in doses]
        kind += ", tiny dose"
    return weight, ige, kind, regimen, doses, draw_parameters(rng, kind.split(",")[0], weight, ige)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", type=int, default=CASES, metavar="N", help="compute N cases, spread evenly")
    wanted = {k * CASES // n for n in [parser.parse_args().only] for k in range(n)}
    rng = np.random.default_rng(20070563)
    cases = []
    for i in range(CASES):
        weight, ige, kind, regimen, doses, p = draw_case(rng, i)
        times = draw_times(rng, doses)
        pick = sorted({1, 2, len(times) - 1} | set(rng.choice(len(times), 4, replace=False).tolist()))
        if i not in wanted:
            continue
        v, s = h.solve_with_sensitivities(p, ige, doses, times, rtol=3e-14)
        w, r = h.solve_variational(p, ige, doses, times, rtol=1e-12)
        nonzero = v > 0
        scale = np.where(nonzero, v, 1)
        s3, r3, v3 = s[:3], r[:3], scale[:3, :, None]
        gap = np.abs(s3 - r3)
        cases.append(
            {
                "id": i + 1,
                "kind": f"{kind}; {regimen}",
                "weight_kg": weight,
                "ige_ng_ml": ige,
                "parameters": p.tolist(),
                "doses": doses,
                "times": times,
                **{name: v[k].tolist() for k, name in enumerate(h.ANALYTES)},
                "sensitivity_times": pick,
                "sensitivities": {name: s[k][pick].tolist() for k, name in enumerate(h.ANALYTES[:3])},
                "value_error": float(np.max(np.abs(v - w) / scale)),
                "difference_error": float(np.max(gap / v3)),
                "difference_error_relative": float(np.max(gap / np.maximum(np.abs(s3), 1e-3 * v3))),
            }
        )
        if i % 20 == 0:
            print(i, round(time.process_time(), 1), "s", file=sys.stderr)
    head = {"provenance": PROVENANCE, "parameter_names": h.NAMES}
    lines = ",\n".join(json.dumps(c) for c in cases)
    OUT.write_text(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n")
    for key in ("value_error", "difference_error", "difference_error_relative"):
        e = np.array([c[key] for c in cases])
        print(f"{key}: median {np.median(e):.1e}, largest {e.max():.1e} (case {cases[int(e.argmax())]['id']})")
    print(f"{len(cases)} cases, {OUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
