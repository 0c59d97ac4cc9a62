"""Times scipy on one trajectory and on MAP fits, for comparison.

Model: Hayashi, Tsukamoto, Sallas, Lowe 2007, Br J Clin Pharmacol 63:548,
doi 10.1111/j.1365-2125.2006.02803.x (see hayashi.py; the right-hand side here is plain float code,
the fastest that Python offers). Trajectory: 44 weeks, 14 doses of 225 mg every 2 weeks, typical
person of 70 kg and 300 IU/mL, weekly output, solve_ivp DOP853, rtol 1e-8. Sensitivities of nine
parameters: forward differences (ten runs), and one run of ten columns in step. Fits: MAP of
patients of hayashi_20.csv with seven etas, least_squares with its own 2-point differences.

Run:    python3 scripts/reference/bench.py [patients, default 3]
Writes: nothing; prints JSON, seconds (medians), one core.
"""

import json
import math
import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import scipy
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

import fits
import hayashi as h

RTOL, ATOL = 1e-8, 1e-10


def trajectory(p, ige, doses, times):
    """Total omalizumab, total IgE, free IgE at sorted `times`, shape (3, times); plain floats."""
    ka, CLx, dCLc, CLe, V, Vc, Pe, Kd0, alpha = (float(v) for v in p)
    CLc, ratio = CLx + dCLc, V * V / Vc

    def bound(X, E):
        if X <= 0:
            return X
        S = X + E + Kd0 * (X / E) ** alpha * ratio
        return 2 * X * E / (S + math.sqrt(max(S * S - 4 * X * E, 0.0)))

    def rhs(t, y, depot, t0):
        X, E = y.tolist()
        C = bound(X, E)
        lost = CLc * C / Vc
        return ka * depot * math.exp(-ka * (t - t0)) - CLx * (X - C) / V - lost, Pe - CLe * (E - C) / V - lost

    given = {}
    for t, mg in doses:
        given[t] = given.get(t, 0.0) + mg / 0.15
    edges = sorted(set(given) | {0.0, times[-1]})
    y, depot, states = np.array([0.0, ige / 190 * V]), 0.0, {0.0: (0.0, ige / 190 * V)}
    for t0, t1 in zip(edges, edges[1:]):
        depot += given.get(t0, 0.0)
        inside = [t for t in times if t0 < t <= t1]
        grid = inside if inside and inside[-1] == t1 else inside + [t1]
        run = solve_ivp(rhs, (t0, t1), y, "DOP853", t_eval=grid, rtol=RTOL, atol=ATOL, args=(depot, t0))
        states.update(zip(grid, run.y.T.tolist()))
        y, depot = run.y[:, -1], depot * math.exp(-ka * (t1 - t0))
    out = []
    for t in times:
        X, E = states[t]
        C = bound(X, E)
        out.append((((X - C) / V + C / Vc) * 0.15, ((E - C) / V + C / Vc) * 190, (E - C) / V * 190))
    return np.array(out).T


def median_seconds(f, repeats):
    f()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def differences(p, ige, doses, times, step=1e-5):
    base = trajectory(p, ige, doses, times)
    slopes = []
    for i in range(9):
        q = p.copy()
        q[i] *= math.exp(step)
        slopes.append((trajectory(q, ige, doses, times) - base) / step)
    return base, slopes


def in_step(p, ige, doses, times, step=1e-5):
    columns = np.tile(p[:, None], 10)
    columns[np.arange(9), np.arange(1, 10)] *= math.exp(step)
    out = h.solve(columns, ige, doses, times, rtol=RTOL)
    return out[:, :, 0], (out[:, :, 1:] - out[:, :, :1]) / step


def map_fit(s):
    L = np.linalg.cholesky(np.linalg.inv(h.omega(tuple(fits.ETAS)))).T
    centre = h.typical(s.weight, s.ige)

    def residuals(eta):
        p = centre.copy()
        p[fits.ETA_INDEX] *= np.exp(eta)
        f = trajectory(p, s.ige, s.doses, s.times)
        return np.concatenate([(s.log_y - np.log(f[s.analyte, s.row])) / s.sigma, L @ eta])

    return least_squares(residuals, np.zeros(7), diff_step=1e-4, x_scale=1.0)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    ige = 300 * 2.42
    p = h.typical(70, ige)
    doses = [[14.0 * i, 225.0] for i in range(14)]
    times = [7.0 * i for i in range(45)]
    exact = h.solve(p, ige, doses, times)[:3, 1:]
    gap = np.max(np.abs(trajectory(p, ige, doses, times)[:, 1:] / exact - 1))
    seconds, evaluations, errors = [], [], []
    with open(fits.OUT) as f:
        reference = {m["id"]: m["eta"] for m in json.load(f)["patients"]}
    for s in fits.read(fits.FIXTURES / "reference" / "hayashi_20.csv")[:count]:
        start = time.perf_counter()
        fit = map_fit(s)
        seconds.append(time.perf_counter() - start)
        evaluations.append(fit.nfev + 7 * fit.njev)
        errors.append(float(np.max(np.abs(fit.x - reference[int(s.id)]))))
    print(
        json.dumps(
            {
                "scipy": scipy.__version__,
                "numpy": np.__version__,
                "python": sys.version.split()[0],
                "trajectory_seconds": median_seconds(lambda: trajectory(p, ige, doses, times), 7),
                "trajectory_relative_error": float(gap),
                "trajectory_with_9_forward_differences_seconds": median_seconds(lambda: differences(p, ige, doses, times), 3),
                "trajectory_with_9_columns_in_step_seconds": median_seconds(lambda: in_step(p, ige, doses, times), 3),
                "map_fit_seconds": statistics.median(seconds),
                "map_fits": len(seconds),
                "map_fit_trajectories": statistics.median(evaluations),
                "map_fit_eta_error": max(errors),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
