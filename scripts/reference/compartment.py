"""One compartment with first-order absorption in closed form, for the generators that need it; an importable part, no generator.

    single dose    D/V ka/(ka - k) (e^-kt - e^-ka t),  k = CL/V
    steady state   D/V ka/(ka - k) (e^-kt/(1 - e^-kT) - e^-ka t/(1 - e^-kaT)),  t after the last dose, T between doses

written with phi(x) = (1 - e^-x)/x so that nothing cancels where ka = k; real or complex parameters.
"""

import csv

import numpy as np


def phi(x):
    small = np.abs(x) < 1e-5
    safe = np.where(small, 1, x)
    return np.where(small, 1 - x / 2 + x * x / 6, -np.expm1(-safe) / safe)


def concentration(log_p, amount, t, interval=None):
    """mg/L at t > = 0 after a dose, shape (..., times); log_p (..., 3) is ln ka, ln CL, ln V; a finite `interval` is of a steady state.

    `amount`, `t` and `interval` broadcast against the times.
    """
    ka, cl, v = (np.exp(log_p[..., i, None]) for i in range(3))
    k = cl / v
    swap = np.real(k) > np.real(ka)
    slow, d = np.where(swap, ka, k), np.where(swap, k - ka, ka - k)
    course = np.exp(-slow * t) * t * phi(d * t)
    if interval is not None:
        steady = np.isfinite(interval)
        T = np.where(steady, interval, 1.0)
        left, left_fast = -np.expm1(-slow * T), -np.expm1(-(slow + d) * T)
        repeated = (course * left + np.exp(-slow * (t + T)) * T * phi(d * T)) / (left * left_fast)
        course = np.where(steady, repeated, course)
    return amount / v * ka * course


def read(path):
    """By subject: amount, time since the dose, interval (inf of a single one) and value of each observation, as arrays.

    A dose resets what was before it or is the first one: what each observation sees is one dose.
    """
    with open(path, newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(line for line in f if not line.startswith("#")))
    people = {}
    for r in rows:
        own = people.setdefault(r["ID"], {"seen": [], "dose": None})
        if r["EVID"] in ("1", "4"):
            assert own["dose"] is None or r["EVID"] == "4"
            steady = r["SS"] == "1"
            own["dose"] = (float(r["TIME"]), float(r["AMT"]), float(r["II"]) if steady else np.inf)
        else:
            at, amount, interval = own["dose"]
            own["seen"].append((amount, float(r["TIME"]) - at, interval, float(r["DV"])))
    return {i: np.array(p["seen"]).T for i, p in people.items()}
