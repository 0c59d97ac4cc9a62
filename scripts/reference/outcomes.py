"""Independent correlations, delay models and their fits.

Correlations: scipy.stats for Pearson (with its Fisher interval) and Spearman, the interval of Bonett and Wright written out;
    repeated measures (Bakdash and Marusich 2017, doi 10.3389/fpsyg.2017.00456) by the two regressions of an analysis of
    covariance with a column for each subject. The first data set is that of Bland and Altman 1995 (BMJ 310:446): pH and PaCO2 of
    eight people, for which the paper of 2017 prints r = -0.51 with 38 degrees of freedom and p < 0.001.
Delay models: linear filters by the exponential of the matrix of states and input (scipy.linalg.expm), turnover by DOP853 at
    1e-12 day by day; derivatives by five-point differences.
Fits to patients: -2 log-likelihood of scipy.stats.multivariate_normal, minimised; standard errors by its second differences and the
    sandwich, with five-point differences of each patient's part. One has patients without an effect and a response to placebo.

Run:    scripts/python scripts/reference/outcomes.py
Writes: fixtures/reference/outcomes.json
"""

import json
import pathlib

import numpy as np
from scipy import integrate, linalg, optimize, stats

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "outcomes.json"
BLAND_ALTMAN = """1,6.68,3.97 1,6.53,4.12 1,6.43,4.09 1,6.33,3.97 2,6.85,5.27 2,7.06,5.37 2,7.13,5.41 2,7.17,5.44 3,7.40,5.67
3,7.42,3.64 3,7.41,4.32 3,7.37,4.73 3,7.34,4.96 3,7.35,5.04 3,7.28,5.22 3,7.30,4.82 3,7.34,5.07 4,7.36,5.67 4,7.33,5.10 4,7.29,5.53
4,7.30,4.75 4,7.35,5.51 5,7.35,4.28 5,7.30,4.44 5,7.30,4.32 5,7.37,3.23 5,7.27,4.46 5,7.28,4.72 5,7.32,4.75 5,7.32,4.99
6,7.38,4.78 6,7.30,4.73 6,7.29,5.12 6,7.33,4.93 6,7.31,5.03 6,7.33,4.93 7,6.86,6.85 7,6.94,6.44 7,6.92,6.52 8,7.19,5.28
8,7.29,4.56 8,7.21,4.34 8,7.25,4.32 8,7.20,4.41 8,7.19,3.69 8,6.77,6.09 8,6.82,5.58"""
Z = stats.norm.ppf(0.975)
NAMES = [f"{s}_{l}" for s in ("direct", "effect", "production", "loss", "transit2", "transit3", "transit4") for l in ("linear", "emax", "sigmoid")]
NAMES = [n for n in NAMES if n not in ("effect_linear", "loss_linear")]


def interval(r, se):
    return list(np.tanh(np.arctanh(r) + np.array([-1, 1]) * Z * se))


def repeated(subject, x, y):
    columns = (subject[:, None] == np.unique(subject)[None, :]).astype(float)
    rss = lambda design: float(np.sum((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2))
    full = np.column_stack([columns, x])
    slope = np.linalg.lstsq(full, y, rcond=None)[0][-1]
    without, within = rss(columns), rss(full)
    df = len(y) - columns.shape[1] - 1
    r = np.sign(slope) * np.sqrt((without - within) / without)
    return {"r": r, "df": df, "interval": interval(r, 1 / np.sqrt(df - 1)), "n": len(y)}


def correlations():
    rng = np.random.default_rng(7)
    sets = [np.array([[float(v) for v in row.split(",")] for row in BLAND_ALTMAN.split()])]
    for n, patients in ((9, 2), (40, 8), (300, 30)):
        subject = np.sort(rng.integers(0, patients, n)).astype(float)
        x = np.round(rng.normal(size=n), 1)
        sets.append(np.column_stack([subject, x, np.round(0.6 * x + rng.normal(size=n) + subject, 1)]))
    out = []
    for data in sets:
        subject, x, y = data.T
        p = stats.pearsonr(x, y)
        rho = stats.spearmanr(x, y).statistic
        kept = np.isin(subject, [s for s in np.unique(subject) if np.sum(subject == s) > 1])
        mean = stats.t.interval(0.95, len(y) - 1, loc=np.mean(y), scale=stats.sem(y))
        out.append({
            "points": data.tolist(),
            "pearson": {"r": p.statistic, "interval": list(p.confidence_interval(0.95))},
            "spearman": {"r": rho, "interval": interval(rho, np.sqrt((1 + rho**2 / 2) / (len(x) - 3)))},
            "repeated": repeated(subject[kept], x[kept], y[kept]),
            "mean": {"mean": float(np.mean(y)), "sd": float(np.std(y, ddof=1)), "interval": list(mean)},
        })
    return out


def names_of(name):
    structure, link = name.split("_")
    own = [] if structure == "direct" else ["k"]
    own += [] if link == "linear" else ["C50"]
    own += ["g"] if link == "sigmoid" else []
    return own + (["alpha"] if structure == "loss" else [])


def link_of(name, p):
    link = name.split("_")[1]
    if link == "linear":
        return lambda c: c / 100
    g = p.get("g", 1.0)
    return lambda c: c**g / (p["C50"] ** g + c**g)


def filtered(u, k, n, h=1.0):
    """The last of n filters, input in straight lines over steps h, from balance: states a_1 … a_n, input, its slope."""
    A = np.zeros((n + 2, n + 2))
    for i in range(n):
        A[i, i] = -k
        A[i, i - 1 if i else n] = k
    A[n, n + 1] = 1
    step = linalg.expm(A * h)
    states = np.array([u[0]] * n)
    out = [u[0]]
    for a, b in zip(u, u[1:]):
        states = (step @ np.concatenate([states, [a, (b - a) / h]]))[:n]
        out.append(states[-1])
    return np.array(out)


def turnover(rate, k):
    """R of dR/dt = kin - k·rate·R with kin = k·rate(0), R(0) = 1."""
    out = [1.0]
    for a, b in zip(rate, rate[1:]):
        f = lambda s, r: k * (rate[0] - (a + (b - a) * s) * r)
        out.append(integrate.solve_ivp(f, (0, 1), [out[-1]], method="DOP853", rtol=1e-12, atol=1e-14).y[0, -1])
    return np.array(out)


def turnover_steps(rate, k, steps=20, length=1.0):
    """The same of many columns at once, by the classical Runge-Kutta method."""
    r = np.ones(rate.shape[1])
    out = [r]
    h = length / steps
    for a, b in zip(rate, rate[1:]):
        f = lambda s, r: k * (rate[0] - (a + (b - a) * s / length) * r)
        for i in range(steps):
            s = i * h
            k1 = f(s, r)
            k2 = f(s + h / 2, r + h / 2 * k1)
            k3 = f(s + h / 2, r + h / 2 * k2)
            k4 = f(s + h, r + h * k3)
            r = r + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        out.append(r)
    return np.array(out)


def shape(name, values, driver):
    p = dict(zip(names_of(name), values))
    f = link_of(name, p)
    structure = name.split("_")[0]
    if structure == "effect":
        felt = f(filtered(driver, p["k"], 1))
        return felt - felt[0]
    felt = f(driver)
    if structure == "direct":
        return felt - felt[0]
    if structure == "loss":
        return (turnover if driver.ndim == 1 else turnover_steps)(1 + np.expm1(p["alpha"]) * felt, p["k"]) - 1
    return filtered(felt - felt[0], p["k"], 1 if structure == "production" else int(structure[-1]))


def shape_on_halves(name, values, driver, own):
    """The same of many columns at once on half days. Exposure (of a link with C50 its logarithm) goes in straight lines between whole
    days, what the link makes of it in straight lines between whole days and those half days that are a patient's own."""
    p = dict(zip(names_of(name), values))
    f = link_of(name, p)
    halves = np.empty((2 * len(driver) - 1, driver.shape[1]))
    between = (driver[:-1] + driver[1:]) / 2 if name.endswith("linear") else np.sqrt(driver[:-1] * driver[1:])
    halves[::2], halves[1::2] = driver, between
    felt = f(halves)
    felt[1::2] = np.where(own[1::2], felt[1::2], (felt[:-2:2] + felt[2::2]) / 2)
    structure = name.split("_")[0]
    if structure == "direct":
        return felt - felt[0]
    if structure == "loss":
        return turnover_steps(1 + np.expm1(p["alpha"]) * felt, p["k"], 10, 0.5) - 1
    return filtered(felt - felt[0], p["k"], 1 if structure == "production" else int(structure[-1]), 0.5)


def course(rng, days, last, high, low, back):
    """A made-up course of free IgE: down in days, up and down with the doses, back over weeks."""
    t = np.arange(days + 1.0)
    treated = low * (1 + 0.25 * (t % 28) / 28) + (high - low) * np.exp(-t / 1.5)
    since = np.maximum(t - last - 28, 0)
    after = high - (high - treated[last + 28]) * np.exp(-((since / back) ** 2))
    return np.round(np.where(t <= last + 28, treated, after), 4)


def shapes():
    rng = np.random.default_rng(11)
    driver = course(rng, 150, 56, 380.0, 14.0, 35.0)
    days = [0, 1, 2, 5, 13, 28, 60, 84, 100, 125, 150]
    out = []
    for name in NAMES:
        draw = {"k": rng.uniform(0.01, 0.4), "C50": rng.uniform(10, 150), "g": rng.uniform(1, 6), "alpha": rng.uniform(-2, 2)}
        values = [draw[n] for n in names_of(name)]
        slopes = []
        for i, v in enumerate(values):
            h = 1e-3 * max(abs(v), 0.1)
            at = lambda m: shape(name, [x + m * h * (j == i) for j, x in enumerate(values)], driver)
            slopes.append(((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h))[days].tolist())
        out.append({"model": name, "values": values, "w": shape(name, values, driver)[days].tolist(), "slopes": slopes})
    return {"driver": driver.tolist(), "days": days, "cases": out}


def trial(rng, name, values, baseline, effect, placebo=None):
    """Patients of a model; with a response to placebo, (its size, its rate), the second half of them have no exposure that changes."""
    patients = []
    for i in range(14 if placebo is None else 40):
        driver = course(rng, 200, 84, rng.uniform(150, 700), rng.uniform(6, 40), rng.uniform(20, 50))
        if placebo is not None and i >= 20:
            driver = np.full_like(driver, driver[0])
        days = np.array([0, 14, 28, 56, 84, 112, 126, 140, 154, 168, 182, 200.0])
        days[1:-1] += rng.integers(-2, 3, 10) * 0.5
        w = np.interp(days, np.arange(201.0), shape(name, values, driver))
        b = baseline + rng.normal() * 1.1
        e = (baseline if name.startswith("loss") else effect) + rng.normal() * 0.9
        size, rate = placebo or (0.0, 1.0)
        g = (size + 0.6 * rng.normal() * (placebo is not None)) * -np.expm1(-rate * days)
        y = np.round(b + e * w + g + 0.35 * rng.normal(size=len(days)), 3)
        patients.append({"driver": driver.tolist(), "days": days.tolist(), "values": y.tolist()})
    return patients


def fit(name, patients, start):
    """Maximum likelihood of y = B_i + E_i w + P_i g + e with random B, E (correlated) and P (if there is a course in time), and standard
    errors from the second derivatives and the sandwich. Numbers are named and ordered as omafit's."""
    effect, plateau = name.removesuffix("_time_plateau"), name.endswith("_time_plateau")
    loss = effect.startswith("loss")
    names = ["B"] + ([] if loss else ["E"]) + (["P"] if plateau else []) + names_of(effect) + (["kappa"] if plateau else [])
    names += ["sd_B", "sd_E", "corr_B_E"] + (["sd_P"] if plateau else []) + ["sigma"]
    # Rates, half-effects and standard deviations by their logarithms, the correlation by its inverse hyperbolic tangent.
    plain = {"B", "E", "P", "alpha"}
    to = lambda n, v: v if n in plain else np.arctanh(v) if n == "corr_B_E" else np.log(v)
    back = lambda n, x: x if n in plain else np.tanh(x) if n == "corr_B_E" else np.exp(x)
    slope = lambda n, v: 1.0 if n in plain else 1 - v**2 if n == "corr_B_E" else v
    courses = np.array([p["driver"] for p in patients]).T
    times = [np.array(p["days"]) for p in patients]
    y = [np.array(p["values"]) for p in patients]
    own = np.array([np.isin(np.arange(401) / 2, t) for t in times]).T
    at = [(2 * t).astype(int) for t in times]

    def parts(x):
        v = {n: back(n, x) for n, x in zip(names, x)}
        halves = shape_on_halves(effect, [v[n] for n in names_of(effect)], courses, own)
        omega = np.diag([v["sd_B"] ** 2, v["sd_E"] ** 2] + ([v["sd_P"] ** 2] if plateau else []))
        omega[0, 1] = omega[1, 0] = v["corr_B_E"] * v["sd_B"] * v["sd_E"]
        beta = [v["B"], v["B"] if loss else v["E"]] + ([v["P"]] if plateau else [])
        out = []
        for w, t, k, yi in zip(halves.T, times, at, y):
            z = [np.ones_like(t), w[k]] + ([-np.expm1(-v["kappa"] * t)] if plateau else [])
            z = np.column_stack(z)
            out.append(-2 * stats.multivariate_normal(z @ beta, z @ omega @ z.T + v["sigma"] ** 2 * np.eye(len(t))).logpdf(yi))
        return np.array(out)

    minus2ll = lambda x: parts(x).sum()
    first = np.array([to(n, start[n]) for n in names])
    best = optimize.minimize(minus2ll, first, method="BFGS", options={"gtol": 1e-3})
    for _ in range(2):
        options = {"xatol": 1e-6, "fatol": 1e-9, "maxiter": 1500, "adaptive": True}
        best = optimize.minimize(minus2ll, best.x, method="Nelder-Mead", options=options)
    best = optimize.minimize(minus2ll, best.x, method="BFGS", options={"gtol": 1e-5})
    n, h, x = len(names), 2e-3, best.x
    unit = np.eye(n)
    gradients = np.array([(8 * (parts(x + h * e) - parts(x - h * e)) - (parts(x + 2 * h * e) - parts(x - 2 * h * e))) / (12 * h) for e in unit]).T
    total = lambda i, j: (minus2ll(x + h * (unit[i] + unit[j])) - minus2ll(x + h * (unit[i] - unit[j]))
                          - minus2ll(x - h * (unit[i] - unit[j])) + minus2ll(x - h * (unit[i] + unit[j]))) / (4 * h * h)  # fmt: skip
    hessian = np.array([[total(i, j) for j in range(n)] for i in range(n)])
    inverse = np.linalg.inv(hessian)
    values = [back(k, v) for k, v in zip(names, x)]
    slopes = np.array([slope(k, v) for k, v in zip(names, values)])
    return {
        "model": name,
        "patients": patients,
        "names": names,
        "estimates": values,
        "minus2ll": best.fun,
        "se": (slopes * np.sqrt(np.diag(2 * inverse))).tolist(),
        "se_sandwich": (slopes * np.sqrt(np.diag(inverse @ gradients.T @ gradients @ inverse))).tolist(),
    }


def fits():
    rng = np.random.default_rng(23)
    spreads = {"sd_B": 1.0, "sd_E": 0.8, "corr_B_E": 0.0, "sigma": 0.4}
    out = []
    cases = (
        ("production_emax", {"B": 6.0, "E": 4.0, "k": 0.05, "C50": 40.0}),
        ("loss_emax", {"B": 6.0, "k": 0.06, "C50": 60.0, "alpha": -1.2}),
        ("transit2_linear", {"B": 5.0, "E": 0.9, "k": 0.09}),
    )
    for name, start in cases:
        patients = trial(rng, name, [start[n] for n in names_of(name)], start["B"], start.get("E"))
        out.append(fit(name, patients, start | spreads))
    rng = np.random.default_rng(31)
    start = {"B": 6.0, "E": 4.0, "P": -1.0, "k": 0.05, "C50": 40.0, "kappa": 0.04, "sd_P": 0.6}
    patients = trial(rng, "production_emax", [0.05, 40.0], 6.0, 4.0, (-1.0, 0.04))
    out.append(fit("production_emax_time_plateau", patients, start | spreads))
    for found in out:
        print(found["model"], *(f"{n} {v:.5g} ({a:.3g}, {b:.3g})" for n, v, a, b in zip(*(found[k] for k in ("names", "estimates", "se", "se_sandwich")))))
    return out


def main():
    plain = lambda v: v.item() if isinstance(v, np.generic) else v
    OUT.write_text(json.dumps({"correlations": correlations(), "shapes": shapes(), "fits": fits()}, default=plain, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
