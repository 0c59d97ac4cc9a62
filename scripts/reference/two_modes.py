"""Marginal likelihood of subjects with several modes (fixtures/cases/94_two_modes), by brute force.

One compartment, first-order absorption, closed form; ln ka, ln CL, ln V are normal, the residual error is log-normal. With

    G(eta) = sum(z^2 + 2 ln sigma) + eta' Omega^-1 eta + ln|Omega|,   z = (ln y - ln f)/sigma
    ofv    = -2 ln of the integral of exp(-G/2) (2 pi)^(-3/2) over eta

which leaves out what FOCE leaves out: ln 2 pi and ln y^2 of each observation.

(a) Integral: trapezoidal rule on a lattice over eta that is refined by halves wherever the integrand is within exp(-37) of its largest, the error
    taken 1.2 and the prior 1.3 times as wide; spacing 0.05. On smooth functions the rule errs by exp(-2 pi^2 (sd/spacing)^2) and
    less; spacing 0.08 is kept beside it (`ofv_coarse`), and so is the mean over 2 million draws from the prior with its standard error.
(b) Modes of G: descents from every node that is no higher than its neighbours, and from 60 draws from the prior. Each with G, FOCE's
    G + ln|H| (`linear`), and Laplace's G + ln|A| (`laplace`); H is the sum of f' f'/sigma^2 on the scale of ln f and Omega^-1, A half the Hessian of G.
(c) `slow_share`: posterior probability of ka < CL/V; posterior mean and covariance of eta.
(d) Maximum likelihood over ka, CL, V, three omega and sigma, from four starts: nodes stay, so that all but the weights is
    computed once; gradients by Fisher's identity (posterior moments). Standard errors from the Hessian of half the -2 log-likelihood.

Run:    scripts/python scripts/reference/two_modes.py        (some 5 minutes)
Writes: fixtures/reference/two_modes.json
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize

import compartment

ROOT = pathlib.Path(__file__).parents[2]
OUT = ROOT / "fixtures" / "reference" / "two_modes.json"
NAMES = ["ka", "CL", "V"]
TYPICAL, OMEGA, SIGMA = np.log([0.25, 2.0, 10.0]), np.array([1.0, 0.3, 0.8]), 0.15
SPACING, COARSE = 0.05, 0.08
WIDE_SIGMA, WIDE_OMEGA, KEEP = 1.2, 1.3, 75.0
DRAWS, SEED = 2_000_000, 94
NEIGHBOURS = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
# ln ka, ln CL, ln V, ln omega three times, ln sigma
STARTS = {
    "model file": [*TYPICAL, *np.log(OMEGA), np.log(SIGMA)],
    "slow absorption": [*np.log([0.15, 2.0, 6.5]), *np.log([0.6, 0.3, 0.5]), np.log(0.15)],
    "fast absorption": [*np.log([0.5, 2.0, 18.0]), *np.log([1.0, 0.3, 1.0]), np.log(0.2)],
    "little variability": [*np.log([0.25, 2.0, 10.0]), *np.log([0.3, 0.3, 0.3]), np.log(0.3)],
}


def squares(log_p, record):
    """Sum of squared residuals of ln y."""
    amount, t, _, y = record
    with np.errstate(all="ignore"):
        return np.sum((np.log(y) - np.log(compartment.concentration(log_p, amount, t))) ** 2, -1)


def joint(eta, record):
    """G at the model file's population."""
    constant = 2 * len(record[3]) * np.log(SIGMA) + 2 * np.sum(np.log(OMEGA))
    with np.errstate(all="ignore"):
        return squares(TYPICAL + eta, record) / SIGMA**2 + np.sum((eta / OMEGA) ** 2, -1) + constant


def key(nodes):
    return ((nodes[:, 0] + 2**19) * 2**40) + ((nodes[:, 1] + 2**19) * 2**20) + (nodes[:, 2] + 2**19)


def lattice(record, spacing):
    """Whole-number nodes of a lattice over eta, refined where the integrand, its factors wider than they are, is not negligible."""

    def wide(eta):
        return squares(TYPICAL + eta, record) / (WIDE_SIGMA * SIGMA) ** 2 + np.sum((eta / (WIDE_OMEGA * OMEGA)) ** 2, -1)

    step, slack = 8, 1500.0
    reach = np.ceil(9 * OMEGA * WIDE_OMEGA / (step * spacing)).astype(int)
    nodes = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in reach], indexing="ij"), -1).reshape(-1, 3)
    while True:
        value = wide(nodes * step * spacing)
        if step == 1:
            return nodes[value < value.min() + KEEP]
        nodes = nodes[value < value.min() + KEEP + slack]
        step, slack = step // 2, slack / 4
        nodes = (2 * nodes[:, None] + NEIGHBOURS).reshape(-1, 3)
        nodes = nodes[np.unique(key(nodes), return_index=True)[1]]


def log_integral(values, spacing):
    """-2 ln of the integral of exp(-G/2) (2 pi)^(-3/2) from G at the nodes, and the nodes' weights."""
    least = values.min()
    weights = np.exp(-0.5 * (values - least))
    total = weights.sum()
    return least - 2 * np.log(total * spacing**3) + 3 * np.log(2 * np.pi), weights / total


def gradient(eta, record):
    return np.array([joint(eta + 1e-40j * e, record).imag / 1e-40 for e in np.eye(3)])


def half_hessian(eta, record):
    d = 1e-4
    rows = [(gradient(eta + d * e, record) - gradient(eta - d * e, record)) / (4 * d) for e in np.eye(3)]
    return 0.5 * (np.array(rows) + np.array(rows).T)


def linear(eta, record):
    amount, t, _, _ = record
    at = lambda e: np.log(compartment.concentration(TYPICAL + eta + 1e-40j * e, amount, t)).imag / 1e-40
    J = np.array([at(e) for e in np.eye(3)]).T / SIGMA
    return J.T @ J + np.diag(OMEGA**-2)


def modes(record, nodes, values, spacing, rng):
    """Local minima of G, lowest first."""
    order = np.argsort(key(nodes))
    sorted_keys, sorted_values = key(nodes)[order], values[order]
    least = np.full(len(nodes), True)
    for offset in NEIGHBOURS[np.any(NEIGHBOURS != 0, 1)]:
        wanted = key(nodes + offset)
        place = np.minimum(np.searchsorted(sorted_keys, wanted), len(order) - 1)
        there = sorted_keys[place] == wanted
        least &= ~there | (values <= np.where(there, sorted_values[place], np.inf))
    starts = [*(nodes[least] * spacing), *(rng.normal(size=(60, 3)) * OMEGA)]
    found = []
    for start in starts:
        fit = minimize(joint, start, args=(record,), jac=gradient, method="BFGS", options={"gtol": 1e-6, "maxiter": 500})
        eta = fit.x
        for _ in range(4):
            if np.linalg.eigvalsh(half_hessian(eta, record))[0] > 0:
                eta = eta - np.linalg.solve(2 * half_hessian(eta, record), gradient(eta, record))
        if not np.max(np.abs(gradient(eta, record))) < 1e-8 or np.linalg.eigvalsh(half_hessian(eta, record))[0] <= 0:
            continue
        if all(np.max(np.abs(eta - other)) > 1e-4 for other in found):
            found.append(eta)
    found.sort(key=lambda eta: joint(eta, record))
    return [
        {
            "eta": eta.tolist(),
            "g": float(joint(eta, record)),
            "linear": float(joint(eta, record) + np.linalg.slogdet(linear(eta, record))[1]),
            "laplace": float(joint(eta, record) + np.linalg.slogdet(half_hessian(eta, record))[1]),
        }
        for eta in found
    ]


def by_prior_draws(record, rng):
    logs = np.concatenate([
        -0.5 * squares(TYPICAL + rng.normal(size=(DRAWS // 10, 3)) * OMEGA, record) / SIGMA**2 for _ in range(10)
    ])  # fmt: skip
    w = np.exp(logs - logs.max())
    value = -2 * (logs.max() + np.log(w.mean())) + 2 * len(record[3]) * np.log(SIGMA)
    return float(value), float(2 * w.std() / np.sqrt(len(w)) / w.mean())


class Likelihood:
    """-2 log-likelihood of everybody as a function of ln ka, ln CL, ln V, ln omega and ln sigma, on fixed nodes."""

    def __init__(self, people, spacing):
        self.spacing, self.people = spacing, []
        for record in people.values():
            log_p = TYPICAL + lattice(record, spacing) * spacing
            self.people.append((log_p, squares(log_p, record), len(record[3])))

    def parts(self, x):
        """Each subject's value and gradient, by Fisher's identity."""
        mean, sd, sigma = x[:3], np.exp(x[3:6]), np.exp(x[6])
        values, gradients = [], []
        for log_p, s, n in self.people:
            z = (log_p - mean) / sd
            g = s / sigma**2 + np.sum(z**2, -1) + 2 * n * x[6] + 2 * np.sum(x[3:6])
            value, w = log_integral(g, self.spacing)
            values.append(value)
            gradients.append([*(-2 * (w @ z) / sd), *(2 - 2 * (w @ z**2)), 2 * n - 2 * (w @ s) / sigma**2])
        return np.array(values), np.array(gradients)

    def __call__(self, x):
        values, gradients = self.parts(x)
        return values.sum(), gradients.sum(0)

    def hessian(self, x):
        d = 1e-4
        rows = [(self(x + d * e)[1] - self(x - d * e)[1]) / (2 * d) for e in np.eye(7)]
        return 0.5 * (np.array(rows) + np.array(rows).T)


def described(x, errors=None):
    """The numbers under their names; standard errors by the delta method."""
    value = {**dict(zip(NAMES, np.exp(x[:3]))), **{f"omega2_{n}": np.exp(2 * v) for n, v in zip(NAMES, x[3:6])}, "sigma": np.exp(x[6])}
    if errors is None:
        return {name: float(v) for name, v in value.items()}
    slope = [1, 1, 1, 2, 2, 2, 1]
    return {name: float(v * k * e) for (name, v), k, e in zip(value.items(), slope, errors)}


def maximum(people):
    coarse = Likelihood(people, COARSE)
    ends = {}
    for name, start in STARTS.items():
        fit = minimize(coarse, start, jac=True, method="BFGS", options={"gtol": 1e-5})
        ends[name] = fit
        print(f"{name}: {fit.fun:.6f} {described(fit.x)} {fit.nit} iterations", flush=True)
    best = min(ends.values(), key=lambda fit: fit.fun)
    fine = Likelihood(people, SPACING)
    x = best.x
    for _ in range(3):
        x = x - np.linalg.solve(coarse.hessian(x), fine(x)[1])
    values, gradients = fine.parts(x)
    assert np.max(np.abs(gradients.sum(0))) < 1e-4
    assert np.linalg.eigvalsh(fine.hessian(x))[0] > 0
    errors = np.sqrt(np.diag(np.linalg.inv(0.5 * fine.hessian(x))))
    print("most weight at a node of the largest kept value:", edge(fine, x))
    return {
        "estimates": described(x),
        "standard_errors": described(x, errors),
        "ofv": float(values.sum()),
        "ofv_coarse": float(coarse(x)[0]),
        "subjects": values.tolist(),
        "from": {name: {"ofv": float(fit.fun), **described(fit.x)} for name, fit in ends.items()},
    }


def edge(likelihood, x):
    """The largest weight among nodes that a neighbour of the lattice's edge could carry: those at the limit of what was kept."""
    most = 0.0
    for log_p, s, _ in likelihood.people:
        eta = log_p - TYPICAL
        wide = s / (WIDE_SIGMA * SIGMA) ** 2 + np.sum((eta / (WIDE_OMEGA * OMEGA)) ** 2, -1)
        g = s / np.exp(2 * x[6]) + np.sum(((log_p - x[:3]) / np.exp(x[3:6])) ** 2, -1)
        outer = wide > wide.min() + KEEP - 3
        most = max(most, float(np.exp(-0.5 * (g[outer].min() - g.min()))))
    return most


def main():
    people = compartment.read(ROOT / "fixtures" / "cases" / "94_two_modes.csv")
    rows = []
    for number, (name, record) in enumerate(people.items()):
        rng = np.random.default_rng([SEED, number])
        nodes = lattice(record, SPACING)
        values = joint(nodes * SPACING, record)
        ofv, w = log_integral(values, SPACING)
        eta = nodes * SPACING
        mean = w @ eta
        covariance = (eta - mean).T @ (w[:, None] * (eta - mean))
        rough_nodes = lattice(record, COARSE)
        rough_values = joint(rough_nodes * COARSE, record)
        drawn, error = by_prior_draws(record, rng)
        log_p = TYPICAL + eta
        rows.append(
            {
                "id": name,
                "ofv": float(ofv),
                "ofv_coarse": float(log_integral(rough_values, COARSE)[0]),
                "ofv_drawn": drawn,
                "ofv_drawn_se": error,
                "slow_share": float(w[log_p[:, 0] < log_p[:, 1] - log_p[:, 2]].sum()),
                "mean": mean.tolist(),
                "covariance": covariance.tolist(),
                "modes": modes(record, rough_nodes, rough_values, COARSE, rng),
            }
        )
        r = rows[-1]
        print(name, f"{ofv:.8f} {ofv - r['ofv_coarse']:.1e} {(ofv - drawn) / error:+.2f}", [round(m["g"], 4) for m in r["modes"]], flush=True)
    made = {
        "provenance": "Computed by scripts/reference/two_modes.py (numpy; independent of the Rust code), which has the definitions.",
        "order": NAMES,
        "ofv": sum(r["ofv"] for r in rows),
        "subjects": rows,
        "maximum_likelihood": maximum(people),
    }
    OUT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(made["ofv"], {k: v for k, v in made["maximum_likelihood"].items() if k != "subjects"})


if __name__ == "__main__":
    main()
