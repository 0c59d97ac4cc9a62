"""FOCEI of theophylline by scipy: the model that ships, and models nested in it.

Closed-form one-compartment predictions, additive error, diagonal omega. The eta of each subject are found by Newton's method
with complex-step derivatives, the population by BFGS over logarithms with differences of the converged objective, from several starts.
No 2 pi constants, as in omafit's objective.

Models: whole (ka, CL and V vary, everything estimated), without_v (V does not vary), fixed_ka (the typical ka is 1.2 1/h),
only_cl (ka and V do not vary).

Run:    scripts/python scripts/reference/nested.py
Writes: fixtures/reference/nested.json
"""

import json
import pathlib

import numpy as np
from marginal import people
from scipy.optimize import minimize

ROOT = pathlib.Path(__file__).parents[2]
START = {"ka": 1.6, "CL": 2.75, "V": 32.0, "omega_ka": 0.6, "omega_CL": 0.26, "omega_V": 0.14, "sigma": 0.7}
MODELS = {
    "whole": {},
    "without_v": {"omega_V": 0.0},
    "fixed_ka": {"ka": 1.2},
    "only_cl": {"omega_ka": 0.0, "omega_V": 0.0},
}
NAMES = ("ka", "CL", "V")
STEP = 1e-30


def predicted(typical, eta, dose, t):
    ka, cl, v = typical * np.exp(eta)
    k = cl / v
    return dose / v * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))


def jacobian(typical, eta, varies, dose, t):
    """Predictions and their derivatives over the eta that vary, by complex steps."""
    columns = []
    for k in varies:
        moved = eta.astype(complex)
        moved[k] += 1j * STEP
        columns.append(predicted(typical, moved, dose, t).imag / STEP)
    return predicted(typical, eta, dose, t), np.array(columns).T


def subject(typical, omega, sigma, varies, person):
    """The objective of a subject at its mode, with ln|H| of the model made linear there."""
    dose, t, y = person
    weight = 1.0 / omega[varies] ** 2
    eta = np.zeros(3)

    def value(eta):
        residual = y - predicted(typical, eta, dose, t)
        return np.sum(residual**2) / sigma**2 + np.sum(weight * eta[varies] ** 2)

    damping = 0.0
    for _ in range(200):
        f, j = jacobian(typical, eta, varies, dose, t)
        information = j.T @ j / sigma**2 + np.diag(weight)
        slope = j.T @ (y - f) / sigma**2 - weight * eta[varies]
        step = np.linalg.solve(information + damping * np.diag(np.diag(information)), slope)
        trial = eta.copy()
        trial[varies] += step
        if value(trial) <= value(eta):
            eta, damping = trial, damping / 3 if damping > 1e-8 else 0.0
            if np.max(np.abs(step)) < 1e-11:
                break
        else:
            damping = max(3 * damping, 1e-3)
            if damping > 1e12:
                break
    _, j = jacobian(typical, eta, varies, dose, t)
    information = j.T @ j / sigma**2 + np.diag(weight)
    return (
        value(eta)
        + len(y) * np.log(sigma**2)
        + 2 * np.sum(np.log(omega[varies]))
        + np.linalg.slogdet(information)[1]
    )


def estimated(given, start, everybody):
    """The least objective of a model in which `given` is held, from `start`, and the numbers there."""
    names = [name for name in START if name not in given]

    def numbers(x):
        return START | given | dict(zip(names, np.exp(x)))

    def objective(x):
        at = numbers(x)
        typical = np.array([at[name] for name in NAMES])
        omega = np.array([at[f"omega_{name}"] for name in NAMES])
        varies = np.flatnonzero(omega)
        return sum(subject(typical, omega, at["sigma"], varies, person) for person in everybody)

    x = np.log([start[name] for name in names])
    for _ in range(3):
        x = minimize(objective, x, method="BFGS", options={"gtol": 1e-5}).x
    return float(objective(x)), {name: float(value) for name, value in numbers(x).items()}


def main():
    everybody = list(people())
    far = {name: value * (1.4 if k % 2 else 0.7) for k, (name, value) in enumerate(START.items())}
    found = {}
    for model, given in MODELS.items():
        ends = [estimated(given, start, everybody) for start in (START, far)]
        ofv, numbers = min(ends, key=lambda end: end[0])
        print(model, [end[0] for end in ends], numbers)
        found[model] = {"ofv": ofv, "numbers": numbers}
    n = sum(len(y) for _, _, y in everybody)
    path = ROOT / "fixtures/reference/nested.json"
    path.write_text(json.dumps({"observations": n, "models": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
