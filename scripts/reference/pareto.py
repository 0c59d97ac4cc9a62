"""Pareto k of importance weights, by arviz (Pareto smoothed importance sampling, Vehtari et al. 2024).

Seeded log-weights: of a normal target under wider, equal and narrower normal proposals, in one and seven dimensions; of
exact Pareto tails; with weights of zero. The numbers of weights are such that min(0.2 S, 3 sqrt S) is whole, as programs
round it up or down.

Run:    scripts/python scripts/reference/pareto.py
Writes: fixtures/reference/pareto.json
"""

import json
import pathlib

import numpy as np
from arviz_stats.base import array_stats

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "pareto.json"


def normal(rng, size, dimensions, sd):
    """Log-weights of a standard normal target under a normal proposal of another standard deviation."""
    squares = (rng.standard_normal((size, dimensions)) ** 2).sum(axis=1)
    return 0.5 * squares - 0.5 * squares * sd**2


def main():
    rng = np.random.default_rng(20240725)
    weights = {f"normal, {d} dimensions, proposal {sd} as wide, {s}": normal(rng, s, d, sd)
               for s, d, sd in [(25, 1, 0.8), (100, 1, 0.5), (100, 7, 1.3), (400, 1, 1.2), (400, 7, 0.8), (900, 7, 0.6),
                                (900, 1, 2.0)]}  # fmt: skip
    weights |= {f"Pareto of shape {k}, {s}": -k * np.log(rng.uniform(size=s)) for s, k in [(100, 0.3), (400, 1.1), (900, 0.7)]}
    lost = normal(rng, 400, 3, 0.9)
    lost[rng.choice(400, 80, replace=False)] = -np.inf
    weights["a fifth without weight, 400"] = lost
    weights["exponential, 100"] = np.log(-np.log(rng.uniform(size=100)))
    cases = []
    for name, log in weights.items():
        _, k = array_stats.psislw(-log)
        # JSON has no infinity: no weight is the lowest number.
        cases.append({"name": name, "log_weights": np.where(np.isinf(log), -1e308, log).tolist(), "k": float(k)})
    text = {"provenance": "scripts/reference/pareto.py", "cases": cases}
    OUT.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
