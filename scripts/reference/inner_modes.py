"""The objective of FOCE where subjects have several modes (fixtures/cases/91_inner_modes).

One compartment, first-order absorption, a single dose and a steady state in closed form; ln ka, ln CL, ln V are normal, CL and V
correlated; the residual error is log-normal. With P = Omega^-1 and f' the derivatives of ln f to eta:

    G(eta) = sum(z^2 + 2 ln sigma) + eta' P eta + ln|Omega|      eta^ where it is least, over all modes
    H      = sum(f' f'^T)/sigma^2 + P
    F      = G(eta^) + ln|H|

eta^ is looked for from 0, the corners of a cube of 1.5 standard deviations, and draws from the prior, everywhere the objective
is computed (at the two populations that are reported also from the middles of the cube's edges and faces and from 200 draws):
Levenberg and Marquardt's method and then Newton's, all starts at once, to a gradient of 1e-8.

The population is looked for from several starts in a box, by L-BFGS-B and then BFGS with differences of the converged objective. It
has more than one minimum even so: that with slow absorption is a third of a unit above the lowest.

Run:    scripts/python scripts/reference/inner_modes.py
Writes: fixtures/reference/inner_modes.json
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize

import compartment

ROOT = pathlib.Path(__file__).parents[2]
OUT = ROOT / "fixtures" / "reference" / "inner_modes.json"
NAMES = ["ka", "CL", "V"]
PEOPLE = compartment.read(ROOT / "fixtures" / "cases" / "91_inner_modes.csv")
AMOUNT, TIME, INTERVAL, VALUE = np.moveaxis(np.array(list(PEOPLE.values())), 1, 0)
N, VALUES = VALUE.shape
CUBE = 1.5 * np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
CORNERS = CUBE[np.isin(np.sum(CUBE != 0, 1), (0, 3))]
DRAWS, MANY_DRAWS, SEED = 3, 200, 91
DIFFERENCE = 1e-4
BOX = [(-4, 4), (0, 6), (0, 7), (-5, 1.5), (-5, 1.5), (-3, 3), (-5, 1.5), (-3, 1)]


def vector(ka, cl, v, variance_ka, block, sigma):
    """ln ka, ln CL, ln V, ln omega_ka, Cholesky's factor of the block with logarithms on its diagonal, ln sigma."""
    L = np.linalg.cholesky(np.array([[block[0], block[1]], [block[1], block[2]]]))
    return np.array([*np.log([ka, cl, v]), 0.5 * np.log(variance_ka), np.log(L[0, 0]), L[1, 0], np.log(L[1, 1]), np.log(sigma)])


FAR = vector(4.5, 26.1, 100.0, 2.82, (0.075, 0.0467, 0.0564), 0.330151)
STARTS = {
    "model file": FAR,
    "ka 1, V 70": vector(1.0, 26.0, 70.0, 0.5, (0.07, 0.02, 0.05), 0.3),
    "ka 2, V 100, little variability": vector(2.0, 25.0, 100.0, 0.1, (0.04, 0.0, 0.04), 0.4),
    "ka 0.5, V 40": vector(0.5, 20.0, 40.0, 1.0, (0.1, 0.05, 0.1), 0.4),
    "slow absorption, correlation near 1": vector(0.334, 27.42, 30.455, 0.346, (0.8211, 1.2773, 1.98716), 0.338),
    "large variability": vector(1.5, 30.0, 80.0, 1.5, (0.5, 0.2, 0.5), 0.25),
}


def lower(x):
    """Cholesky's factor of Omega."""
    return np.array([[np.exp(x[3]), 0, 0], [0, np.exp(x[4]), 0], [0, x[5], np.exp(x[6])]])


class Lanes:
    """Subjects at populations x, one row each: G and its derivatives to the whitened u, eta = L u."""

    def __init__(self, x, who):
        self.x, self.who = x, who
        self.L = np.array([lower(row) for row in x])
        self.sigma = np.exp(x[:, 7])
        self.constant = 2 * VALUES * x[:, 7] + 2 * (x[:, 3] + x[:, 4] + x[:, 6])

    def log_f(self, u):
        log_p = self.x[:, :3] + np.einsum("nij,nj->ni", self.L, u)
        w = self.who
        with np.errstate(all="ignore"):
            return np.log(compartment.concentration(log_p, AMOUNT[w], TIME[w], INTERVAL[w]))

    def residuals(self, u):
        return (np.log(VALUE[self.who]) - self.log_f(u)) / self.sigma[:, None]

    def jacobian(self, u):
        """Of the residuals, shape (lanes, values, 3), by complex steps."""
        steps = [self.residuals(u + 1e-40j * e).imag / 1e-40 for e in np.eye(3)]
        return np.stack(steps, -1)

    def g(self, u):
        value = np.sum(self.residuals(u) ** 2, -1) + np.sum(u**2, -1) + self.constant
        return np.where(np.isfinite(value), value, np.inf)

    def gradient(self, u):
        return 2 * np.einsum("nj,nji->ni", self.residuals(u), self.jacobian(u)) + 2 * u

    def hessian(self, u):
        d = 1e-5
        columns = [(self.gradient(u + d * e) - self.gradient(u - d * e)) / (2 * d) for e in np.eye(3)]
        h = np.stack(columns, -1)
        return 0.5 * (h + np.moveaxis(h, -1, -2))

    def f(self, u):
        """FOCE's objective: |Omega| |H| = |1 + L' J' J L|, and u already has L in it."""
        J = self.jacobian(u)
        return self.g(u) - 2 * (self.x[:, 3] + self.x[:, 4] + self.x[:, 6]) + np.linalg.slogdet(
            np.einsum("nji,njk->nik", J, J) + np.eye(3)
        )[1]  # fmt: skip

    def descend(self, u, iterations=40):
        """Levenberg and Marquardt's method in all lanes that still move, then Newton's."""
        u, damping, moving = u.copy(), np.full(len(u), 1e-3), np.arange(len(u))
        value = self.g(u)
        for _ in range(iterations):
            lanes, at = Lanes(self.x[moving], self.who[moving]), u[moving]
            r, J = lanes.residuals(at), lanes.jacobian(at)
            good = np.isfinite(J).all((1, 2)) & np.isfinite(r).all(1)
            r, J = np.where(good[:, None], r, 0), np.where(good[:, None, None], J, 0)
            A = np.einsum("nji,njk->nik", J, J) + np.eye(3)
            b = np.einsum("nji,nj->ni", J, r) + at
            A = A + damping[moving][:, None, None] * np.einsum("nij,ij->nij", A, np.eye(3))
            step = np.linalg.solve(A, b[..., None])[..., 0]
            new = lanes.g(at - step)
            better = new < value[moving]
            u[moving] = np.where(better[:, None], at - step, at)
            value[moving] = np.where(better, new, value[moving])
            damping[moving] = np.where(better, np.maximum(damping[moving] / 5, 1e-12), np.minimum(damping[moving] * 4, 1e8))
            moving = moving[np.abs(step).max(1) > 1e-5]
            if not len(moving):
                break
        return self.newton(u, 4)

    def newton(self, u, iterations):
        for _ in range(iterations):
            h, g = self.hessian(u), self.gradient(u)
            good = np.isfinite(h).all((1, 2)) & np.isfinite(g).all(1)
            h = np.where(good[:, None, None], h, np.eye(3))
            least = np.linalg.eigvalsh(h)[:, 0]
            step = np.linalg.solve(h + np.maximum(1e-3 - least, 0)[:, None, None] * np.eye(3), g[..., None])[..., 0]
            step = np.where((good & (least > 1e-6) & (np.abs(step).max(1) < 0.5))[:, None], step, 0)
            u = u - step
        return u

    def settled(self, u):
        h, g = self.hessian(u), self.gradient(u)
        good = np.isfinite(h).all((1, 2)) & (np.abs(g).max(1) < 1e-8)
        return good & (np.linalg.eigvalsh(np.where(good[:, None, None], h, -np.eye(3)))[:, 0] > 0)


def all_modes(x, draws, seed=SEED):
    """Every subject's modes of G that are found: whitened u, lowest G first."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate([CORNERS if draws == DRAWS else CUBE, rng.normal(size=(draws, 3))])
    lanes = Lanes(np.repeat(x[None], N * len(starts), 0), np.repeat(np.arange(N), len(starts)))
    u = lanes.descend(np.tile(starts, (N, 1)))
    good, value = lanes.settled(u), lanes.g(u)
    found = []
    for i in range(N):
        own = []
        mine = np.flatnonzero(good & (lanes.who == i))
        for k in mine[np.argsort(value[mine])]:
            if all(np.max(np.abs(u[k] - other)) > 1e-4 for other in own):
                own.append(u[k])
        assert own, f"no mode of subject {i}"
        found.append(own)
    return found


def subjects(x, draws=DRAWS):
    """Each subject's F at its lowest mode, and that u."""
    u = np.array([own[0] for own in all_modes(x, draws)])
    lanes = Lanes(np.repeat(x[None], N, 0), np.arange(N))
    return lanes.f(u), u


def value_and_gradient(x):
    """F, and its differences with every subject's mode followed from where it is."""
    parts, u = subjects(x)
    steps = DIFFERENCE * np.concatenate([np.eye(8), -np.eye(8)])
    lanes = Lanes(np.repeat(x + steps, N, 0), np.tile(np.arange(N), len(steps)))
    moved = lanes.f(lanes.newton(np.tile(u, (len(steps), 1)), 2)).reshape(2, 8, N).sum(-1)
    return parts.sum(), (moved[0] - moved[1]) / (2 * DIFFERENCE)


def described(x):
    omega = lower(x) @ lower(x).T
    return {
        **{n: float(v) for n, v in zip(NAMES, np.exp(x[:3]))},
        "omega2_ka": float(omega[0, 0]),
        "omega2_CL": float(omega[1, 1]),
        "omega2_V": float(omega[2, 2]),
        "corr_CL_V": float(omega[2, 1] / np.sqrt(omega[1, 1] * omega[2, 2])),
        "sigma": float(np.exp(x[7])),
    }


def at(x):
    """Every subject's modes at a population, with G and F of each."""
    rows = []
    for i, own in enumerate(all_modes(x, MANY_DRAWS)):
        u = np.array(own)
        lanes = Lanes(np.repeat(x[None], len(u), 0), np.full(len(u), i))
        g, f = lanes.g(u), lanes.f(u)
        modes = [{"eta": (lower(x) @ u[k]).tolist(), "g": float(g[k]), "f": float(f[k])} for k in range(len(u))]
        rows.append({"id": list(PEOPLE)[i], "modes": modes})
    return {"ofv": sum(r["modes"][0]["f"] for r in rows), **described(x), "subjects": rows}


def main():
    ends = {}
    for name, start in STARTS.items():
        box = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", bounds=BOX, options={"ftol": 1e-13, "gtol": 1e-6})
        x, fit = box.x, box
        if not np.any([abs(v - end) < 1e-6 for v, ends_of in zip(x, BOX) for end in ends_of]):
            # At an end of the box a variance or what a correlation of 1 leaves of one goes to zero.
            fit = minimize(value_and_gradient, x, jac=True, method="BFGS", options={"gtol": 2e-5, "maxiter": 30})
            x = fit.x
        ends[name] = (fit.fun, x, float(np.max(np.abs(fit.jac))))
        print(f"{name}: {fit.fun:.6f}, gradient {np.max(np.abs(fit.jac)):.1e}, {described(x)}", flush=True)
    least, x, slope = min(ends.values(), key=lambda end: end[0])
    optimum, far = at(x), at(FAR)
    assert abs(optimum["ofv"] - least) < 1e-6, (optimum["ofv"], least)
    made = {
        "provenance": "Computed by scripts/reference/inner_modes.py (numpy; independent of the Rust code), which has the definitions. "
        "modes: lowest g first; f is FOCE's part of the subject there.",
        "order": NAMES,
        "gradient_max": slope,
        "from": {name: {"ofv": float(end[0]), "gradient_max": end[2], **described(end[1])} for name, end in ends.items()},
        "optimum": optimum,
        "model_file": far,
    }
    OUT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    for name in ("optimum", "model_file"):
        print(name, made[name]["ofv"], [len(r["modes"]) for r in made[name]["subjects"]])


if __name__ == "__main__":
    main()
