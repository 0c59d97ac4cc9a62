"""Mixed models for repeated measures of two arms: REML with an unstructured covariance, Satterthwaite's degrees of freedom.

Data. Patient i, arm placebo or active, baseline x_i; y_iv is the change from baseline at visit v = 1..V, or missing. Dropout is at
random: its probability depends on the last change seen. In the second set two visits between others are missing besides.

Model. y_iv = m_{a(i),v} + s_v*(x_i - xbar) + e_iv, with xbar the mean of x over all patients of the data set, each counted once.
The e_i of a patient are normal with the V x V covariance Sigma, unstructured, the same in both arms; patients are independent. Rows
with a missing y are left out. Fixed effects, in the order of `beta`: placebo at visits 1..V, active at visits 1..V, slopes of visits
1..V; X has p = 3*V columns. With intercept, arm, visit, arm x visit, baseline, baseline x visit coded by contrasts with a reference
level, the columns are X times a matrix of determinant +1 or -1, so that the REML likelihood is the same.

REML. N rows in all, V_i the part of Sigma for the visits seen of patient i:
    minus2_reml = (N - p)*ln(2*pi) + sum_i ln|V_i| + ln|sum_i X_i' V_i^-1 X_i| + sum_i r_i' V_i^-1 r_i,    r_i = y_i - X_i*beta,
with beta by generalised least squares. There is no ln|X'X| in it; `ln_det_xtx` is that of this X, for programs that subtract it.
Covariance of beta: C = (sum_i X_i' V_i^-1 X_i)^-1 at the REML estimate of Sigma, without an adjustment.

Satterthwaite. For a contrast c: v(theta) = c'C(theta)c, g its gradient, A = 2*(Hessian of minus2_reml)^-1 the asymptotic covariance of
theta, by the observed Hessian; df = 2*v^2/(g'Ag). As the gradient of minus2_reml is zero, df is the same for every scale of theta.
Intervals: estimate -/+ t(0.975, df)*se; p two-sided, 2*(1 - F_t(|estimate/se|, df)).
    means        least-squares means by arm and visit at the mean baseline (x = xbar)
    differences  active - placebo by visit
    slopes       of baseline, by visit

Two algorithms that share the data and the design matrix alone:
    1  the whole problem as one linear model with dense matrices; theta the elements of Sigma; gradient and Hessian of minus2_reml and g
       in closed form (P = V^-1 - V^-1 X C X' V^-1); Newton's steps. Its values are the ones written.
    2  patient by patient, Sigma = L L', theta the elements of L below the diagonal and the logarithms of its diagonal; a different start;
       BFGS; gradients by complex steps, Hessian by five-point differences of them.
`gradient` is the largest absolute derivative of minus2_reml by an element of Sigma at the estimate, by algorithm 1.
`algorithms_apart` has the largest differences between them: of minus2_reml, of Sigma, of the estimates, and relative ones of the
standard errors and degrees of freedom. The comparison with R is done by mmrm_check.R; `checked_with` says what it found.

Run:    scripts/python scripts/reference/mmrm.py
Writes: fixtures/reference/mmrm.json
"""

import json
import pathlib

import numpy as np
from scipy import optimize, stats

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "mmrm.json"
CHECKED = [
    {
        "program": "R 4.2.2: lme4 1.1-31 (lmer by REML, random effects of the visits) with lmerTest 3.1-3",
        "largest_differences": {
            "minus2_reml, absolute": 1.3e-10,
            "covariance, relative": 1.6e-6,
            "differences, relative": 1.9e-7,
            "standard errors, relative": 6e-7,
            "degrees of freedom, relative": 2e-6,
            "p, relative": 3.2e-6,
        },
    },
    {
        "program": "R 4.2.2: nlme 3.1-162 (gls by REML, corSymm and varIdent) with emmeans 1.8.4-1",
        "largest_differences": {
            "minus2_reml, absolute": 1.9e-8,
            "covariance, relative": 1.1e-5,
            "means and differences, relative": 7.2e-6,
            "standard errors, relative": 3.8e-6,
            "degrees of freedom, relative (emmeans approximates them by perturbing the data)": 0.013,
        },
    },
]


def simulate(seed, patients, visits, between):
    rng = np.random.default_rng(seed)
    arm = np.arange(patients) % 2
    base = np.round(rng.normal(30, 6, patients), 1)
    v = np.arange(1, visits + 1)
    mean = -4 * (1 - np.exp(-v / 1.5)) - np.outer(arm, 6 * (1 - np.exp(-v / 2.0)))
    sd = 4.5 + 0.7 * v
    corr = 0.75 ** np.abs(v[:, None] - v) * 0.8 + 0.2
    noise = rng.standard_normal((patients, visits)) @ np.linalg.cholesky(corr * np.outer(sd, sd)).T
    y = np.round(mean - 0.3 * (base - 30)[:, None] + noise, 1)
    for i in range(patients):
        for k in range(1, visits):
            if rng.uniform() < 0.10 / (1 + np.exp(-(y[i, k - 1] + 2) / 4)) * (6 / visits):
                y[i, k:] = np.nan
                break
    for i, k in between:
        assert np.isfinite(y[i, k + 1])
        y[i, k] = np.nan
    assert np.isfinite(y[:, 0]).all()
    return arm, base, y


def design(arm, base, y):
    """Rows of X, y, patient and visit of the values that were seen."""
    n, V = y.shape
    centred = base - base.mean()
    rows = [(i, k) for i in range(n) for k in range(V) if np.isfinite(y[i, k])]
    X = np.zeros((len(rows), 3 * V))
    for row, (i, k) in enumerate(rows):
        X[row, arm[i] * V + k] = 1
        X[row, 2 * V + k] = centred[i]
    i, k = np.array(rows).T
    return X, y[i, k], i, k


def contrasts(V):
    eye = np.eye(3 * V)
    return eye, eye[V : 2 * V] - eye[:V]


def summary(beta, C, rows, df):
    est, se = rows @ beta, np.sqrt(np.einsum("ij,jk,ik->i", rows, C, rows))
    half = stats.t.ppf(0.975, df) * se
    p = 2 * stats.t.sf(np.abs(est / se), df)
    return [dict(zip(("estimate", "se", "df", "low", "high", "t", "p"), v)) for v in zip(est, se, df, est - half, est + half, est / se, p)]


def dense(X, y, who, visit, V):
    """Algorithm 1."""
    N, p = X.shape
    pairs = [(a, b) for a in range(V) for b in range(a + 1)]
    same = who[:, None] == who
    D = []
    for a, b in pairs:
        E = np.zeros((V, V))
        E[a, b] = E[b, a] = 1
        D.append(E[np.ix_(visit, visit)] * same)

    def at(theta):
        S = np.zeros((V, V))
        for (a, b), x in zip(pairs, theta):
            S[a, b] = S[b, a] = x
        if np.linalg.eigvalsh(S)[0] <= 0:
            return None
        W = np.linalg.inv(S[np.ix_(visit, visit)] * same)
        M = X.T @ W @ X
        C = np.linalg.inv(M)
        P = W - W @ X @ C @ X.T @ W
        value = (N - p) * np.log(2 * np.pi) - np.linalg.slogdet(W)[1] + np.linalg.slogdet(M)[1] + y @ P @ y
        return value, S, W, C, P

    theta = np.array([100.0 if a == b else 50.0 for a, b in pairs])
    now = at(theta)
    for step in range(200):
        P = now[4]
        PD = [P @ d for d in D]
        u = P @ y
        g = np.array([np.trace(m) - u @ d @ u for m, d in zip(PD, D)])
        info = np.array([[np.sum(m * q.T) for q in PD] for m in PD])
        bent = np.array([[u @ d @ P @ e @ u for e in D] for d in D])
        H = 2 * bent - info
        scoring = np.abs(g @ np.linalg.solve(info, g)) > 1e-3
        move = np.linalg.solve(info if scoring else H, g)
        if not scoring and np.abs(move).max() < 1e-11 * np.abs(theta).max():
            break
        for half in range(40):
            new = at(theta - move / 2**half)
            if new is not None and (new[0] <= now[0] + 1e-9):
                break
        theta, now = theta - move / 2**half, new
    value, S, W, C, P = now
    beta = C @ X.T @ W @ y
    A = 2 * np.linalg.inv(H)
    WX = W @ X

    def df(rows):
        out = []
        for c in rows:
            k = WX @ (C @ c)
            slope = np.array([k @ d @ k for d in D])
            out.append(2 * (c @ C @ c) ** 2 / (slope @ A @ slope))
        return np.array(out)

    return value, S, beta, C, df, np.abs(g).max(), np.linalg.eigvalsh(H)[0], step


def by_patient(X, y, who, visit, V):
    """Algorithm 2."""
    N, p = X.shape
    low = np.tril_indices(V)
    on = low[0] == low[1]
    groups = [np.flatnonzero(who == i) for i in np.unique(who)]

    def parts(theta):
        L = np.zeros((V, V), dtype=theta.dtype)
        L[low] = np.where(on, np.exp(theta), theta)
        S = L @ L.T
        M, b, yy, ln_v = 0, 0, 0, 0
        for rows in groups:
            s = S[np.ix_(visit[rows], visit[rows])]
            solved = np.linalg.solve(s, np.column_stack([X[rows], y[rows]]))
            M, b, yy = M + X[rows].T @ solved[:, :-1], b + X[rows].T @ solved[:, -1], yy + y[rows] @ solved[:, -1]
            ln_v = ln_v + np.log(np.linalg.det(s))
        beta = np.linalg.solve(M, b)
        value = (N - p) * np.log(2 * np.pi) + ln_v + np.log(np.linalg.det(M)) + yy - b @ beta
        return value, S, beta, M

    def slopes(theta):
        value, C = [], []
        for k in range(len(theta)):
            q = parts(theta + 1e-30j * (np.arange(len(theta)) == k))
            value.append(q[0].imag / 1e-30)
            C.append(np.linalg.inv(q[3]).imag / 1e-30)
        return q[0].real, np.array(value), np.array(C)

    x = np.where(on, np.log(6.0), 0.5)
    x = optimize.minimize(lambda t: slopes(t)[:2], x, jac=True, method="BFGS", options={"gtol": 1e-6}).x
    for _ in range(3):
        h, H = 1e-3, []
        for k in range(len(x)):
            at = lambda m: slopes(x + m * h * (np.arange(len(x)) == k))[1]
            H.append((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h))
        H = (np.array(H) + np.array(H).T) / 2
        move = np.linalg.solve(H, slopes(x)[1])
        x = x - move
        if np.abs(move).max() < 1e-8:
            break
    value, S, beta, M = parts(x)
    C, dC = np.linalg.inv(M), slopes(x)[2]
    A = 2 * np.linalg.inv(H)

    def df(rows):
        out = []
        for c in rows:
            slope = np.einsum("i,kij,j->k", c, dC, c)
            out.append(2 * (c @ C @ c) ** 2 / (slope @ A @ slope))
        return np.array(out)

    return value, S, beta, C, df


def case(name, seed, patients, visits, between):
    arm, base, y = simulate(seed, patients, visits, between)
    X, v, who, visit = design(arm, base, y)
    means, differences = contrasts(visits)
    value, S, beta, C, df, gradient, least, steps = dense(X, v, who, visit, visits)
    value2, S2, beta2, C2, df2 = by_patient(X, v, who, visit, visits)
    rows = np.vstack([means, differences])
    apart = {
        "minus2_reml": abs(value - value2),
        "covariance": np.abs(S - S2).max(),
        "beta": np.abs(beta - beta2).max(),
        "se_relative": np.abs(np.sqrt(np.diag(rows @ C @ rows.T) / np.diag(rows @ C2 @ rows.T)) - 1).max(),
        "df_relative": np.abs(df(rows) / df2(rows) - 1).max(),
    }
    every = summary(beta, C, means, df(means))
    label = lambda some: [{"visit": k + 1} | one for k, one in enumerate(some)]
    patients_out = [
        {"id": i + 1, "arm": ["placebo", "active"][arm[i]], "baseline": base[i], "change": [None if np.isnan(q) else q for q in y[i]]}
        for i in range(patients)
    ]
    out = {
        "name": name,
        "patients": patients_out,
        "visits": visits,
        "rows": len(v),
        "mean_baseline": base.mean(),
        "minus2_reml": value,
        "ln_det_xtx": np.linalg.slogdet(X.T @ X)[1],
        "covariance": S,
        "beta": beta,
        "covariance_of_beta": C,
        "means": {"placebo": label(every[:visits]), "active": label(every[visits : 2 * visits])},
        "slopes": label(every[2 * visits :]),
        "differences": label(summary(beta, C, differences, df(differences))),
        "gradient": gradient,
        "hessian_least_eigenvalue": least,
        "algorithms_apart": apart,
    }
    print(name, "rows", len(v), "last visit", np.isfinite(y[:, -1]).sum(), "minus2_reml", value, "gradient", gradient, "steps", steps)
    print("   apart", apart)
    for q in out["differences"]:
        print("  ", {k: round(float(x), 5) for k, x in q.items()})
    return out


def plain(v):
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple, np.ndarray)):
        return [plain(x) for x in v]
    return v.item() if isinstance(v, np.generic) else v


def main():
    sets = [case("four_visits", 5, 40, 4, []), case("six_visits", 11, 24, 6, [(3, 2), (8, 1)])]
    OUT.write_text(json.dumps(plain({"checked_with": CHECKED, "sets": sets}), indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
