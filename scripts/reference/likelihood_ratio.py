"""p values of likelihood-ratio tests by scipy, and what the mixtures are of, by simulation.

p: chi-squared of d degrees of freedom; half of d and half of d + 1 (one variance at zero, d other restrictions).

simulated: the statistic |x|^2 - min over c in C of |x - c|^2 of normal x whose covariance is not the identity, for cones C
  half_space        one variance with two covariances: v >= 0, the covariances free; exactly the mixture of 2 and 3
  two_variances     two uncorrelated variances: v1 >= 0, v2 >= 0
  block             two variances and their covariance: positive semidefinite matrices [[a, b], [b, c]]
Each with the part of a million draws beyond some values, in which the bound of omafit must not be below the part.

Run:    scripts/python scripts/reference/likelihood_ratio.py
Writes: fixtures/reference/likelihood_ratio.json
"""

import json
import pathlib

import numpy as np
from scipy.stats import chi2

ROOT = pathlib.Path(__file__).parents[2]
DRAWS, SEED = 1_000_000, 20261128
STATISTICS = [1e-6, 0.1, 1.0, 2.705543454095404, 3.841458820694124, 6.63, 10.83, 25.0, 100.0, 900.0]


def p_values():
    """Degrees of freedom, statistic, chi-squared, mixture with one more."""
    tail = lambda d, x: float(chi2.sf(x, d)) if d else 0.0
    return [[d, x, tail(d, x), 0.5 * tail(d, x) + 0.5 * tail(d + 1, x)] for d in range(8) for x in STATISTICS]


def quadrant(x, precision):
    """The statistic of x of that precision over the cone of two numbers of at least zero."""
    # At the apex, on an edge, or inside: the least distance decides.
    gained = np.zeros(len(x))
    for k in range(2):
        along = x @ precision[:, k] / precision[k, k]
        gained = np.maximum(gained, np.where(along > 0, precision[k, k] * along**2, 0.0))
    inside = (x > 0).all(axis=1)
    return np.where(inside, np.einsum("ij,jk,ik->i", x, precision, x), gained)


def semidefinite(x):
    """The statistic over positive semidefinite matrices [[a, b], [b, c]], x = (a, b*sqrt(2), c) with unit covariance."""
    mean, half = 0.5 * (x[:, 0] + x[:, 2]), 0.5 * (x[:, 0] - x[:, 2])
    radius = np.hypot(half, x[:, 1] / np.sqrt(2))
    return np.maximum(mean + radius, 0) ** 2 + np.maximum(mean - radius, 0) ** 2


def simulated():
    rng = np.random.default_rng(SEED)
    found = {}
    mixing = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.5, 0.3, 0.9]])
    x = rng.standard_normal((DRAWS, 3))
    # A half-space stays one whatever the covariance: the component across it is standard normal.
    normal = np.linalg.solve(mixing.T, np.array([1.0, 0.0, 0.0]))
    across = x @ (normal / np.linalg.norm(normal))
    found["half_space"] = (np.sum(x**2, axis=1) - np.where(across < 0, across**2, 0.0), 2)
    for name, correlation in (("two_variances", 0.5), ("two_variances_apart", -0.5)):
        covariance = np.array([[1.0, correlation], [correlation, 1.0]])
        draws = rng.standard_normal((DRAWS, 2)) @ np.linalg.cholesky(covariance).T
        found[name] = (quadrant(draws, np.linalg.inv(covariance)), 1)
    found["block"] = (semidefinite(rng.standard_normal((DRAWS, 3))), 2)
    beyond = (1.0, 2.0, 4.0, 6.0, 9.0)
    return {
        name: {"freedom": freedom, "beyond": [[x, float(np.mean(statistic > x))] for x in beyond]}
        for name, (statistic, freedom) in found.items()
    }


def main():
    out = {"p": p_values(), "simulated": simulated(), "draws": DRAWS}
    path = ROOT / "fixtures/reference/likelihood_ratio.json"
    path.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
