"""Marginal likelihoods of symptoms that follow a known regressor w with random effects: six families of observations.

Model. Patient i has rows j at time t_ij (days) with a known regressor w_ij in [-1, 0]; it is 0 at baseline, goes toward -1 under
active treatment and is 0 at all times in the placebo arm.
    mu_ij = B + b_i + P*g(t_ij) + (E + e_i)*w_ij,    g(t) = 1 - exp(-kappa*t),
    (b_i, e_i) ~ N(0, Omega),    Omega = [[sb^2, r*sb*se], [r*sb*se, se^2]].
Given (b_i, e_i) the rows are independent. Log-densities of one observation y, with all constants:
    normal             y ~ N(mu, sigma^2):  -ln(2*pi)/2 - ln sigma - (y - mu)^2/(2*sigma^2)
    censored           y* ~ N(mu, sigma^2). y equal to `floor` a stands for y* <= a and has ln Phi((a - mu)/sigma); y equal to
                       `ceiling` c stands for y* >= c and has ln(1 - Phi((c - mu)/sigma)); otherwise the normal density of y
    ordered            y in 0..K-1, logit Pr(y <= k) = tau_k - mu for k = 0..K-2, tau increasing; B = 0
    poisson            y ~ Poisson(m), m = T_ij*exp(mu), T_ij the exposure of the row in days:  y*ln m - m - ln y!
    negative_binomial  mean m = T_ij*exp(mu), variance m + alpha*m^2:  with s = 1/alpha,
                       ln Gamma(y + s) - ln Gamma(s) - ln y! + s*ln(s/(s + m)) + y*ln(m/(s + m))
    time_to_event      no random effects. Hazard per day at whole days d = 0, 1, ...: h_d = exp(B + P*g(d) + E*w_d), w_d given for
                       each day; between whole days the HAZARD is linear in time. With n = floor(T), f = T - n,
                       h(T) = h_n + f*(h_{n+1} - h_n),
                       H(T) = sum_{d<n} (h_d + h_{d+1})/2 + f*(h_n + h(T))/2   (f = 0: nothing beyond the day n is needed).
                       T is the time of the event (d = 1) or of censoring (d = 0); log-likelihood d*ln h(T) - H(T), with ln h(T)
                       that of the interpolated hazard. `minus2ll_smooth` differs in ln h(T) alone: there
                       ln h(T) = B + P*g(T) + E*w(T) with w linear between whole days, and H(T) as above.

A patient's likelihood is the integral of the product of his densities over N(0, Omega); -2 log-likelihood is -2 times the sum of
its logarithms over patients, without any constant left out.

Integration. First rule (`minus2ll`): product Gauss-Hermite, 60 x 60 nodes, centred at the posterior mean of (b, e) and scaled by the
Cholesky factor of its posterior covariance, both found on a coarse lattice. Second rule (`second`): equal weights on a lattice of the
standardised random effects z, (b, e) = chol(Omega) z, from -10 to 10 in steps of 0.05 in both directions, with densities by
scipy.stats. For `normal`, `exact` is the density of the multivariate normal distribution (scipy.stats) besides, and
`minus2ll` and `by_patient` are those exact values; the product rule is `gauss_hermite`.

Maximum likelihood. Scale of estimation: B, P, E, ln kappa, ln sb, ln se, atanh r, and ln sigma (normal, censored), or tau_0,
ln(tau_1 - tau_0), ln(tau_2 - tau_1), ... (ordered, instead of B), or ln alpha (negative_binomial). Parameters listed under `fixed` stay
at the truth, the others are under `names`, in the order of `estimates`, `se`, `hessian`. From two starts by scipy.optimize.minimize
(BFGS), then Newton's steps. `gradient` is the largest absolute element of the gradient of -log-likelihood (not of -2
log-likelihood) at the estimate. Gradients by complex steps, patient by patient; the Hessian H of -log-likelihood by five-point
differences of these gradients (step 1e-3), made symmetric.
    se           square roots of the diagonal of H^-1
    se_sandwich  square roots of the diagonal of H^-1 (sum_i g_i g_i') H^-1, g_i the gradient of patient i's log-likelihood;
                 no factor for small samples
The data are simulated, and the seeds chosen so that the estimates lie inside (r away from -1 and 1, standard deviations from 0).

Run:    scripts/python scripts/reference/outcome_likelihoods.py
Writes: fixtures/reference/outcome_likelihoods.json
"""

import json
import pathlib
import sys

import numpy as np
from scipy import optimize, special, stats

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "outcome_likelihoods.json"
DAYS = np.array([0.0, 14.0, 28.0, 56.0, 84.0, 126.0])
ORDER, COARSE = 60, 16
LN_2PI = float(np.log(2 * np.pi))
SEEDS = {"normal": 4, "censored": 12, "ordered": 3, "poisson": 8, "negative_binomial": 3, "time_to_event": 2}
TRUTH = {
    "normal": {"B": 20.0, "P": -5.0, "E": 12.0, "kappa": 0.05, "sb": 4.0, "se": 4.0, "r": 0.3, "sigma": 2.5},
    "censored": {"B": 8.5, "P": -2.0, "E": 6.5, "kappa": 0.05, "sb": 2.0, "se": 2.4, "r": 0.3, "sigma": 1.5},
    "ordered": {"P": -2.0, "E": 4.0, "kappa": 0.05, "sb": 1.6, "se": 2.0, "r": -0.3, "tau": [-2.5, -0.5, 1.5]},
    "poisson": {"B": -1.0, "P": -0.8, "E": 1.6, "kappa": 0.04, "sb": 0.6, "se": 0.9, "r": 0.25},
    "negative_binomial": {"B": -1.0, "P": -0.8, "E": 1.6, "kappa": 0.04, "sb": 0.6, "se": 0.9, "r": 0.25, "alpha": 0.25},
    "time_to_event": {"B": -3.6, "P": -0.8, "E": 1.5, "kappa": 0.04},
}
AWAY = {
    "normal": {"B": 18.0, "P": -3.0, "E": 15.0, "kappa": 0.09, "sb": 5.5, "se": 2.5, "r": -0.4, "sigma": 3.3},
    "censored": {"B": 9.5, "P": -1.0, "E": 8.0, "kappa": 0.09, "sb": 2.8, "se": 1.4, "r": -0.5, "sigma": 2.1},
    "ordered": {"P": -1.0, "E": 5.5, "kappa": 0.09, "sb": 2.4, "se": 1.2, "r": 0.5, "tau": [-3.2, -0.2, 0.9]},
    "poisson": {"B": -0.7, "P": -0.4, "E": 2.2, "kappa": 0.08, "sb": 0.9, "se": 0.5, "r": -0.5},
    "negative_binomial": {"B": -0.7, "P": -0.4, "E": 2.2, "kappa": 0.08, "sb": 0.9, "se": 0.5, "r": -0.5, "alpha": 0.6},
    "time_to_event": {"B": -3.2, "P": -0.3, "E": 2.3, "kappa": 0.08},
}
LIMITS = {"censored": (0.0, 10.0)}
FIXED = {f: [] for f in TRUTH} | {"time_to_event": ["kappa"]}


# Complex steps: the imaginary part is so small that the first derivative is all there is to it.


def first_order(value, slope):
    def f(z):
        if not np.iscomplexobj(z):
            return value(z)
        return value(z.real) + 1j * z.imag * slope(z.real)

    return f


ln_phi_cdf = first_order(special.log_ndtr, lambda x: np.exp(-x * x / 2 - LN_2PI / 2 - special.log_ndtr(x)))
ln_gamma = first_order(special.gammaln, special.digamma)
ln_expit = first_order(special.log_expit, lambda x: special.expit(-x))


def log_density(family, d, mu, p):
    """ln of the densities of one observation, shape (patients, rows, nodes), by formulas of this file."""
    y, T = d["y"][..., None], d["exposure"][..., None]
    if family in ("normal", "censored"):
        s = p["sigma"]
        out = -LN_2PI / 2 - np.log(s) - ((y - mu) / s) ** 2 / 2
        if family == "censored":
            a, c = LIMITS[family]
            for limit, sign in ((a, 1), (c, -1)):
                at = d["y"] == limit
                out[at] = ln_phi_cdf(sign * (limit - mu[at]) / s)
        return out
    if family == "ordered":
        tau = p["tau"]
        out = np.empty_like(mu)
        for k in range(len(tau) + 1):
            at = d["y"] == k
            m = mu[at]
            if k == 0:
                out[at] = ln_expit(tau[0] - m)
            elif k == len(tau):
                out[at] = ln_expit(m - tau[-1])
            else:  # F(u) - F(v) = F(u) F(-v) (1 - exp(v - u))
                out[at] = ln_expit(tau[k] - m) + ln_expit(m - tau[k - 1]) + np.log(1 - np.exp(tau[k - 1] - tau[k]))
        return out
    ln_m = np.log(T) + mu
    if family == "poisson":
        return y * ln_m - np.exp(ln_m) - special.gammaln(y + 1)
    s = 1 / p["alpha"]
    rest = np.log(s + np.exp(ln_m))
    return ln_gamma(y + s) - ln_gamma(s + 0 * y) - special.gammaln(y + 1) + s * (np.log(s) - rest) + y * (ln_m - rest)


def log_density_scipy(family, d, mu, p):
    """The same by scipy.stats, real numbers only."""
    y, T = d["y"][..., None], d["exposure"][..., None]
    if family in ("normal", "censored"):
        dist = stats.norm(mu, p["sigma"])
        out = dist.logpdf(y)
        if family == "censored":
            a, c = LIMITS[family]
            out = np.where(y == a, dist.logcdf(a), np.where(y == c, dist.logsf(c), out))
        return out
    if family == "ordered":
        edges = np.concatenate([[-np.inf], p["tau"], [np.inf]])
        k = np.where(np.isnan(y), 0, y).astype(int)
        low, high = edges[k] - mu, edges[k + 1] - mu
        flip = low + high > 0
        u, v = np.where(flip, -low, high), np.where(flip, -high, low)
        return np.log(stats.logistic.cdf(u) - stats.logistic.cdf(v))
    m = T * np.exp(mu)
    if family == "poisson":
        return stats.poisson.logpmf(y, m)
    s = 1 / p["alpha"]
    return stats.nbinom.logpmf(y, s, s / (s + m))


def log_joint(family, d, p, b, e, density=log_density):
    """ln of the product of a patient's densities and of N(0, Omega), shape (patients, nodes)."""
    mu0 = p.get("B", 0.0) + p["P"] * (1 - np.exp(-p["kappa"] * d["time"]))
    mu = mu0[..., None] + b[:, None, :] + (p["E"] + e[:, None, :]) * d["w"][..., None]
    rows = np.where(d["seen"][..., None], density(family, d, mu, p), 0.0).sum(1)
    x, y, r = b / p["sb"], e / p["se"], p["r"]
    prior = -LN_2PI - np.log(p["sb"]) - np.log(p["se"]) - np.log(1 - r * r) / 2 - (x * x - 2 * r * x * y + y * y) / (2 * (1 - r * r))
    return rows + prior


def chol_omega(p):
    return np.array([[p["sb"], 0.0], [p["r"] * p["se"], p["se"] * np.sqrt(1 - p["r"] ** 2)]])


def lattice(step, end):
    z = np.arange(-round(end / step), round(end / step) + 1) * step
    return np.array(np.meshgrid(z, z, indexing="ij")).reshape(2, -1)


def places(family, d, p, order):
    """Nodes (patients, nodes) and ln of their weights, from the posterior means and covariances on a coarse lattice."""
    n = len(d["y"])
    L, z = chol_omega(p), lattice(0.2, 6.0)
    be = np.broadcast_to((L @ z)[None], (n, 2, z.shape[1]))
    for _ in range(2):
        ln_f = log_joint(family, d, p, be[:, 0], be[:, 1])
        weight = special.softmax(ln_f, axis=1)
        mean = np.einsum("im,ikm->ik", weight, be)
        apart = be - mean[:, :, None]
        root = np.linalg.cholesky(np.einsum("im,ikm,ilm->ikl", weight, apart, apart))
        be = mean[:, :, None] + root @ z
    x, w = special.roots_hermite(order)
    nodes = np.array(np.meshgrid(x, x, indexing="ij")).reshape(2, -1)
    ln_w = np.add.outer(np.log(w) + x * x, np.log(w) + x * x).ravel()
    be = mean[:, :, None] + np.sqrt(2) * root @ nodes
    return be[:, 0], be[:, 1], ln_w + np.log(2 * np.linalg.det(root))[:, None]


def total(ln_terms):
    """ln of the sum of the exponentials, complex steps allowed."""
    top = ln_terms.real.max(1, keepdims=True)
    return np.log(np.exp(ln_terms - top).sum(1)) + top[:, 0]


def by_rule(family, d, p, order=ORDER):
    b, e, ln_w = places(family, d, p, order)
    return total(log_joint(family, d, p, b, e) + ln_w)


def by_lattice(family, d, p, step=0.05):
    z = lattice(step, 10.0)
    be = chol_omega(p) @ z
    out = []
    for i in range(len(d["y"])):
        one = {k: v[i : i + 1] for k, v in d.items() if k != "arm"}
        mu0 = p.get("B", 0.0) + p["P"] * (1 - np.exp(-p["kappa"] * one["time"]))
        mu = mu0[..., None] + be[None, :1] + (p["E"] + be[None, 1:]) * one["w"][..., None]
        ln_f = np.zeros(z.shape[1])
        for j in np.flatnonzero(one["seen"][0]):
            row = {k: v[:, j : j + 1] for k, v in one.items()}
            ln_f += log_density_scipy(family, row, mu[:, j : j + 1], p)[0, 0]
        out.append(special.logsumexp(ln_f - LN_2PI - (z * z).sum(0) / 2) + 2 * np.log(step))
    return np.array(out)


def exact_normal(d, p):
    out = []
    for i in range(len(d["y"])):
        s = d["seen"][i]
        t, w, y = d["time"][i, s], d["w"][i, s], d["y"][i, s]
        z = np.column_stack([np.ones(len(y)), w]) @ chol_omega(p)
        mean = p["B"] + p["P"] * (1 - np.exp(-p["kappa"] * t)) + p["E"] * w
        out.append(stats.multivariate_normal(mean, z @ z.T + p["sigma"] ** 2 * np.eye(len(y))).logpdf(y))
    return np.array(out)


def time_to_event(d, p, smooth=False):
    day = np.arange(d["w"].shape[1], dtype=float)
    h = np.exp(p["B"] + p["P"] * (1 - np.exp(-p["kappa"] * day)) + p["E"] * d["w"])
    out = []
    for hi, wi, T, event in zip(h, d["w"], d["time"], d["event"]):
        n = int(np.floor(T))
        f = T - n
        at = hi[n] + f * (hi[n + 1] - hi[n]) if f > 0 else hi[n]
        H = ((hi[:n] + hi[1 : n + 1]) / 2).sum() + f * (hi[n] + at) / 2
        ln_h = p["B"] + p["P"] * (1 - np.exp(-p["kappa"] * T)) + p["E"] * np.interp(T, day, wi) if smooth else np.log(at)
        out.append(event * ln_h - H)
    return np.array(out)


# The scale of estimation.


def names_of(family):
    out = [] if family == "ordered" else ["B"]
    out += ["P", "E", "ln_kappa"]
    if family != "time_to_event":
        out += ["ln_sb", "ln_se", "atanh_r"]
    out += {"normal": ["ln_sigma"], "censored": ["ln_sigma"], "negative_binomial": ["ln_alpha"]}.get(family, [])
    if family == "ordered":
        out += ["tau_0"] + [f"ln_gap_{k}" for k in range(1, len(TRUTH[family]["tau"]))]
    return out


def to_scale(family, p):
    q = {f"ln_{k}": np.log(p[k]) for k in ("kappa", "sb", "se", "sigma", "alpha") if k in p}
    q |= {k: p[k] for k in "BPE" if k in p}
    if "r" in p:
        q["atanh_r"] = np.arctanh(p["r"])
    if "tau" in p:
        q["tau_0"] = p["tau"][0]
        q |= {f"ln_gap_{k}": np.log(p["tau"][k] - p["tau"][k - 1]) for k in range(1, len(p["tau"]))}
    return np.array([q[n] for n in names_of(family)])


def from_scale(family, x):
    q = dict(zip(names_of(family), x))
    p = {}
    for name, v in q.items():
        if name in "BPE":
            p[name] = v
        elif name == "atanh_r":
            p["r"] = np.tanh(v)
        elif name.startswith("ln_") and "gap" not in name:
            p[name[3:]] = np.exp(v)
    if family == "ordered":
        tau = [q["tau_0"]]
        for k in range(1, len(TRUTH[family]["tau"])):
            tau.append(tau[-1] + np.exp(q[f"ln_gap_{k}"]))
        p["tau"] = np.array(tau)
    return p


class Problem:
    """-log-likelihood and its derivatives over the free parameters."""

    def __init__(self, family, d):
        self.family, self.d = family, d
        self.all = to_scale(family, TRUTH[family])
        fixed = {"ln_" + n if n not in "BPE" else n for n in FIXED[family]}
        self.free = np.array([k for k, n in enumerate(names_of(family)) if n not in fixed])

    def full(self, x):
        out = self.all.astype(x.dtype)
        out[self.free] = x
        return out

    def scores(self, x, order=ORDER):
        """Patients' log-likelihoods and their gradients."""
        x = np.asarray(x, float)
        if self.family == "time_to_event":
            f = lambda q: time_to_event(self.d, q)
        else:
            b, e, ln_w = places(self.family, self.d, from_scale(self.family, self.full(x)), order)
            f = lambda q: total(log_joint(self.family, self.d, q, b, e) + ln_w)
        step, g = 1e-30, []
        for k in range(len(x)):
            q = from_scale(self.family, self.full(x + 1j * step * (np.arange(len(x)) == k)))
            value = f(q)
            g.append(value.imag / step)
        return value.real, np.array(g).T

    def objective(self, x, order=ORDER):
        value, g = self.scores(x, order)
        return -value.sum(), -g.sum(0)

    def hessian(self, x, order=ORDER, h=1e-3):
        out = []
        for k in range(len(x)):
            at = lambda m: self.objective(x + m * h * (np.arange(len(x)) == k), order)[1]
            out.append((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h))
        out = np.array(out)
        return (out + out.T) / 2

    def best(self, start):
        x = optimize.minimize(self.objective, start, args=(COARSE,), jac=True, method="BFGS", options={"gtol": 1e-5}).x
        H = self.hessian(x, COARSE)
        for _ in range(6):
            g = self.objective(x)[1]
            if np.abs(g).max() < 1e-11:
                break
            x = x - np.linalg.solve(H, g)
        value, g = self.objective(x)
        return x, 2 * value, np.abs(g).max()


# Data.


def regressors(rng, patients, days):
    """w of each patient at days: 0 for placebo; active: to -depth in some days, and back after the last dose of a third of them."""
    arm = np.arange(patients) % 2  # 0 placebo, 1 active
    w = np.zeros((patients, len(days)))
    for i in np.flatnonzero(arm):
        depth, fast, back = rng.uniform(0.75, 0.98), rng.uniform(4, 15), rng.uniform(20, 40)
        down = -depth * (1 - np.exp(-days / fast))
        stop = 70.0 if i % 6 == 5 else np.inf
        w[i] = down * np.exp(-(np.maximum(days - stop, 0) / back) ** 2)
    return arm, np.round(w, 4) + 0.0


def simulate(family, seed):
    rng = np.random.default_rng(seed)
    p = TRUTH[family]
    if family == "time_to_event":
        arm, w = regressors(rng, 30, np.arange(151.0))
        day = np.arange(151.0)
        h = np.exp(p["B"] + p["P"] * (1 - np.exp(-p["kappa"] * day)) + p["E"] * w)
        H = np.concatenate([np.zeros((30, 1)), np.cumsum((h[:, 1:] + h[:, :-1]) / 2, axis=1)], axis=1)
        stop = np.where(np.arange(30) % 7 == 3, np.round(rng.uniform(40, 140, 30) * 4) / 4, 150.0)
        due = np.array([np.interp(x, Hi, day, right=np.inf) for x, Hi in zip(rng.exponential(size=30), H)])
        due = np.maximum(np.ceil(due * 4) / 4, 0.25)
        return {"arm": arm, "w": w, "time": np.minimum(due, stop), "event": (due <= stop).astype(int)}
    patients = 20
    time = np.tile(DAYS, (patients, 1))
    time[:, 1:] += rng.integers(-3, 4, (patients, len(DAYS) - 1)) * 0.5
    days = np.arange(151.0)
    arm, daily = regressors(rng, patients, days)
    w = np.round([np.interp(t, days, wi) for t, wi in zip(time, daily)], 4) + 0.0
    random = rng.standard_normal((patients, 2)) @ chol_omega(p).T
    mu = p.get("B", 0.0) + random[:, :1] + p["P"] * (1 - np.exp(-p["kappa"] * time)) + (p["E"] + random[:, 1:]) * w
    exposure = np.tile([14.0, 14.0, 14.0, 28.0, 28.0, 42.0], (patients, 1)) - rng.integers(0, 4, time.shape)
    if family == "normal":
        y = np.round(mu + p["sigma"] * rng.standard_normal(mu.shape), 2)
    elif family == "censored":
        y = np.clip(np.round(mu + p["sigma"] * rng.standard_normal(mu.shape), 2), *LIMITS[family])
    elif family == "ordered":
        y = (mu[..., None] + rng.logistic(size=mu.shape)[..., None] > p["tau"]).sum(-1).astype(float)
    else:
        m = exposure * np.exp(mu)
        if family == "negative_binomial":
            m = m * rng.gamma(1 / p["alpha"], p["alpha"], m.shape)
        y = rng.poisson(m).astype(float)
    y[np.arange(patients) % 5 == 2, -1] = np.nan  # four patients without the last row
    return {"arm": arm, "time": time, "w": w, "exposure": exposure, "y": y, "seen": ~np.isnan(y)}


def plain(v):
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple, np.ndarray)):
        return [plain(x) for x in v]
    return v.item() if isinstance(v, np.generic) else v


def written(family, d):
    out = []
    for i, arm in enumerate(d["arm"]):
        one = {"id": i + 1, "arm": ["placebo", "active"][arm]}
        if family == "time_to_event":
            one |= {"time": d["time"][i], "event": d["event"][i], "w_daily": d["w"][i]}
        else:
            s = d["seen"][i]
            one |= {"time": d["time"][i, s], "w": d["w"][i, s]}
            if family in ("poisson", "negative_binomial"):
                one["exposure"] = d["exposure"][i, s]
            one["y"] = d["y"][i, s] if family in ("normal", "censored") else d["y"][i, s].astype(int)
        out.append(one)
    return out


def point(family, d, name, p):
    out = {"name": name, "parameters": p}
    if family == "time_to_event":
        own = time_to_event(d, p)
        return out | {"minus2ll": -2 * own.sum(), "by_patient": -2 * own, "minus2ll_smooth": -2 * time_to_event(d, p, True).sum()}
    own, second = by_rule(family, d, p), by_lattice(family, d, p)
    extra = {}
    if family == "normal":
        exact = exact_normal(d, p)
        extra = {"gauss_hermite": -2 * own.sum(), "gauss_hermite_difference": abs(2 * (own - exact)).max()}
        own = exact
    return out | {
        "minus2ll": -2 * own.sum(),
        "by_patient": -2 * own,
        "second": -2 * second.sum(),
        "largest_difference_by_patient": abs(2 * (own - second)).max(),
        "relative_difference": abs(own.sum() / second.sum() - 1),
    } | extra


def fit(family, d):
    problem = Problem(family, d)
    names = [names_of(family)[k] for k in problem.free]
    starts = [to_scale(family, p[family])[problem.free] for p in (TRUTH, AWAY)]
    found = [problem.best(s) for s in starts]
    x, value, gradient = found[0]
    H = problem.hessian(x)
    inverse = np.linalg.inv(H)
    own, g = problem.scores(x)
    p = from_scale(family, problem.full(x))
    out = {
        "names": names,
        "fixed": {n: TRUTH[family][n] for n in FIXED[family]},
        "starts": starts,
        "estimates": x,
        "parameters": p,
        "minus2ll": value,
        "by_patient": -2 * own,
        "gradient": gradient,
        "hessian": H,
        "hessian_least_eigenvalue": np.linalg.eigvalsh(H)[0],
        "se": np.sqrt(np.diag(inverse)),
        "se_sandwich": np.sqrt(np.diag(inverse @ g.T @ g @ inverse)),
        "starts_apart": {"minus2ll": abs(found[0][1] - found[1][1]), "estimates": np.abs(found[0][0] - found[1][0]).max()},
    }
    if family != "time_to_event":
        out["second"] = -2 * by_lattice(family, d, p).sum()
    return out


def case(family):
    d = simulate(family, SEEDS[family])
    out = {"patients": written(family, d)}
    if family in LIMITS:
        out |= dict(zip(("floor", "ceiling"), LIMITS[family]))
    if family == "ordered":
        out["categories"] = len(TRUTH[family]["tau"]) + 1
    out["points"] = [point(family, d, n, p[family]) for n, p in (("truth", TRUTH), ("away", AWAY))]
    out["fit"] = fit(family, d)
    return out


def report(family, c):
    for q in c["points"]:
        print(family, q["name"], *(f"{k} {q[k]:.12g}" for k in q if k not in ("name", "parameters", "by_patient")), flush=True)
    f = c["fit"]
    print("  fit", f["minus2ll"], "second", f.get("second"), "gradient", f["gradient"], "apart", f["starts_apart"], flush=True)
    for row in zip(f["names"], f["estimates"], f["se"], f["se_sandwich"]):
        print("   {:9} {:12.7f} {:11.7f} {:11.7f}".format(*row), flush=True)


def main():
    out = {}
    for family in sys.argv[1:] or TRUTH:
        out[family] = case(family)
        report(family, out[family])
    if len(sys.argv) == 1:
        OUT.write_text(json.dumps(plain(out), indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
