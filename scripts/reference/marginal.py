"""-2 log-likelihood of populations with the etas integrated out, by rules that omafit does not use.

theophylline: closed-form one-compartment predictions, three etas, adaptive Gauss-Hermite quadrature on a product grid around
the mode (two orders, whose difference is kept), Laplace's method and the linearisation of FOCEI, derivatives by complex steps.
Three cases: additive error; proportional error without the observations at time 0; additive error with values below 2 mg/L
censored (M3).

hayashi_20: seven etas, importance sampling in numpy from a normal mixture around the mode, with its standard error.

No 2 pi constants of the observations, as in omafit's objective; no ln y^2 of log-normal ones.

Run:    scripts/python scripts/reference/marginal.py
Writes: fixtures/reference/marginal.json
"""

import csv
import json
import pathlib

import fits
import hayashi as h
import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr, logsumexp

ROOT = pathlib.Path(__file__).parents[2]
KA, CL, V = 1.594, 2.750, 31.81
OMEGA2 = np.log1p(np.array([0.705, 0.267, 0.139]) ** 2)
PRECISION, LOG_OMEGA = np.diag(1 / OMEGA2), float(np.sum(np.log(OMEGA2)))
ADDITIVE, PROPORTIONAL, LLOQ = 0.695, 0.15, 2.0
SAMPLES, SEED = 6_000, 20261122


def people():
    with open(ROOT / "fixtures/real/theophylline.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    for i in dict.fromkeys(r["ID"] for r in rows):
        own = [r for r in rows if r["ID"] == i]
        dose = next(float(r["AMT"]) for r in own if r["EVID"] == "1")
        seen = [(float(r["TIME"]), float(r["DV"])) for r in own if r["EVID"] == "0"]
        yield dose, np.array([t for t, _ in seen]), np.array([y for _, y in seen])


def predicted(eta, dose, t):
    """Concentrations, shape (..., times) for etas of shape (..., 3)."""
    ka, cl, v = (c * np.exp(eta[..., i, None]) for i, c in enumerate((KA, CL, V)))
    k = cl / v
    return dose / v * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))


def cases(dose, t, y):
    positive = t > 0
    below = y < LLOQ
    return {
        "additive": (dose, t, y, np.zeros(len(y), bool), "additive"),
        "proportional": (dose, t[positive], y[positive], np.zeros(positive.sum(), bool), "proportional"),
        "censored": (dose, t, np.where(below, LLOQ, y), below, "additive"),
    }


def deviance(eta, dose, t, y, below, kind):
    """G(eta) without ln|Omega|: -2 log-likelihood of the data and eta' P eta."""
    f = predicted(eta, dose, t)
    g = ADDITIVE if kind == "additive" else PROPORTIONAL * f
    z = (y - f) / g
    seen = np.sum(np.where(below, 0, z**2 + 2 * np.log(g + 0 * f)), axis=-1)
    if below.any():
        seen = seen - 2 * np.sum(np.where(below, log_ndtr(np.real(z)), 0), axis=-1)
    return seen + np.einsum("...i,ij,...j->...", eta, PRECISION, eta)


def gradient(eta, *case):
    if case[3].any():  # log_ndtr is real: differences of order 6
        d = 1e-3
        w = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))
        return np.array([
            sum(c * (deviance(eta + m * d * e, *case) - deviance(eta - m * d * e, *case)) for m, c in w) / d
            for e in np.eye(3)
        ])  # fmt: skip
    return np.array([deviance(eta + 1e-40j * e, *case).imag / 1e-40 for e in np.eye(3)])


def half_hessian(eta, *case):
    d = 1e-3
    rows = [
        (8 * (gradient(eta + d * e, *case) - gradient(eta - d * e, *case))
         - gradient(eta + 2 * d * e, *case) + gradient(eta - 2 * d * e, *case)) / (12 * d)
        for e in np.eye(3)
    ]  # fmt: skip
    half = 0.5 * np.array(rows)
    return 0.5 * (half + half.T)


def mode(*case):
    fit = minimize(lambda e: deviance(e, *case), np.zeros(3), jac=lambda e: gradient(e, *case), method="BFGS", tol=1e-10)
    eta = fit.x
    for _ in range(5):
        eta = eta - np.linalg.solve(2 * half_hessian(eta, *case), gradient(eta, *case))
    assert np.max(np.abs(gradient(eta, *case))) < 1e-7
    return eta


def quadrature(eta, half, case, order):
    """-2 ln of the integral by a product rule of Gauss and Hermite on the scale of the curvature."""
    x, w = np.polynomial.hermite.hermgauss(order)
    grid = np.stack(np.meshgrid(x, x, x, indexing="ij"), -1).reshape(-1, 3)
    log_w = np.sum(np.stack(np.meshgrid(np.log(w), np.log(w), np.log(w), indexing="ij"), -1).reshape(-1, 3), -1)
    L = np.linalg.cholesky(np.linalg.inv(half))
    nodes = eta + np.sqrt(2) * grid @ L.T
    log_f = -0.5 * deviance(nodes, *case) - 0.5 * LOG_OMEGA - 1.5 * np.log(2 * np.pi)
    jacobian = 1.5 * np.log(2) + np.linalg.slogdet(L)[1]
    return float(-2 * (logsumexp(log_w + np.sum(grid**2, -1) + log_f) + jacobian))


def linear(eta, dose, t, y, below, kind):
    J = np.array([predicted(eta + 1e-40j * e, dose, t).imag / 1e-40 for e in np.eye(3)]).T
    f = predicted(eta, dose, t)
    if kind == "additive":
        w = np.full(len(t), ADDITIVE**-2)
        z = (y - f) / ADDITIVE
        mills = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z))
        w = np.where(below, mills * (mills + z) * w, w)
    else:
        w = (PROPORTIONAL * f) ** -2.0 + 2 / f**2
    return float(np.linalg.slogdet(J.T @ (w[:, None] * J) + PRECISION)[1])


def theophylline():
    found = {}
    for person in people():
        for name, case in cases(*person).items():
            eta = mode(*case)
            half = half_hessian(eta, *case)
            base = float(deviance(eta, *case)) + LOG_OMEGA
            exact = quadrature(eta, half, case, 41)
            row = {
                "linear": base + linear(eta, *case),
                "laplace": base + float(np.linalg.slogdet(half)[1]),
                "exact": exact,
                "exact_error": abs(exact - quadrature(eta, half, case, 29)),
            }
            for key, value in row.items():
                found.setdefault(name, {}).setdefault(key, []).append(value)
    return {"lloq": LLOQ, "proportional_sd": PROPORTIONAL, "cases": found}


def sample(subject, number):
    """Importance sampling of one subject of hayashi_20 at the published population."""
    etas = fits.ETA_INDEX
    omega = h.omega(tuple(fits.ETAS))
    P, centre = np.linalg.inv(omega), h.typical(subject.weight, subject.ige)

    def parameters(eta):
        p = np.repeat(centre[:, None], len(eta), 1)
        p[etas] *= np.exp(eta.T)
        return p

    found = fits.fit_map(subject)
    mean = np.array(found["eta"])
    p = centre.copy()
    p[etas] *= np.exp(mean)
    _, J = subject.residuals_and_jacobian(p, etas)
    L = np.linalg.cholesky(np.linalg.inv(J.T @ J + P))
    rng = np.random.default_rng([SEED, number])
    d = len(etas)
    # nine in ten as wide as the linear model says, one in ten twice as wide
    wide = np.where(rng.random(SAMPLES) < 0.1, 2.0, 1.0)
    z = rng.normal(size=(SAMPLES, d))
    eta = mean + wide[:, None] * (z @ L.T)
    r2 = np.sum((wide[:, None] * z) ** 2, -1)
    log_q = logsumexp([np.log(0.9) - 0.5 * r2, np.log(0.1) - 0.125 * r2 - d * np.log(2)], axis=0)
    log_q -= np.linalg.slogdet(L)[1] + 0.5 * d * np.log(2 * np.pi)
    log_p = np.empty(SAMPLES)
    for k in range(0, SAMPLES, 2000):
        part = eta[k : k + 2000]
        r = subject.residuals(parameters(part), rtol=1e-7)
        log_p[k : k + 2000] = -0.5 * (np.sum(r**2, 0) + np.einsum("ki,ij,kj->k", part, P, part))
    constant = float(np.sum(np.log(subject.sigma**2))) + np.linalg.slogdet(omega)[1] + d * np.log(2 * np.pi)
    log_w = log_p - 0.5 * constant - log_q
    mean_log = logsumexp(log_w) - np.log(SAMPLES)
    w = np.exp(log_w - mean_log)
    return float(-2 * mean_log), float(2 * np.std(w) / np.sqrt(SAMPLES))


def main():
    made = {"theophylline": theophylline()}
    for name, case in made["theophylline"]["cases"].items():
        print(name, {k: round(sum(v), 6) for k, v in case.items()})
    rows = []
    for number, subject in enumerate(fits.read(ROOT / "fixtures/reference/hayashi_20.csv")):
        rows.append(sample(subject, number))
        print(number, rows[-1], flush=True)
    made["hayashi_20"] = {"ofv": [r[0] for r in rows], "se": [r[1] for r in rows], "samples": SAMPLES, "seed": SEED}
    print("hayashi_20", sum(r[0] for r in rows), np.sqrt(sum(r[1] ** 2 for r in rows)))
    with open(ROOT / "fixtures/reference/marginal.json", "w") as f:
        json.dump(made, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
