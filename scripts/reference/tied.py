"""FOCEI of a population whose correlation is one: two parameters that share a random effect.

One compartment, first-order absorption, a dose at time 0, in closed form; ln CL = ln CL_pop + w_CL u and ln V = ln V_pop + w_V u with
one u of variance 1 per subject, so that Omega of (eta_CL, eta_V) has rank one; ka does not vary; the error is proportional. The
data are simulated here from such a truth, and written into the fixture. With x = (ln ka, ln CL, ln V, ln w_CL, ln w_V, ln s), g = s f:

    G(u) = sum((y - f)^2/g^2 + 2 ln g) + u^2                       u^ where it is least
    H    = 1 + sum((1/g^2 + 2 (g'/g)^2) (df/du)^2),  g' = s        Almquist, Leander, Jirstrand 2015, doi 10.1007/s10928-015-9409-1
    OFV  = sum over subjects of G(u^) + ln H

du by complex steps, u^ by Newton's method to a gradient of 1e-11; the minimum over x by BFGS and Newton's method on differences of the
converged objective. R is half the second differences of OFV (central, extrapolated from two spacings), S a quarter of the sum of outer
products of the subjects' gradients; standard errors are from R^-1, S^-1 and R^-1 S R^-1, of variances and of what is a logarithm in x by
their derivatives.

A fit of the whole block ends at the correlation of one only if the objective rises from there: the same objective with two u, eta =
L u, is minimised over x with what is left of V's standard deviation, L_22, held at several values above zero, and must be higher at each.

Run:    scripts/python scripts/reference/tied.py
Writes: fixtures/reference/tied.json
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize

import compartment

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "tied.json"
SEED, SUBJECTS, DOSE = 20261213, 50, 320.0
TIMES = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0])
TRUTH = np.log([1.6, 2.75, 32.0, 0.35, 0.25, 0.15])
NAMES = ["ka", "CL", "V", "omega2_CL", "omega2_V", "sigma"]
LEFT = [0.01, 0.03, 0.06, 0.1]
SMALL = 1e-30  # of a complex step


def simulated():
    rng = np.random.default_rng(SEED)
    u = rng.normal(size=SUBJECTS)
    f = predicted(TRUTH, factor(TRUTH), u[:, None])
    return np.round(f * (1 + np.exp(TRUTH[5]) * rng.normal(size=f.shape)), 4)


def factor(x, left=None):
    """L of the eta of CL and V, (2, 1); with what is left of V's standard deviation a square one."""
    shared = np.exp(x[3:5])[:, None]
    return shared if left is None else np.hstack([shared, [[0.0], [left]]])


def predicted(x, L, u):
    """Concentrations of subjects at their u, (subjects, k)."""
    eta = u @ L.T
    log_p = np.concatenate([np.full((*u.shape[:-1], 1), x[0]), x[1:3] + eta], -1)
    return compartment.concentration(log_p, DOSE, TIMES)


class Population:
    def __init__(self, values):
        self.values = values
        self.last = {}

    def g(self, x, L, u):
        f, s = predicted(x, L, u), np.exp(x[5])
        return np.sum(((self.values - f) / (s * f)) ** 2 + 2 * np.log(s * f), -1) + np.sum(u * u, -1)

    def slope(self, x, L, u):
        return np.stack([self.g(x, L, u + SMALL * 1j * e).imag / SMALL for e in np.eye(u.shape[1])], -1)

    def bend(self, x, L, u):
        d = 1e-5
        h = np.stack([(self.slope(x, L, u + d * e) - self.slope(x, L, u - d * e)) / (2 * d) for e in np.eye(u.shape[1])], -1)
        return 0.5 * (h + np.swapaxes(h, -1, -2))

    def descend(self, x, L, u):
        """Newton's method, a step no longer than 1, halved while G rises."""
        value = self.g(x, L, u)
        for _ in range(100):
            slope = self.slope(x, L, u)
            if np.max(np.abs(slope)) < 1e-11:
                break
            bend = self.bend(x, L, u)
            least = np.linalg.eigvalsh(bend)[:, 0]
            bend = bend + np.maximum(0.1 - least, 0)[:, None, None] * np.eye(u.shape[1])
            step = -np.linalg.solve(bend, slope[..., None])[..., 0]
            step *= np.minimum(1, 1 / np.maximum(np.abs(step).max(-1), 1e-300))[:, None]
            part = np.ones(len(u))
            for _ in range(30):
                worse = ~(self.g(x, L, u + part[:, None] * step) <= value + 1e-12 * np.abs(value))
                if not worse.any():
                    break
                part = np.where(worse, part / 2, part)
            u = u + np.where(worse, 0, part)[:, None] * step
            value = self.g(x, L, u)
        return u, value

    def modes(self, x, L, everywhere):
        k = L.shape[1]
        starts = [np.zeros((SUBJECTS, k))] if self.last.get(k) is None else [self.last[k]]
        if everywhere:
            starts += [np.full((SUBJECTS, k), at) for at in (-2.5, -1.0, 0.0, 1.0, 2.5)]
        found = [self.descend(x, L, start) for start in starts]
        best = np.argmin([value for _, value in found], 0)
        u = np.array([found[b][0][i] for i, b in enumerate(best)])
        self.last[k] = u
        return u

    def parts(self, x, left=None, everywhere=False):
        """Every subject's part of the objective."""
        L = factor(x, left)
        u, s = self.modes(x, L, everywhere), np.exp(x[5])
        f = predicted(x, L, u)
        by_u = np.stack([predicted(x, L, u + SMALL * 1j * e).imag / SMALL for e in np.eye(u.shape[1])], -1)
        weight = 1 / (s * f) ** 2 + 2 / f**2
        h = np.eye(u.shape[1]) + np.einsum("nt,nta,ntb->nab", weight, by_u, by_u)
        return self.g(x, L, u) + np.linalg.slogdet(h)[1]

    def gradients(self, x, left=None, step=1e-4):
        """Of every subject's part, extrapolated from two spacings."""
        def central(h):
            return np.stack([(self.parts(x + h * e, left) - self.parts(x - h * e, left)) / (2 * h) for e in np.eye(len(x))], -1)

        return (4 * central(step) - central(2 * step)) / 3

    def hessian(self, x, left=None, step=2e-3):
        """Of the objective, extrapolated from two spacings; and by how much the scaled one differs from that of the narrower."""
        of, eye = (lambda x: self.parts(x, left).sum()), np.eye(len(x))

        def central(h):
            def pair(i, j):
                a, b = h * eye[i], h * eye[j]
                return (of(x + a + b) - of(x + a - b) - of(x - a + b) + of(x - a - b)) / (4 * h * h)

            return np.array([[pair(i, j) for j in range(len(x))] for i in range(len(x))])

        fine, coarse = central(step), central(2 * step)
        found = (4 * fine - coarse) / 3
        scale = np.sqrt(np.abs(np.diag(found)))
        return found, np.max(np.abs(found - fine) / np.outer(scale, scale))

    def least(self, start, left=None):
        fit = minimize(lambda x: self.parts(x, left).sum(), start, jac=lambda x: self.gradients(x, left).sum(0), method="BFGS",
                       options={"gtol": 1e-4, "maxiter": 200})  # fmt: skip
        x = fit.x
        for _ in range(3):
            x = x - np.linalg.solve(self.hessian(x, left)[0], self.gradients(x, left).sum(0))
        return x


def main():
    values = simulated()
    people = Population(values)
    x = people.least(TRUTH)
    other = people.least(TRUTH + np.array([0.5, -0.4, 0.4, 0.5, -0.5, 0.4]))
    assert np.max(np.abs(x - other)) < 1e-6, (x, other)
    parts = people.parts(x, everywhere=True)
    ofv = float(parts.sum())
    profile = {}
    for left in LEFT:
        there = people.least(x, left)
        profile[str(left)] = float(people.parts(there, left, everywhere=True).sum()) - ofv
        print(f"L_22 {left}: {profile[str(left)]:+.6f}", flush=True)
    assert min(profile.values()) > 0, "the block does not end at the correlation of one: another seed"
    gradients = people.gradients(x)
    hessian, uncertain = people.hessian(x)
    r, s = 0.5 * hessian, 0.25 * gradients.T @ gradients
    inverse = np.linalg.inv(r)
    covariances = {"r": inverse, "s": np.linalg.inv(s), "sandwich": inverse @ s @ inverse}
    numbers = np.exp(x * np.array([1, 1, 1, 2, 2, 1]))
    slopes = numbers * np.array([1, 1, 1, 2, 2, 1])
    made = {
        "provenance": "Computed by scripts/reference/tied.py (numpy, scipy; independent of the Rust code), which has the definitions. Simulated, "
        "not patients. Hours, mg, mg/L.",
        "seed": SEED,
        "dose": DOSE,
        "times": TIMES.tolist(),
        "values": values.tolist(),
        "truth": dict(zip(NAMES, np.exp(TRUTH * np.array([1, 1, 1, 2, 2, 1])).tolist())),
        "ofv": ofv,
        "subjects": parts.tolist(),
        "gradient_max": float(np.max(np.abs(gradients.sum(0)))),
        "hessian_difference": float(uncertain),
        "rise_with_held_sd_left_of_V": profile,
        "estimates": dict(zip(NAMES, numbers.tolist())),
        "se": {name: dict(zip(NAMES, (slopes * np.sqrt(np.diag(c))).tolist())) for name, c in covariances.items()},
    }
    OUT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(ofv, made["gradient_max"], uncertain, made["estimates"], made["se"])


if __name__ == "__main__":
    main()
