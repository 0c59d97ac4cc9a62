"""Distribution of the estimates of theophylline under its FOCE likelihood, by importance sampling with many proposals.

FOCE with interaction of one compartment with first-order absorption, three etas without correlation, additive error: the
objective written anew in numpy for many vectors at once, closed-form predictions with derivatives, eta by damped Gauss-Newton.
The vector is (ln ka, ln CL, ln V, ln omega of each, ln sigma), hours; every vector has the weight exp(-dOFV / 2) over the
density of the proposal, which is Student's t of 5 degrees of freedom about the weighted mean of a pilot, as wide as its
weighted covariance.

Of every number, in hours, the estimate, the mean, the standard deviation and the 2.5, 50 and 97.5 per cent points by
self-normalised weights, and their Monte-Carlo errors from 20 batches.

Run:    scripts/python scripts/reference/sir.py
Writes: fixtures/reference/sir.json
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

import marginal

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "sir.json"
PILOT, SAMPLES, BATCHES, SEED, FREEDOM = 6_000, 40_000, 20, 20261128, 5
NAMES = ["ka", "CL", "V", "omega2_ka", "omega2_CL", "omega2_V", "sigma_additive_omalizumab_total"]
PEOPLE = list(marginal.people())
DOSE = np.array([dose for dose, _, _ in PEOPLE])[:, None]
TIME, SEEN = (np.array([person[k] for person in PEOPLE]) for k in (1, 2))


def predicted(logs):
    """Concentrations and their derivatives over ln ka, ln CL, ln V; logs of shape (..., people, 3)."""
    ka, cl, v = (np.exp(logs[..., i, None]) for i in range(3))
    k = cl / v
    # Where the two rates are alike the formula is 0/0; a difference of 1e-7 is none.
    difference = np.where(np.abs(ka - k) < 1e-7 * ka, 1e-7 * ka, ka - k)
    slow, fast = np.exp(-k * TIME), np.exp(-ka * TIME)
    scale = DOSE / v * ka / difference
    f = scale * (slow - fast)
    by_ka = f * (1 - ka / difference) + scale * ka * TIME * fast
    by_k = f * k / difference - scale * k * TIME * slow
    return f, np.stack([by_ka, by_k, -f - by_k], -1)


def objective(x, start):
    """FOCE's objective of vectors, a row each, without 2 pi; and the modes."""
    precision, variance = np.exp(-2 * x[:, None, 3:6]), np.exp(2 * x[:, 6])[:, None]
    eye = np.eye(3)

    def at(eta):
        f, slopes = predicted(x[:, None, :3] + eta)
        residual = SEEN - f
        return np.sum(residual**2, -1) / variance + np.sum(eta**2 * precision, -1), residual, slopes

    eta = np.broadcast_to(start, (len(x), len(PEOPLE), 3)).copy()
    value, residual, slopes = at(eta)
    damping = np.full(value.shape, 1e-3)
    for _ in range(60):
        information = np.einsum("nitk,nitl->nikl", slopes, slopes) / variance[..., None, None] + precision[..., None] * eye
        downhill = np.einsum("nitk,nit->nik", slopes, residual) / variance[..., None] - eta * precision
        diagonal = np.einsum("nikk->nik", information)[..., None] * eye
        step = np.linalg.solve(information + damping[..., None, None] * diagonal, downhill[..., None])[..., 0]
        other, other_residual, other_slopes = at(eta + step)
        better = other <= value
        damping = np.where(better, 0.2 * damping, 5 * damping)
        eta = np.where(better[..., None], eta + step, eta)
        value = np.where(better, other, value)
        residual = np.where(better[..., None], other_residual, residual)
        slopes = np.where(better[..., None, None], other_slopes, slopes)
        if better.all() and np.max(np.abs(step)) < 1e-9:
            break
    information = np.einsum("nitk,nitl->nikl", slopes, slopes) / variance[..., None, None] + precision[..., None] * eye
    whole = value + np.linalg.slogdet(information)[1] + 2 * x[:, None, 3:6].sum(-1) + TIME.shape[1] * np.log(variance)
    return whole.sum(-1), eta


def draw(rng, mean, covariance, count):
    """Draws of Student's t and the logarithms of their densities."""
    root, d = np.linalg.cholesky(covariance), len(mean)
    z = rng.standard_normal((count, d)) * np.sqrt(FREEDOM / rng.chisquare(FREEDOM, (count, 1)))
    log_q = gammaln((FREEDOM + d) / 2) - gammaln(FREEDOM / 2) - 0.5 * d * np.log(FREEDOM * np.pi)
    log_q = log_q - np.log(np.diag(root)).sum() - 0.5 * (FREEDOM + d) * np.log1p(np.sum(z**2, -1) / FREEDOM)
    return mean + z @ root.T, log_q


def weighted(rng, mean, covariance, count, least, start):
    x, log_q = draw(rng, mean, covariance, count)
    value = np.concatenate([objective(x[k : k + 1000], start)[0] for k in range(0, count, 1000)])
    logs = np.where(np.isfinite(value), -0.5 * (value - least) - log_q, -np.inf)
    return x, np.exp(logs - logs.max()), value


def hessian(x, start):
    d, n = 1e-2, len(x)
    step = d * np.eye(n)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    corners = [x + a * step[i] + b * step[j] for i, j in pairs for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    value = objective(np.array(corners), start)[0].reshape(-1, 4)
    return (value @ [1, -1, -1, 1] / (4 * d * d)).reshape(n, n)


def natural(x):
    """ka, CL, V, the variances, sigma of vectors, a row each; hours."""
    return np.exp(np.column_stack([x[:, :3], 2 * x[:, 3:6], x[:, 6]]))


def point(values, weights, p):
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - 0.5 * weights[order]
    return np.interp(p, below / weights.sum(), values[order])


def statistics(numbers, weights):
    share = weights / weights.sum()
    mean = share @ numbers
    sd = np.sqrt(share @ (numbers - mean) ** 2)
    points = np.array([[point(column, weights, p) for p in (0.025, 0.5, 0.975)] for column in numbers.T])
    return np.column_stack([mean, sd, points])


def main():
    rng = np.random.default_rng(SEED)
    start = np.zeros((len(PEOPLE), 3))
    guess = np.log([marginal.KA, marginal.CL, marginal.V, *np.sqrt(marginal.OMEGA2), marginal.ADDITIVE])
    found = minimize(lambda x: objective(x[None], start)[0][0], guess, method="Nelder-Mead",
                     options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 20_000, "maxfev": 20_000})  # fmt: skip
    start = objective(found.x[None], start)[1][0]
    covariance = np.linalg.inv(0.5 * hessian(found.x, start))
    x, weights, _ = weighted(rng, found.x, covariance, PILOT, found.fun, start)
    mean = weights @ x / weights.sum()
    covariance = (x - mean).T @ ((x - mean) * weights[:, None]) / weights.sum()
    x, weights, value = weighted(rng, mean, covariance, SAMPLES, found.fun, start)
    numbers = natural(x)
    estimates = natural(found.x[None])[0]
    whole = statistics(numbers, weights)
    batches = [statistics(numbers[k::BATCHES], weights[k::BATCHES]) for k in range(BATCHES)]
    errors = np.std(batches, axis=0, ddof=1) / np.sqrt(BATCHES)
    keys = ["mean", "sd", "low", "median", "high"]
    made = {
        "provenance": "scripts/reference/sir.py",
        "samples": SAMPLES,
        "effective": float(weights.sum() ** 2 / np.sum(weights**2)),
        "ofv": float(found.fun),
        "mean_dofv": float(weights @ (value - found.fun) / weights.sum()),
        "numbers": {
            name: {"estimate": float(estimates[i])}
            | {key: [float(whole[i, k]), float(errors[i, k])] for k, key in enumerate(keys)}
            for i, name in enumerate(NAMES)
        },
    }
    OUT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
