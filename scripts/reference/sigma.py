"""Residual errors by maximum likelihood: of fixed predictions, and of one patient together with its parameters.

(a) 60 predictions f over two decades with observations y of a log-normal, additive, proportional or combined error,
    standardised residuals normal or Student's t (4 degrees of freedom), some of them censored. sigma minimises
    sum(-2 ln p(z) + 2 ln g) - 2 sum(ln F) of the censored, written with scipy.stats, by Nelder-Mead and BFGS.
(b) Patient 1 of hayashi_20.csv: seven etas with the published population as prior (see fits.py) and the three
    log-scale sigmas, minimising sum(r^2 + 2 ln sigma) + eta' Omega^-1 eta over all ten, by BFGS with exact gradients.

Run:    python3 scripts/reference/sigma.py
Reads:  fixtures/reference/hayashi_20.csv
Writes: fixtures/reference/sigma.json
"""

import json

import numpy as np
from scipy import stats
from scipy.optimize import minimize

import fits
import hayashi as h

OUT = fits.FIXTURES / "reference" / "sigma.json"
KINDS = {"log": [0.3], "additive": [2.0], "proportional": [0.25], "combined": [1.5, 0.2]}


def scale(kind, sizes, f):
    if kind in ("log", "additive"):
        return np.full_like(f, sizes[0])
    if kind == "proportional":
        return sizes[0] * f
    return np.hypot(sizes[0], sizes[1] * f)


def standardised(kind, sizes, f, y):
    return (np.log(y / f) if kind == "log" else y - f) / scale(kind, sizes, f)


def minus_2ll(kind, law, sizes, f, y, censored):
    z, g = standardised(kind, sizes, f, y), scale(kind, sizes, f)
    parts = np.where(censored == 0, law.logpdf(z) - np.log(g), np.where(censored == 1, law.logcdf(z), law.logsf(z)))
    return -2 * parts.sum()


def fixed(kind, sizes, df, limits, rng):
    law = stats.t(df) if df else stats.norm()
    f = np.exp(rng.uniform(np.log(1), np.log(100), 60))
    g = scale(kind, sizes, f)
    y = f * np.exp(g * law.rvs(60, random_state=rng)) if kind == "log" else f + g * law.rvs(60, random_state=rng)
    censored = np.zeros(60, int)
    if limits:
        below, above = y < 2.5, y > 60
        y, censored = np.where(below, 2.5, np.where(above, 60.0, y)), below.astype(int) - above.astype(int)

    def objective(x):
        return minus_2ll(kind, law, np.exp(x), f, y, censored)

    x = np.log(sizes)
    for method, options in [("Nelder-Mead", {"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000}), ("BFGS", {"gtol": 1e-9})] * 2:
        x = minimize(objective, x, method=method, options=options).x
    return {
        "kind": kind,
        "df": df,
        "start": sizes,
        "predictions": f.tolist(),
        "observations": y.tolist(),
        "censored": censored.tolist(),
        "sigmas": np.exp(x).tolist(),
        "minus2ll": objective(x),
    }


def patient():
    s = fits.read(fits.FIXTURES / "reference" / "hayashi_20.csv")[0]
    inverse = np.linalg.inv(h.omega(tuple(fits.ETAS)))
    centre = h.typical(s.weight, s.ige)

    def objective(x):
        eta, log_sigma = x[:7], x[7:]
        p = centre.copy()
        p[fits.ETA_INDEX] = centre[fits.ETA_INDEX] * np.exp(eta)
        r, J = s.residuals_and_jacobian(p, fits.ETA_INDEX)
        ratio = s.sigma / np.exp(log_sigma)[s.analyte]
        r, J = r * ratio, J * ratio[:, None]
        by_sigma = [np.sum(2 - 2 * r[s.analyte == k] ** 2) for k in range(3)]
        value = np.sum(r**2 + 2 * log_sigma[s.analyte]) + eta @ inverse @ eta
        return value, np.concatenate([2 * (J.T @ r + inverse @ eta), by_sigma])

    x = np.concatenate([np.zeros(7), np.log(h.SIGMA)])
    for _ in range(3):
        found = minimize(objective, x, jac=True, method="BFGS", options={"gtol": 1e-8})
        x = found.x
    return {
        "id": int(s.id),
        "eta": x[:7].tolist(),
        "sigmas": np.exp(x[7:]).tolist(),
        "objective": found.fun,
        "gradient_max": float(np.max(np.abs(found.jac))),
        "observations": [int(np.sum(s.analyte == k)) for k in range(3)],
    }


def main():
    rng = np.random.default_rng(5)
    cases = [fixed(k, s, df, limits, rng) for k, s in KINDS.items() for df in (None, 4) for limits in (False, True)]
    result = {
        "provenance": "Computed by scripts/reference/sigma.py (scipy; independent of the Rust code). cases: simulated predictions and "
        "observations, maximum-likelihood sigmas. patient: of the simulated hayashi_20.csv, etas and sigmas together.",
        "cases": cases,
        "patient": patient(),
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(result["patient"])
    for c in cases:
        print(c["kind"], c["df"], sum(map(abs, c["censored"])), c["sigmas"])


if __name__ == "__main__":
    main()
