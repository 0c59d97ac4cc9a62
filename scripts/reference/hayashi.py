"""The quasi-equilibrium omalizumab-IgE binding model, solved accurately and independently.

Model: Hayashi, Tsukamoto, Sallas, Lowe 2007, Br J Clin Pharmacol 63:548,
doi 10.1111/j.1365-2125.2006.02803.x. Amounts nmol, volumes L, time days, concentrations nM.

    dX/dt = ka D - CLx Cx - CLc Cc       total omalizumab; depot D in closed form between doses
    dE/dt = Pe - CLe Ce - CLc Cc         total IgE;  CLc = CLx + dCLc
    Kd    = Kd0 (X/E)^alpha              dissociation constant
    x e   = K c,  K = Kd Vx Ve / Vc      free drug, free IgE, complex amounts;  Ve = Vx
    E(0)  = IGE / 190 Ve,  X(0) = D(0) = 0

Everything is written for an array of parameter columns, real or complex, so that a whole set of
perturbed trajectories runs on one common sequence of steps.

Run:    python3 scripts/reference/hayashi.py     (compares methods, tolerances and a 30-digit run)
Writes: nothing; prints the agreement.
"""

import math

import numpy as np
from scipy.integrate import solve_ivp

NAMES = ["ka", "CLx", "dCLc", "CLe", "Vx", "Vc", "Pe", "Kd0", "alpha"]
TYPICAL = np.array([0.480, 0.17568, 0.14064, 1.704, 5.9, 3.63, 3.828, 1.07, 0.157])
CV = {"ka": 0.399, "CLx": 0.203, "dCLc": 0.349, "CLe": 0.253, "Vx": 0.130, "Vc": 0.250, "Pe": 0.231}
CORR_CLE_PE = 0.968
SIGMA = np.array([0.167, 0.211, 0.218])  # log scale: total omalizumab, total IgE, free IgE
OMALIZUMAB_KDA, IGE_KDA = 150.0, 190.0
ANALYTES = ["omalizumab_total", "ige_total", "ige_free", "omalizumab_free", "complex"]


def typical(weight_kg, ige_ng_ml):
    """The nine population parameters of a person with this weight and baseline IgE."""
    w, g = weight_kg / 61.1, ige_ng_ml / 482.4
    p = TYPICAL.copy()
    p[1] *= w**0.911
    p[3] *= g**-0.281
    p[4] *= w**0.658
    p[6] *= g**0.657
    return p


def omega(names=("ka", "CLx", "dCLc", "Vx", "Vc", "CLe", "Pe")):
    """Covariance of the etas, omega^2 = ln(1 + CV^2), corr(CLe, Pe) = 0.968."""
    sd = np.array([math.sqrt(math.log1p(CV[n] ** 2)) for n in names])
    corr = np.eye(len(names))
    i, j = names.index("CLe"), names.index("Pe")
    corr[i, j] = corr[j, i] = CORR_CLE_PE
    return corr * np.outer(sd, sd)


def _root(b, s, c):
    """Positive root of z^2 + b z - c = 0, s = sqrt(b^2 + 4 c), without cancellation for either sign of b."""
    positive = b.real >= 0
    return np.where(positive, 2 * c / np.where(positive, b + s, 1), 0.5 * (s - b))


def binding(p, X, E):
    """Free drug, free IgE and complex (nmol); p has the nine parameters along the first axis."""
    X = X + 0 * p[0]
    empty = X == 0
    some = not empty.any()
    if not some:
        X = np.where(empty, 1.0, X)
    K = p[7] * (X / E) ** p[8] * p[4] * p[4] / p[5]
    d = X - E
    s = np.sqrt(d * d + K * (2 * (X + E) + K))  # = S^2 - 4 X E, all terms positive
    x = _root(K - d, s, K * X)
    e = _root(K + d, s, K * E)
    c = x * e / K
    if some:
        return x, e, c
    return np.where(empty, 0, x), np.where(empty, E, e), np.where(empty, 0, c)  # limit: nothing is bound


def rates(p, X, E, D):
    """dX/dt and dE/dt."""
    x, e, c = binding(p, X, E)
    lost = (p[1] + p[2]) * c / p[5]
    return p[0] * D - p[1] * x / p[4] - lost, p[6] - p[3] * e / p[4] - lost


def observe(p, X, E):
    """The five analytes: ug/mL, ng/mL, ng/mL, ug/mL, nM."""
    x, e, c = binding(p, X, E)
    drug, ige = OMALIZUMAB_KDA / 1000, IGE_KDA
    cx, ce, cc = x / p[4], e / p[4], c / p[5]
    return np.array([(cx + cc) * drug, (ce + cc) * ige, ce * ige, cx * drug, cc])


def events(doses, times):
    """All dose and output times from 0 on, sorted, with the dose in nmol given at each."""
    given = {}
    for t, mg in doses:
        given[float(t)] = given.get(float(t), 0.0) + mg * 1000 / OMALIZUMAB_KDA
    points = sorted(set(given) | {float(t) for t in times} | {0.0})
    return points, given


def solve(params, ige_baseline, doses, times, rtol=1e-12, method="DOP853", first_step=1e-10):
    """The five analytes at `times`, shape (5, times) or (5, times, columns).

    params: nine values, or (9, columns); ige_baseline: ng/mL, a number or one per column.
    The integration restarts at every dose, with a tiny first step because of the X^(1+alpha)
    behaviour at X = 0, and stops exactly at every output time (no interpolation).
    Error control is purely relative.
    """
    p = np.asarray(params)
    single = p.ndim == 1
    p = p[:, None] if single else p
    n = p.shape[1]
    y = np.concatenate([0 * p[0], np.broadcast_to(ige_baseline, n) / IGE_KDA * p[4]])
    depot = 0 * p[0]
    points, given = events(doses, times)
    states = {}
    for k, t0 in enumerate(points):
        states[t0] = y
        if k + 1 == len(points):
            break
        dosed = t0 in given
        depot = depot + given.get(t0, 0.0)

        def f(t, y):
            dX, dE = rates(p, y[:n], y[n:], depot * np.exp(-p[0] * (t - t0)))
            return np.concatenate([dX, dE])

        t1 = points[k + 1]
        options = {"first_step": min(first_step, t1 - t0)} if dosed else {}
        run = solve_ivp(f, (t0, t1), y, method=method, rtol=rtol, atol=1e-60, **options)
        if not run.success:
            raise RuntimeError(run.message)
        y = run.y[:, -1]
        depot = depot * np.exp(-p[0] * (t1 - t0))
    out = np.array([observe(p, states[float(t)][:n], states[float(t)][n:]) for t in times])
    out = np.moveaxis(out, 0, 1)
    return out[:, :, 0] if single else out


def contour_columns(params, ige_baseline, points=8, radius=0.003):
    """Columns for Cauchy-integral derivatives: ln p moved round a circle in the complex plane.

    Column 0 is the unperturbed one; conjugate points are left out. Returns the parameters, the
    baselines and the angles.
    """
    angles = (2 * np.arange(points // 2) + 1) * math.pi / points
    q = np.concatenate([params, [ige_baseline]]).astype(complex)
    columns = [q]
    for i in range(10):
        for a in angles:
            z = q.copy()
            z[i] *= np.exp(radius * np.exp(1j * a))
            columns.append(z)
    columns = np.array(columns).T
    return columns[:9], columns[9], angles


def solve_with_sensitivities(params, ige_baseline, doses, times, rtol=1e-12, points=8, radius=0.003):
    """Values (5, times) and d value / d ln p (5, times, 10): the parameters, then ln(IGE baseline).

    A difference formula of order `points`: f'(0) = mean of f(r e^ia) e^-ia / r round a circle.
    """
    p, ige, angles = contour_columns(params, ige_baseline, points, radius)
    out = solve(p, ige, doses, times, rtol=rtol)
    ring = out[:, :, 1:].reshape(out.shape[0], out.shape[1], 10, len(angles))
    slope = np.mean((ring * np.exp(-1j * angles)).real, axis=-1) / radius
    return out[:, :, 0].real, slope


def solve_variational(params, ige_baseline, doses, times, rtol=1e-11):
    """The same by another road: the variational equations, Jacobian products by complex step."""
    h = 1e-40
    q = np.asarray(params, float)
    ln = np.zeros((9, 10))
    ln[:, :9] = np.diag(q)  # dp / d ln p
    p = q[:, None] + 1j * h * ln
    E0 = ige_baseline / IGE_KDA * q[4]
    sE = np.zeros(10)
    sE[4] = sE[9] = E0
    y = np.concatenate([[0.0, E0], np.zeros(10), sE])
    depot = np.zeros(10, complex)
    points, given = events(doses, times)
    states = {}
    for k, t0 in enumerate(points):
        states[t0] = y
        if k + 1 == len(points):
            break
        dosed = t0 in given
        depot = depot + given.get(t0, 0.0)

        def f(t, y):
            X, E = y[0] + 1j * h * y[2:12], y[1] + 1j * h * y[12:]
            if y[0] == 0:  # limit: C = X, no other derivative
                dX = p[0] * depot * np.exp(-p[0] * (t - t0)) - (p[1] + p[2]) / p[5] * X
                dE = p[6] - p[3] * (E - X) / p[4] - (p[1] + p[2]) / p[5] * X
            else:
                dX, dE = rates(p, X, E, depot * np.exp(-p[0] * (t - t0)))
            return np.concatenate([[dX[0].real, dE[0].real], dX.imag / h, dE.imag / h])

        t1 = points[k + 1]
        options = {"first_step": min(1e-10, t1 - t0)} if dosed else {}
        # a sensitivity may pass through zero: it counts relative to its own state, found by a rough run
        rough = solve_ivp(lambda t, z: f(t, np.concatenate([z, np.zeros(20)]))[:2], (t0, t1), y[:2], rtol=1e-5, atol=1e-60, first_step=1e-8)
        X, E = rough.y
        least = X.min() if y[0] > 0 else X[-1]
        atol = np.concatenate([[1e-60] * 2, [1e-60 + 1e-2 * rtol * least] * 10, [1e-2 * rtol * E.min()] * 10])
        run = solve_ivp(f, (t0, t1), y, method="DOP853", rtol=rtol, atol=atol, **options)
        if not run.success:
            raise RuntimeError(run.message)
        y = run.y[:, -1]
        depot = depot * np.exp(-p[0] * (t1 - t0))
    values, slopes = [], []
    for t in times:
        s = states[float(t)]
        o = observe(p, s[0] + 1j * h * s[2:12], s[1] + 1j * h * s[12:])
        values.append(o[:, 0].real)
        slopes.append(o.imag / h)
    return np.moveaxis(np.array(values), 0, 1), np.moveaxis(np.array(slopes), 0, 1)


def solve_mpmath(params, ige_baseline, doses, times, digits=30, per_unit=4):
    """30-digit check: after each dose integrate in u = ln(t - t_dose), which removes the
    singularity, by Gragg-Bulirsch-Stoer extrapolation of order 24. Needs mpmath; slow."""
    from mpmath import mp, mpf

    mp.dps = digits
    ka, CLx, dCLc, CLe, Vx, Vc, Pe, Kd0, alpha = [mpf(float(v)) for v in params]

    def bound(X, E):
        if X == 0:
            return mpf(0)
        S = X + E + Kd0 * (X / E) ** alpha * Vx * Vx / Vc
        return 2 * X * E / (S + mp.sqrt(S * S - 4 * X * E))

    def f(s, X, E, D0):  # s: days since the last dose
        C = bound(X, E)
        lost = (CLx + dCLc) * C / Vc
        return (ka * D0 * mp.exp(-ka * s) - CLx * (X - C) / Vx - lost, Pe - CLe * (E - C) / Vx - lost)

    def g(u, y, D0):
        s = mp.exp(u)
        a, b = f(s, y[0], y[1], D0)
        return s * a, s * b

    def gbs(u, y, H, D0, rows=12):
        table = []
        for j in range(1, rows + 1):
            m = 2 * j
            h = H / m
            k = g(u, y, D0)
            a, b = y, (y[0] + h * k[0], y[1] + h * k[1])
            for i in range(1, m):
                k = g(u + i * h, b, D0)
                a, b = b, (a[0] + 2 * h * k[0], a[1] + 2 * h * k[1])
            k = g(u + H, b, D0)
            row = [tuple((a[i] + b[i] + h * k[i]) / 2 for i in (0, 1))]
            for q in range(1, j):
                w = (mpf(m) / (2 * (j - q))) ** 2 - 1
                row.append(tuple(row[q - 1][i] + (row[q - 1][i] - table[j - 2][q - 1][i]) / w for i in (0, 1)))
            table.append(row)
        return table[-1][-1]

    points, given = events(doses, times)
    y, D0, last, u = (mpf(0), mpf(ige_baseline) / 190 * Vx), mpf(0), mpf(0), None
    states = {}
    for k, t0 in enumerate(points):
        states[t0] = y
        if k + 1 == len(points):
            break
        if t0 in given:
            D0 = D0 * mp.exp(-ka * (mpf(t0) - last)) + mpf(given[t0])
            last = mpf(t0)
            s0 = mpf(10) ** -20  # Euler to here: relative error about s0^1.1
            d = f(mpf(0), *y, D0)
            y, u = (y[0] + s0 * d[0], y[1] + s0 * d[1]), mp.log(s0)
        u1 = mp.log(mpf(points[k + 1]) - last)
        # in u the problem stiffens with s, so the number of steps grows with days as well
        days = mp.exp(u1) - mp.exp(u)
        steps = int((u1 - u) * per_unit) + 1
        if days > 1:
            steps = max(steps, int(days * per_unit / 2))
        edges = [u + (u1 - u) * i / steps for i in range(steps + 1)]
        if days > 1:
            lo, hi = mp.exp(u), mp.exp(u1)
            linear = [mp.log(lo + (hi - lo) * i / steps) for i in range(1, steps)]
            edges = sorted(edges[:1] + [e for e in edges[1:-1] if mp.exp(e) < 1] + linear + edges[-1:])
        for a, b in zip(edges, edges[1:]):
            y = gbs(a, y, b - a, D0)
        u = u1
    out = []
    for t in times:
        X, E = states[float(t)]
        C = bound(X, E)
        cx, ce, cc = (X - C) / Vx, (E - C) / Vx, C / Vc
        out.append([float(v) for v in ((cx + cc) * 150 / 1000, (ce + cc) * 190, ce * 190, cx * 150 / 1000, cc)])
    return np.array(out).T


def _gap(a, b):
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.abs(a - b) / np.abs(b)
    return float(np.nanmax(r[np.isfinite(r)]))


if __name__ == "__main__":
    import time

    np.seterr(invalid="ignore")  # LSODA tries a negative X and takes it back

    cases = [
        ("70 kg, 300 IU/mL, 225 mg q2w", typical(70, 726), 726.0, [[14.0 * i, 225.0] for i in range(4)]),
        ("120 kg, 30 ng/mL, single 300 mg", typical(120, 30), 30.0, [[0.0, 300.0]]),
        ("single 1e-6 mg", typical(70, 500), 500.0, [[0.0, 1e-6]]),
    ]
    times = [0.05, 0.25, 1.0, 7.3, 14.0, 41.7, 56.0]
    for name, p, ige, doses in cases:
        start = time.time()
        base = solve(p, ige, doses, times)
        print(f"{name}: DOP853 1e-12 in {time.time() - start:.2f} s; relative difference to")
        print(f"  DOP853 3e-14               {_gap(solve(p, ige, doses, times, 3e-14), base):.1e}")
        print(f"  DOP853 1e-12, first 1e-13  {_gap(solve(p, ige, doses, times, first_step=1e-13), base):.1e}")
        print(f"  LSODA 1e-12                {_gap(solve(p, ige, doses, times, 1e-12, 'LSODA'), base):.1e}")
        print(f"  Radau 1e-10                {_gap(solve(p, ige, doses, times, 1e-10, 'Radau'), base):.1e}")
        v, s = solve_with_sensitivities(p, ige, doses, times)
        w, r = solve_variational(p, ige, doses, times)
        print(f"  variational, values        {_gap(w, base):.1e}")
        print(f"  slopes: contour v variational, relative to value {np.max(np.abs(s - r) / v[:, :, None]):.1e}")
        try:
            print(f"  30 digits                  {_gap(solve_mpmath(p, ige, doses, times), base):.1e}", flush=True)
        except ImportError:
            print("  30 digits: mpmath not installed")
