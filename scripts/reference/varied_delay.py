"""Maximum likelihood of an outcome whose delay varies between patients.

Model. Free IgE is 300 ng/mL until day 0, 100 until day 100, and 300 from then on. Patient i has values
    y_ij = B + b_i + (E + e_i)*w(t_ij; k_i) + eps_ij,      eps_ij ~ N(0, sigma^2),
    w(t; k) = -2*(1 - exp(-k*t)) until day 100, w(100; k)*exp(-k*(t - 100)) from then on,
    (b_i, e_i) ~ N(0, Omega), ln k_i ~ N(ln k, omega_k^2) independent of them.
w is the response of an indirect response of production with a linear link, exposure in 100 ng/mL.

Given k_i the values are normal; the integral over ln k_i is a sum over a lattice of the standard normal deviate from -7 to 7 in
steps of 0.02 (equal weights, which is exact to rounding for so smooth a function). Maximum by BFGS with differences, from the truth
and from a second start; Hessian by five-point differences of -log-likelihood on the scale of estimation:
B, E, ln k, ln sb, ln se, atanh r, ln omega_k, ln sigma.

Run:    scripts/python scripts/reference/varied_delay.py
Writes: fixtures/reference/varied_delay.json
"""

import json
import pathlib

import numpy as np
from scipy import optimize

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "varied_delay.json"
DAYS = np.array([0.0, 7, 14, 28, 42, 70, 100, 107, 114, 128, 142, 170, 200])
NAMES = ["B", "E", "k", "sb", "se", "r", "omega_k", "sigma"]
TRUTH = {"B": 5.0, "E": 1.2, "k": 0.05, "sb": 0.8, "se": 0.3, "r": 0.3, "omega_k": 0.6, "sigma": 0.3}
Z = np.arange(-350, 351) * 0.02


def w(t, k):
    on = -2 * (1 - np.exp(-k * np.minimum(t, 100)))
    return np.where(t <= 100, on, on * np.exp(-k * np.maximum(t - 100, 0)))


def by_patient(x, values):
    """-2 log-likelihood of each patient."""
    b, e, ln_k, ln_sb, ln_se, z_r, ln_ok, ln_s = x
    sb, se, r, s = np.exp(ln_sb), np.exp(ln_se), np.tanh(z_r), np.exp(ln_s)
    omega = np.array([[sb * sb, r * sb * se], [r * sb * se, se * se]])
    shape = w(DAYS[None], np.exp(ln_k + np.exp(ln_ok) * Z)[:, None])
    design = np.stack([np.ones_like(shape), shape], axis=-1)
    v = design @ omega @ design.transpose(0, 2, 1) + s * s * np.eye(len(DAYS))
    root = np.linalg.cholesky(v)
    ln_det = 2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1)
    out = []
    for y in values:
        residual = y[None] - b - e * shape
        u = np.linalg.solve(root, residual[..., None])[..., 0]
        ln_p = -0.5 * (len(DAYS) * np.log(2 * np.pi) + ln_det + (u * u).sum(1))
        ln_joint = ln_p - 0.5 * Z * Z - 0.5 * np.log(2 * np.pi) + np.log(0.02)
        top = ln_joint.max()
        out.append(-2 * (top + np.log(np.exp(ln_joint - top).sum())))
    return np.array(out)


def hessian(f, x, h=2e-3):
    n = len(x)

    def gradient(at):
        g = np.empty(n)
        for i in range(n):
            step = np.eye(n)[i] * h
            g[i] = (8 * (f(at + step) - f(at - step)) - (f(at + 2 * step) - f(at - 2 * step))) / (12 * h)
        return g

    out = np.empty((n, n))
    for i in range(n):
        step = np.eye(n)[i] * h
        out[i] = (8 * (gradient(x + step) - gradient(x - step)) - (gradient(x + 2 * step) - gradient(x - 2 * step))) / (12 * h)
    return (out + out.T) / 2


def main():
    rng = np.random.default_rng(7)
    t = TRUTH
    root = np.linalg.cholesky([[t["sb"] ** 2, t["r"] * t["sb"] * t["se"]], [t["r"] * t["sb"] * t["se"], t["se"] ** 2]])
    values = []
    for _ in range(24):
        b, e = root @ rng.standard_normal(2)
        k = t["k"] * np.exp(t["omega_k"] * rng.standard_normal())
        values.append(np.round(t["B"] + b + (t["E"] + e) * w(DAYS, k) + t["sigma"] * rng.standard_normal(len(DAYS)), 3))
    scale = lambda p: np.array([p["B"], p["E"], np.log(p["k"]), np.log(p["sb"]), np.log(p["se"]), np.arctanh(p["r"]), np.log(p["omega_k"]), np.log(p["sigma"])])
    f = lambda x: 0.5 * by_patient(x, values).sum()
    ends = [optimize.minimize(f, scale(TRUTH) + shift, method="BFGS", options={"gtol": 1e-6}) for shift in (0.0, 0.25)]
    best = min(ends, key=lambda end: end.fun)
    assert abs(ends[0].fun - ends[1].fun) < 1e-6, [end.fun for end in ends]
    h = hessian(f, best.x)
    se = np.sqrt(np.diag(np.linalg.inv(h)))
    truth = scale(TRUTH)
    OUT.write_text(
        json.dumps(
            {
                "made_by": "scripts/reference/varied_delay.py",
                "simulated": True,
                "days": DAYS.tolist(),
                "values": [v.tolist() for v in values],
                "names": NAMES,
                "truth": {"x": truth.tolist(), "by_patient": by_patient(truth, values).tolist()},
                "estimates": best.x.tolist(),
                "minus2ll": 2 * best.fun,
                "se": se.tolist(),
            },
            indent=1,
        )
        + "\n"
    )
    print(2 * best.fun, dict(zip(NAMES, best.x.round(4))), se.round(4))


if __name__ == "__main__":
    main()
