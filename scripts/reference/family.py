"""Reference solutions of a family of omalizumab-IgE models under every kind of dosing record.

Models (D depot, X drug, E total or R free target, C complex; amounts nmol, volumes L, time days;
dD/dt = -ka D; concentrations nM):

    quasi_equilibrium      Hayashi, Tsukamoto, Sallas, Lowe 2007, Br J Clin Pharmacol 63:548,
                           doi 10.1111/j.1365-2125.2006.02803.x; equations in hayashi.py
    quasi_equilibrium_clc  the same, the clearance of the complex given itself (Lowe 2009, Brekkan 2018)
    falling_production     the same, production P a state, P(0) = Pe,
                           dP/dt = kp (Pe (1 - Imax (1 - Ce/Ce0)) - P),  Ce0 = E(0)/Vx
    quasi_equilibrium_2cmt the same, free drug exchanged: dXp = Q (Cx - Xp/Vp), taken from X
    full_binding_1cmt      dX = in - kon/Vc X R + koff C - CL/Vc X,  kon = koff/Kd
                           dR = keR (Rb Vc - R) - kon/Vc X R + koff C,  dC = kon/Vc X R - koff C - keDR C
    full_binding_2cmt      and dXp = Q/Vc X - Q/Vp Xp, taken from X
    qss_2cmt               X total drug, R total target; C^2 - (X + R + w) C + X R = 0, w = Kss Vc;
                           dX = in - CL/Vc (X-C) - keDR C - Q/Vc (X-C) + Q/Vp Xp,
                           dXp = Q/Vc (X-C) - Q/Vp Xp,  dR = keR (Rb Vc - (R-C)) - keDR C
    michaelis_menten_2cmt  dX = in - CL/Vc X - keDR Rb Vc X/(Km Vc + X) - Q/Vc X + Q/Vp Xp
    one_compartment        dX = in - CL/V X
    (full binding to michaelis_menten_2cmt: the structures and typical values of Straube 2025)

Dosing: bolus or zero-order input into depot (sc) or centre (iv), bioavailability F, delay tlag of
sc doses, EVID 3/4 (reset), SS = 1 and SS = 2 (periodic state by Newton's method).

Values and sensitivities: collocation at 9 Radau points (order 17) on adaptive steps, restarted at
every event, and the exact derivative of that discrete solution: Jacobians by complex step; jumps
(f- - f+) d t/d ln tlag at the delayed events; implicit differentiation of the periodic state.
Checked in every case: values against LSODA with equations written a second time; sensitivities
against an order-8 difference formula round a circle in the complex plane on DOP853 steps; to tlag,
and in stiff and steady-state cases of full binding in two random directions of all inputs, against
order-6 central differences of the collocation's values.

Run:    python3 scripts/reference/family.py [--cases N,N,…]  (some 20 minutes; with N: only the cases of these ids, the others are kept)
        python3 scripts/reference/family.py --test           (closed forms, 400 explicit doses)
Writes: fixtures/reference/family.json
"""

import argparse
import json
import math
import pathlib
import sys
import time

import numpy as np
from numpy.polynomial import legendre
from scipy.integrate import odeint, solve_ivp

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "family.json"
IGE_KDA = 190.0
ANALYTES = ["omalizumab_total", "ige_total", "ige_free", "omalizumab_free", "complex"]
PERIPHERAL = "omalizumab_peripheral"  # of quasi_equilibrium_2cmt alone, after the others
TINY = 1e-40  # complex step
NAMES = {
    "quasi_equilibrium": "ka CLx dCLc CLe Vx Vc Pe Kd0 alpha",
    "quasi_equilibrium_clc": "ka CLx CLc CLe Vx Vc Pe Kd0 alpha",
    "falling_production": "ka CLx dCLc CLe Vx Vc Pe Kd0 alpha kp Imax",
    "full_binding_1cmt": "ka CL Vc Rb koff Kd keR keDR",
    "full_binding_2cmt": "ka CL Vc Vp Q Rb koff Kd keR keDR",
    "qss_2cmt": "ka CL Vc Vp Q Rb Kss keR keDR",
    "michaelis_menten_2cmt": "ka CL Vc Vp Q Rb Km keDR",
    "one_compartment": "ka CL V",
    "quasi_equilibrium_2cmt": "ka CLx dCLc CLe Vx Vc Pe Kd0 alpha Q Vp",
}
NAMES = {k: v.split() for k, v in NAMES.items()}
EQUILIBRIUM = ("quasi_equilibrium", "quasi_equilibrium_clc", "falling_production", "quasi_equilibrium_2cmt")
APPARENT = EQUILIBRIUM + ("one_compartment",)
PROVENANCE = (
    "Computed by scripts/reference/family.py (numpy, scipy; independent of the Rust code). Simulated, no patients' data. "
    "Units: days, mg, L, nmol, nM; values: " + ", ".join(ANALYTES) + " in ug/mL, ng/mL, ng/mL, ug/mL, nM, and " + PERIPHERAL + " in ug/mL after them, with IgE 190 kDa and drug "
    "150 kDa (quasi-equilibrium family, one_compartment) or 149 kDa (the others). parameters: those of the structure, then F and "
    "tlag if has_dosing. F: in the quasi-equilibrium family and one_compartment parameters are apparent, an sc dose enters whole and "
    "an iv dose as amount/F; in the others an sc dose enters as F*amount and an iv dose whole. tlag delays sc doses only. duration 0: "
    "at once, else zero-order input. before: kept; reset (EVID 3 or 4: start state, inputs under way cancelled); steady_state (SS=1, "
    "tau days); added_steady_state (SS=2: plus the periodic state minus the start state; inputs under way go on). outputs: time, number "
    "of records given before. values[analyte][output]; sensitivities[analyte][output][input]: d value / d ln p, inputs the parameters, "
    "then ln(IGE baseline). Order-17 Radau collocation with exact discrete derivatives. value_error: largest relative gap to LSODA "
    "with equations written a second time. difference_error: largest gap of the sensitivities to a difference formula (on DOP853 steps; "
    "to tlag, and in two random directions of all inputs in stiff and steady-state cases of full binding, central differences), "
    "relative to max(|sensitivity|, 0.001 |value|); the formula's own error is in it."
)


def kda(structure):
    return 150.0 if structure in APPARENT else 149.0


# ---- the equations, for arrays of columns, real or complex; q: parameters of the structure, then the IGE baseline in nM


def _root(b, s, c):
    """Positive root of z^2 + b z - c = 0, s = sqrt(b^2 + 4 c), without cancellation for either sign of b."""
    positive = b.real >= 0
    return np.where(positive, 2 * c / np.where(positive, b + s, 1), 0.5 * (s - b))


def bound(X, E, K):
    """Free drug, free target, complex for totals X and E: x e = K c."""
    d = X - E
    s = np.sqrt(d * d + K * (2 * (X + E) + K))
    x = _root(K - d, s, K * X)
    return x, _root(K + d, s, K * E), X * E / (0.5 * (X + E + K + s))


def equilibrium(q, X, E):
    empty = X.real <= 0  # limit X -> 0: nothing is free, K = 0
    Z = np.where(empty, 1.0, X)
    x, e, c = bound(Z, E, q[7] * (Z / E) ** q[8] * q[4] * q[4] / q[5])
    return np.where(empty, 0, x), np.where(empty, E - X, e), np.where(empty, X, c)


def begin(structure, q, rule):
    """The state at the start: depot, drug, ..."""
    base = rule == "baseline"
    if structure in EQUILIBRIUM:
        y = [0, 0, q[-1] * q[4] if base else q[6] * q[4] / q[3]]
        return y + {"falling_production": [q[6]], "quasi_equilibrium_2cmt": [0]}.get(structure, [])
    if structure == "one_compartment":
        return [0, 0]
    if structure == "michaelis_menten_2cmt":
        return [0, 0, 0]
    R = (q[-1] if base else q[3 if structure == "full_binding_1cmt" else 5]) * q[2]
    return {"full_binding_1cmt": [0, 0, R, 0], "full_binding_2cmt": [0, 0, R, 0, 0], "qss_2cmt": [0, 0, R, 0]}[structure]


def rates(structure, q, y, rule):
    """dy/dt without inputs."""
    D, X = y[0], y[1]
    absorbed = q[0] * D
    if structure in EQUILIBRIUM:
        x, e, c = equilibrium(q, X, y[2])
        clc = q[2] if structure == "quasi_equilibrium_clc" else q[1] + q[2]
        dX = absorbed - q[1] * x / q[4] - clc * c / q[5]
        if structure == "quasi_equilibrium_2cmt":
            out = q[9] * (x / q[4] - y[3] / q[10])
            return [-absorbed, dX - out, q[6] - q[3] * e / q[4] - clc * c / q[5], out]
        if structure != "falling_production":
            return [-absorbed, dX, q[6] - q[3] * e / q[4] - clc * c / q[5]]
        ce0 = q[-1] if rule == "baseline" else q[6] / q[3]
        dP = q[9] * (q[6] * (1 - q[10] * (1 - e / q[4] / ce0)) - y[3])
        return [-absorbed, dX, y[3] - q[3] * e / q[4] - clc * c / q[5], dP]
    if structure == "one_compartment":
        return [-absorbed, absorbed - q[1] / q[2] * X]
    if structure == "full_binding_1cmt":
        ka, CL, Vc, Rb, koff, Kd, keR, keDR = q[:8]
        R, C = y[2], y[3]
        net = koff / Kd / Vc * X * R - koff * C
        return [-absorbed, absorbed - net - CL / Vc * X, keR * (Rb * Vc - R) - net, net - keDR * C]
    if structure == "full_binding_2cmt":
        ka, CL, Vc, Vp, Q, Rb, koff, Kd, keR, keDR = q[:10]
        R, C, Xp = y[2], y[3], y[4]
        net = koff / Kd / Vc * X * R - koff * C
        out = Q / Vc * X - Q / Vp * Xp
        return [-absorbed, absorbed - net - CL / Vc * X - out, keR * (Rb * Vc - R) - net, net - keDR * C, out]
    if structure == "qss_2cmt":
        ka, CL, Vc, Vp, Q, Rb, Kss, keR, keDR = q[:9]
        x, r, C = bound(X, y[2], Kss * Vc)
        out = Q / Vc * x - Q / Vp * y[3]
        return [-absorbed, absorbed - CL / Vc * x - keDR * C - out, keR * (Rb * Vc - r) - keDR * C, out]
    ka, CL, Vc, Vp, Q, Rb, Km, keDR = q[:8]
    out = Q / Vc * X - Q / Vp * y[2]
    return [-absorbed, absorbed - CL / Vc * X - keDR * Rb * Vc * X / (Km * Vc + X) - out, out]


def observe(structure, q, y):
    """The outputs."""
    X = y[1]
    if structure in EQUILIBRIUM:
        x, e, c = equilibrium(q, X, y[2])
        x, e, c = x / q[4], e / q[4], c / q[5]
    elif structure == "one_compartment":
        x, e, c = X / q[2], 0 * X, 0 * X
    elif structure == "qss_2cmt":
        x, e, c = (v / q[2] for v in bound(X, y[2], q[6] * q[2]))
    elif structure == "michaelis_menten_2cmt":
        x = X / q[2]
        e, c = q[5] * q[6] / (q[6] + x), q[5] * x / (q[6] + x)
    else:
        x, e, c = X / q[2], y[2] / q[2], y[3] / q[2]
    drug = kda(structure) / 1000
    peripheral = [y[3] / q[10] * drug] if structure == "quasi_equilibrium_2cmt" else []
    return np.array([(x + c) * drug, (e + c) * IGE_KDA, e * IGE_KDA, x * drug, c] + peripheral)


# ---- the equations once more, for the check: plain numbers


def plain_rates(structure, p, ige, rule):
    """f(y, t) of LSODA's kind, without inputs."""
    sqrt = math.sqrt

    def small(a, b, k):  # complex of amounts a, b with constant k
        return 2 * a * b / (a + b + k + sqrt((a - b) ** 2 + k * (2 * (a + b) + k)))

    def free(a, b, k):  # what is left of a
        g = b + k - a
        r = sqrt(g * g + 4 * k * a)
        return 2 * k * a / (g + r) if g > 0 else 0.5 * (r - g)

    if structure in EQUILIBRIUM:
        ka, clx, clc, cle, vx, vc, pe, kd0, alpha = p[:9]
        if structure != "quasi_equilibrium_clc":
            clc += clx
        start = ige if rule == "baseline" else pe / cle

        def f(y, t):
            a, b = y[1], y[2]
            if a <= 0:
                c, x, e = a, 0.0, b - a
            else:
                k = kd0 * (a / b) ** alpha * vx * vx / vc
                c, x, e = small(a, b, k), free(a, b, k), free(b, a, k)
            production = y[3] if structure == "falling_production" else pe
            r = [-ka * y[0], ka * y[0] - clx / vx * x - clc / vc * c, production - cle / vx * e - clc / vc * c]
            if structure == "quasi_equilibrium_2cmt":
                there, back = p[9] * x / vx, p[9] * y[3] / p[10]
                r[1] += back - there
                r.append(there - back)
            elif len(p) > 9:
                r.append(p[9] * (pe - pe * p[10] * (1 - e / (vx * start)) - y[3]))
            return r

    elif structure == "full_binding_1cmt":
        ka, cl, v, rb, koff, kd, ker, kedr = p

        def f(y, t):
            on, off = koff * y[1] * y[2] / (kd * v), koff * y[3]
            return [-ka * y[0], ka * y[0] + off - on - cl * y[1] / v, ker * rb * v - ker * y[2] - on + off, on - off - kedr * y[3]]

    elif structure == "full_binding_2cmt":
        ka, cl, v, vp, q, rb, koff, kd, ker, kedr = p

        def f(y, t):
            on, off, there, back = koff * y[1] * y[2] / (kd * v), koff * y[3], q * y[1] / v, q * y[4] / vp
            dx = ka * y[0] + off - on - cl * y[1] / v - there + back
            return [-ka * y[0], dx, ker * rb * v - ker * y[2] - on + off, on - off - kedr * y[3], there - back]

    elif structure == "qss_2cmt":
        ka, cl, v, vp, q, rb, kss, ker, kedr = p

        def f(y, t):
            w = kss * v
            c, x, r = small(y[1], y[2], w), free(y[1], y[2], w), free(y[2], y[1], w)
            there, back = q * x / v, q * y[3] / vp
            return [-ka * y[0], ka * y[0] - cl * x / v - kedr * c - there + back, ker * rb * v - ker * r - kedr * c, there - back]

    elif structure == "michaelis_menten_2cmt":
        ka, cl, v, vp, q, rb, km, kedr = p

        def f(y, t):
            x = y[1] / v
            there, back = q * x, q * y[2] / vp
            return [-ka * y[0], ka * y[0] - cl * x - v * kedr * rb * x / (km + x) - there + back, there - back]

    else:
        ka, cl, v = p

        def f(y, t):
            return [-ka * y[0], ka * y[0] - cl * y[1] / v]

    return f


# ---- what happens when: the same for every way of solving


def simulate(case, way):
    """The states (n, columns) at the outputs, in their order. `way` starts, adds, flows and finds periodic states."""
    t, y = case["start_time"], way.start()
    running, pending = [], []  # [end, compartment, rate, delayed]; [arrival, compartment, record]
    records, outputs = case["records"], case["outputs"]

    def inflow():
        u = np.zeros_like(y)
        for _, k, r, _ in running:
            u[k] = u[k] + r
        return u

    def enter(k, record, at, delayed):
        nonlocal y
        if record["duration"] > 0:
            running.append([at + record["duration"], k, way.dose(record) / record["duration"], delayed])
        else:
            y = y.copy()
            y[k] = y[k] + way.dose(record)

    def advance(until):
        nonlocal t, y
        while True:
            then = min([until] + [r[0] for r in running] + [a[0] for a in pending])
            if then - t > 1e-12:
                y = way.flow(y, t, then, inflow())
            t = max(t, then)
            due = [a for a in pending if a[0] <= t]
            over = [r for r in running if r[0] <= t]
            for a in due:
                pending.remove(a)
                old, u = y, inflow()
                enter(a[1], a[2], a[0], True)
                y = way.moved(old, u, y, inflow())
            for r in over:
                u = inflow()
                running.remove(r)
                if r[3]:
                    y = way.moved(y, u, y, inflow())
            if not due and not over and t >= until:
                return

    states = [None] * len(outputs)
    for k in range(len(records) + 1):
        for i in sorted((i for i, o in enumerate(outputs) if o[1] == k), key=lambda i: outputs[i][0]):
            advance(outputs[i][0])
            states[i] = y
        if k == len(records):
            break
        record = records[k]
        advance(record["time"])
        before = record["before"]
        if before != "kept":
            if before == "reset":
                y = way.start()
            elif "steady_state" in before:
                y = way.periodic(k, record, before["steady_state"])
            else:
                y = y + way.periodic(k, record, before["added_steady_state"]) - way.start()
            if before == "reset" or "steady_state" in before:
                running.clear()
                pending.clear()
        if record["amount_mg"] > 0:
            sc = record["route"] == "sc"
            if sc and way.tlag > 0:
                pending.append([record["time"] + way.tlag, 0, record])
            else:
                enter(0 if sc else 1, record, record["time"], False)
    return states


class Way:
    """What the ways of solving have in common."""

    def __init__(self, case, q, F, tlag):
        self.case, self.structure, self.rule = case, case["structure"], case["start"]["rule"]
        self.q, self.F, self.tlag = q, F, tlag

    def power(self, record):
        """The dose is amount * F^power."""
        sc = record["route"] == "sc"
        return (0 if sc else -1) if self.structure in APPARENT else (1 if sc else 0)

    def nmol(self, record):
        return record["amount_mg"] * 1000 / kda(self.structure)

    def dose(self, record):
        return self.nmol(record) * self.F ** self.power(record)

    def moved(self, old, u, new, v):
        return new

    def cycle(self, y, record, tau):
        k = 0 if record["route"] == "sc" else 1
        y, none, d = y.copy(), np.zeros_like(y), record["duration"]
        if d == 0:
            y[k] = y[k] + self.dose(record)
            return self.flow(y, 0.0, tau, none)
        u = none.copy()
        u[k] = u[k] + self.dose(record) / d
        y = self.flow(y, 0.0, d, u)
        return self.flow(y, d, tau, none) if tau > d else y


def inputs_of(case):
    """Own parameters, F, tlag, IGE baseline in nM (1 where there is none: nothing depends on it)."""
    p = list(case["parameters"])
    F, tlag = (p[-2], p[-1]) if case["has_dosing"] else (1.0, 0.0)
    own = p[: len(NAMES[case["structure"]])]
    return own, F, tlag, case["start"].get("ige_ng_ml", IGE_KDA) / IGE_KDA


# ---- first way: Radau collocation with derivatives


def _radau(s):
    c = np.zeros(s + 1)
    c[s], c[s - 1] = 1, -1
    x = np.sort(legendre.legroots(c))
    for _ in range(3):
        x = x - legendre.legval(x, c) / legendre.legval(x, legendre.legder(c))
    x[-1] = 1.0
    V = legendre.legvander(x, s - 1)
    integral = np.array([legendre.legval(x, legendre.legint(np.eye(s)[k], lbnd=-1)) for k in range(s)]).T
    inverse = np.linalg.inv(V)
    return (x + 1) / 2, integral @ inverse / 2, inverse


class Collocation(Way):
    """State array: values, then d state / d ln p for every input if `slopes`. `extra` columns are d / d y0."""

    def __init__(self, case, values=None, slopes=True, stages=9, tolerance=1e-11):
        own, F, tlag, ige = values or inputs_of(case)
        super().__init__(case, np.array(list(own) + [ige]), F, tlag)
        self.s, self.tolerance = stages, tolerance
        self.c, self.A, self.inverse = _radau(stages)
        self.h = None
        n = len(self.q)
        self.dosing = case["has_dosing"]
        self.m = (n + 2 * self.dosing) if slopes else 0
        self.at = list(range(n - 1)) + [self.m - 1]  # the column of each q
        self.found = {}
        if slopes:
            self.dq = np.zeros((n, self.m))
            for i, k in enumerate(self.at):
                self.dq[i, k] = self.q[i]

    def f(self, q, y):
        return np.array(np.broadcast_arrays(*rates(self.structure, q, y, self.rule)))

    def start(self):
        if not self.m:
            return np.array(begin(self.structure, self.q, self.rule), float)[:, None]
        y = np.array(np.broadcast_arrays(*begin(self.structure, self.q[:, None] + 1j * TINY * self.dq, self.rule), self.dq[0])[:-1])
        return np.column_stack([y[:, 0].real, y.imag / TINY])

    def dose(self, record):
        d = np.zeros(1 + self.m)
        e = self.power(record)
        d[0] = self.nmol(record) * self.F**e
        if self.m and self.dosing:
            d[self.m - 2] = e * d[0]  # columns: value, own parameters, F, tlag, baseline
        return d

    def moved(self, old, u, new, v):
        if self.m:
            before = self.f(self.q, old[:, 0]) + u[:, 0]
            after = self.f(self.q, new[:, 0]) + v[:, 0]
            new = new.copy()
            new[:, self.m - 1] += (before - after) * self.tlag
        return new

    def jacobian(self, Y):
        n = len(Y)
        G = self.f(self.q, Y[:, :, None] + 1j * TINY * np.eye(n)[:, None, :])
        return G[:, :, 0].real, G.imag / TINY

    def flow(self, y, t0, t1, u):
        n, s = len(y), self.s
        S = y[:, 1:]
        y = y[:, 0]
        extra = S.shape[1] - self.m
        h = min(1e-9 if y[1] == 0 else 1e-8, t1 - t0)
        t, one = t0, np.eye(n * s)
        empty = y[1] == 0 and y[0] == 0 and not u[:2].any()
        while t < t1:
            last = t + h * (1 + 1e-10) >= t1
            if last:
                h = t1 - t
            Y = np.repeat(y[:, None], s, axis=1)
            good = False
            for it in range(14):
                F, J = self.jacobian(Y)
                F = F + u[:, :1]
                res = (Y - y[:, None]) - h * F @ self.A.T
                M = one - h * np.einsum("ik,akb->aibk", self.A, J).reshape(n * s, n * s)
                step = np.linalg.solve(M, res.reshape(-1)).reshape(n, s)
                Y = Y - step
                scale = np.maximum(np.abs(Y).max(axis=1), 1e-13 * np.abs(Y).max() + 1e-300)
                gap = (np.abs(step).max(axis=1) / scale).max()
                if not np.isfinite(gap) or gap > 1e8:
                    break
                if gap < 1e-9:
                    good = True
                    break
            if not good:
                h *= 0.2
                continue
            F, J = self.jacobian(Y)
            F = F + u[:, :1]
            high = np.abs(F @ self.inverse[-2:].T)
            size = np.maximum(np.abs(Y[:, -1]), 1e-13 * np.abs(Y).max() + 1e-300)
            size[0] = max(size[0], 1e-4 * abs(Y[1, -1]))
            error = (h * np.maximum(high[:, 1], 0.1 * high[:, 0]) / size).max()
            if error > self.tolerance and not empty:
                h *= max(0.1, 0.8 * (self.tolerance / error) ** (1 / s))
                continue
            if self.m or extra:
                T = np.einsum("aib,bm->aim", J, S)
                if self.m:
                    qc = (self.q[:, None] + 1j * TINY * self.dq)[:, None, :]
                    T[:, :, : self.m] += self.f(qc, Y[:, :, None] + 0j * qc[0]).imag / TINY + u[:, None, 1 : 1 + self.m]
                right = h * np.einsum("ik,akm->aim", self.A, T).reshape(n * s, -1)
                M = one - h * np.einsum("ik,akb->aibk", self.A, J).reshape(n * s, n * s)
                S = S + np.linalg.solve(M, right).reshape(n, s, -1)[:, -1]
            y = Y[:, -1]
            t = t1 if last else t + h
            grow = 10.0 if error == 0 else 0.8 * (self.tolerance / error) ** (1 / s)
            h *= min(10.0, max(grow, 0.2))
        return np.column_stack([y, S])

    def periodic(self, key, record, tau):
        """Newton on y = cycle(y); the derivative of the solution from (1 - M) dy = d cycle."""
        n, m = len(self.start()), self.m
        y, saved = self.start()[:, 0], self.m
        try:
            self.m = 0  # values only
            full = self.dose

            def short(record):
                return full(record)[:1]

            self.dose = short
            for _ in range(4):
                y = self.cycle(y[:, None], record, tau)[:, 0]
            self.dose = lambda r: np.concatenate([full(r), np.zeros(n)])
            last = math.inf
            for it in range(30):
                z = self.cycle(np.column_stack([y, np.eye(n)]), record, tau)
                change = np.linalg.solve(np.eye(n) - z[:, 1:], z[:, 0] - y)
                new = y + change
                if (new < 0).any():
                    new = z[:, 0]
                gap = (np.abs(new - y) / np.maximum(np.abs(new), 1e-12 * np.abs(new).max())).max()
                y = new
                if gap < 3e-12 or (gap < 1e-9 and gap > 0.3 * last):  # quadratic: the next change would be nothing but rounding
                    break
                last = gap
            else:
                raise RuntimeError("no periodic state")
        finally:
            del self.dose
            self.m = saved
        M = z[:, 1:]
        if not m:
            return y[:, None]
        z = self.cycle(np.column_stack([y, np.zeros((n, m))]), record, tau)
        S = np.linalg.solve(np.eye(n) - M, z[:, 1:])
        self.found[key] = y, S, M
        return np.column_stack([y, S])

    def results(self):
        """Values (analytes, outputs) and slopes (analytes, outputs, inputs)."""
        values, slopes = [], []
        for y in simulate(self.case, self):
            values.append(observe(self.structure, self.q, y[:, 0]))
            if self.m:
                q = self.q[:, None] + 1j * TINY * self.dq
                o = observe(self.structure, q, y[:, :1] + 1j * TINY * y[:, 1:])
                slopes.append(np.broadcast_to(o.imag / TINY, (len(o), self.m)))
        values = np.array(values).T
        return (values, np.moveaxis(np.array(slopes), 0, 1)) if self.m else values


# ---- second way: LSODA, plain numbers; third: DOP853 on complex columns


class Lsoda(Way):
    def __init__(self, case, found, rtol=2e-13):
        own, F, tlag, ige = inputs_of(case)
        super().__init__(case, np.array(list(own) + [ige]), F, tlag)
        self.g, self.found, self.rtol = plain_rates(case["structure"], [float(v) for v in own], float(ige), self.rule), found, rtol

    def start(self):
        return np.array(begin(self.structure, self.q, self.rule), float)[:, None]

    def flow(self, y, t0, t1, u):
        u, g, k = u[:, 0].tolist(), self.g, range(len(y))

        def f(y, t):
            r = g(y.tolist(), t)
            return [r[i] + u[i] for i in k]

        z, info = odeint(f, y[:, 0], [0.0, t1 - t0], rtol=self.rtol, atol=1e-40, h0=min(1e-10, t1 - t0), mxstep=10**6, full_output=True)
        if info["message"] != "Integration successful.":
            raise RuntimeError(info["message"])
        return z[-1][:, None]

    def periodic(self, key, record, tau):
        y, _, M = self.found[key]
        y = y[:, None] * 1.001
        for _ in range(4):
            y = y + np.linalg.solve(np.eye(len(y)) - M, self.cycle(y, record, tau) - y)
        return y

    def results(self):
        return np.array([observe(self.structure, self.q, y[:, 0]) for y in simulate(self.case, self)]).T


class Circle(Way):
    """All inputs but tlag moved round a circle in the complex plane, column 0 unmoved."""

    def __init__(self, case, found, points=8, radius=0.003, rtol=1e-13):
        own, F, tlag, ige = inputs_of(case)
        self.angles = (2 * np.arange(points // 2) + 1) * math.pi / points
        self.radius, self.found, self.rtol = radius, found, rtol
        v = np.array(list(own) + [F, tlag, ige], complex)
        n = len(own)
        self.which = [i for i in range(n + 3) if i != n + 1 and (case["has_dosing"] or i != n)]
        columns = [v]
        self.shift = [np.zeros(n + 3, complex)]
        for i in self.which:
            for a in self.angles:
                d = np.zeros(n + 3, complex)
                d[i] = radius * np.exp(1j * a)
                self.shift.append(d)
                columns.append(v * np.exp(d))
        v = np.array(columns).T
        keep = [i for i in range(n + 3) if case["has_dosing"] or i not in (n, n + 1)]
        self.shift = np.array(self.shift).T[keep]
        super().__init__(case, np.concatenate([v[:n], v[-1:]]), v[n], tlag)

    def start(self):
        y = begin(self.structure, self.q, self.rule)
        return np.array([v + 0 * self.q[0] for v in y])

    def flow(self, y, t0, t1, u):
        shape = y.shape

        def f(t, z):
            z = z.reshape(shape)
            return (np.array(rates(self.structure, self.q, z, self.rule)) + u).ravel()

        first = {"first_step": min(1e-9, t1 - t0)}
        run = solve_ivp(f, (0, t1 - t0), y.ravel(), method="DOP853", rtol=self.rtol, atol=1e-60, **first)
        if not run.success:
            raise RuntimeError(run.message)
        return run.y[:, -1].reshape(shape)

    def periodic(self, key, record, tau):
        y, S, M = self.found[key]
        y = y[:, None] + S @ self.shift
        for _ in range(5):
            change = np.linalg.solve(np.eye(len(y)) - M, self.cycle(y, record, tau) - y)
            y = y + change
            if np.abs(change).max() < 1e-13 * np.abs(y).max():
                break
        return y

    def results(self):
        rows = [(observe(self.structure, self.q, y), y.shape[1]) for y in simulate(self.case, self)]
        out = np.moveaxis(np.array([np.broadcast_to(o, (len(o), columns)) for o, columns in rows]), 0, 1)
        ring = out[:, :, 1:].reshape(len(out), out.shape[1], len(self.which), len(self.angles))
        return out[:, :, 0].real, np.mean((ring * np.exp(-1j * self.angles)).real, axis=-1) / self.radius


def central(case, weights, h):
    """The sum of weight * d values / d ln(input), inputs as in the sensitivities; order 6."""
    own, F, tlag, ige = inputs_of(case)

    def at(k):
        v = list(own) + ([F, tlag] if case["has_dosing"] else []) + [ige]
        v = [x * math.exp(k * h * w) for x, w in zip(v, weights)]
        n = len(own)
        values = (v[:n], v[n], v[n + 1], v[-1]) if case["has_dosing"] else (v[:n], F, tlag, v[-1])
        return Collocation(case, values, slopes=False).results()

    return (45 * (at(1) - at(-1)) - 9 * (at(2) - at(-2)) + (at(3) - at(-3))) / (60 * h)


# ---- the cases


QE = [0.48, 0.17568, 0.14064, 1.704, 5.9, 3.63, 3.828, 1.07, 0.157]
LOWE = [0.458, 0.208, 0.832, 3.85, 9.33, 6.31, 6.421, 1.81, 0.0902]
BREKKAN = [0.48, 0.17568, 0.14064, 1.704, 5.9, 3.63, 3.792, 1.07, 0.157]
ONE = [[1.03, 0.010, 3.925, 1.342, 3.288, 2.3, 0.842, 0.1665], [1.03, 0.051, 6.566, 1.139, 3.288, 2.3, 0.842, 0.1665]]
TWO = [[0.31, 0.09, 0.68, 2.81, 4.3, 1.28, 1.98, 1.96, 0.90, 0.158], [0.31, 0.13, 1.34, 4.41, 4.3, 1.10, 1.98, 1.96, 0.90, 0.158]]
KSS = [(v[6] + v[9]) * v[7] / v[6] for v in TWO]
TYPICAL = {
    "quasi_equilibrium": [QE],
    "quasi_equilibrium_clc": [LOWE, BREKKAN],
    "falling_production": [QE + [0.00274, 0.5]],
    "full_binding_1cmt": ONE,
    "full_binding_2cmt": TWO,
    "qss_2cmt": [v[:6] + [k] + v[8:] for v, k in zip(TWO, KSS)],
    "michaelis_menten_2cmt": [v[:6] + [k] + v[9:] for v, k in zip(TWO, KSS)],
    "one_compartment": [[0.5, 0.2, 8.0], [38.3, 66.0, 31.8]],
    "quasi_equilibrium_2cmt": [QE + [0.5, 3.0]],
}
KINDS = [
    # kind, F and tlag given ("iv": where parameters are apparent), tlag
    ("sc single", False, 0),
    ("sc every 4 weeks", False, 0),
    ("sc every 2 weeks, F", True, 0),
    ("iv bolus", "iv", 0),
    ("iv infusion", "iv", 0),
    ("mixed sc, iv bolus, overlapping infusions", True, 0),
    ("infusion into the depot", False, 0),
    ("tlag: outputs inside it, doses closer than it", True, 1),
    ("tlag: delayed infusions, undelayed iv", True, 1),
    ("reset with and without dose, infusion running, dose pending", True, 1),
    ("steady state: sc bolus, then more", False, 0),
    ("steady state: iv bolus, then more", "iv", 0),
    ("steady state: infusion, then more", "iv", 0),
    ("added steady state on earlier doses, infusion running", True, 0),
    ("doses and outputs at one time", "iv", 0),
]
STIFF = [("stiff, sc every 2 weeks", 100, 2), ("stiff, iv bolus", 1000, 3), ("stiff, mixed", 300, 5), ("stiff, steady state infusion", 3000, 12)]


def exact(x, digits=12):
    return float(f"{x:.{digits}g}")


def schedule(rng, kind, tlag, mg, unit):
    """Records and outputs; unit: length of a day of the schedule."""
    start = float(rng.choice([0.0, 0.0, -3.0, 2.0]))
    first = start + float(rng.choice([0.0, 0.0, 1.5]))
    records, outputs = [], []

    def rec(t, amount, route="sc", duration=0.0, before="kept"):
        records.append(
            {"time": exact((first + t * unit)), "amount_mg": amount, "route": route, "duration": exact(duration * unit), "before": before}
        )

    def out(*times, k=None):
        for t in times:
            t = exact(first + t * unit)
            outputs.append([t, sum(r["time"] <= t for r in records) if k is None else k])

    def some(lo, hi, n):
        out(*np.round(np.sort(rng.uniform(lo, hi, n)), 3))

    def dose():
        return float(rng.choice(mg))

    d = lambda: float(rng.choice([0.05, 0.25, 1.0, 3.0]))
    if kind == 0:
        rec(0, dose())
        out(0.1, 0.5, 1, 2, 4, 7, 14, 21, 28, 42)
    elif kind == 1:
        for i in range(4):
            rec(28 * i, dose())
        out(1, 7, 27.5, 29, 35, 57, 63, 85, 88, 100, 112)
    elif kind == 2:
        for i in range(6):
            rec(14 * i, dose())
        out(2, 10, 14.01, 20, 29, 44, 57, 71, 75, 84, 98)
    elif kind == 3:
        rec(0, dose(), "iv")
        rec(21, dose(), "iv")
        out(0.01, 0.1, 1, 5, 12, 20, 21.02, 22, 25, 30, 40)
    elif kind == 4:
        a, b = d(), d()
        rec(0, dose(), "iv", a)
        rec(10, dose(), "iv", b)
        out(a / 2, a, a + 0.2, 4, 9, 10 + b / 3, 10 + b, 11 + b, 15, 22, 30)
    elif kind == 5:
        rec(0, dose())
        rec(0.5, dose(), "iv", 2.0)
        rec(1, dose(), "iv", 3.0)
        rec(3, dose(), "iv")
        rec(9, dose(), "sc", 1.0)
        rec(9.5, dose(), "sc", 2.0)
        rec(9.7, dose(), "iv", 0.25)
        out(0.3, 0.9, 2, 2.5, 3.5, 6, 9.4, 9.8, 10.7, 13, 20, 30)
    elif kind == 6:
        a = d()
        rec(0, dose(), "sc", a)
        rec(14, dose(), "sc", 1.0)
        rec(14.5, dose(), "sc", 1.0)
        out(a / 2, a, a + 1, 5, 12, 14.3, 14.7, 15.3, 17, 25, 35)
    elif kind == 7:
        L = tlag / unit
        rec(0, dose())
        rec(0.4 * L, dose())
        rec(14, dose())
        rec(21, dose())
        out(0.5 * L, 1.2 * L, 1.8 * L, 3, 10, 14 + 0.5 * L, 14 + 1.3 * L, 18, 21 + 0.4 * L, 21 + 2 * L, 26, 35)
    elif kind == 8:
        L = tlag / unit
        rec(0, dose(), "sc", 1.0)
        rec(2.5, dose(), "iv")
        rec(7, dose(), "iv", 1.0)
        rec(7, dose(), "sc", 0.5 * L)
        rec(7 + 0.3 * L, dose(), "sc")
        out(0.6 * L, L + 0.5, L + 1.4, 2.6, 5, 7 + 0.2 * L, 7 + 0.7 * L, 7 + 1.15 * L, 7 + 1.75 * L, 12, 18, 28)
    elif kind == 9:
        L = tlag / unit
        rec(0, dose())
        rec(5, dose(), "iv", 3.0)
        rec(6, 0.0, "iv", 0.0, "reset")
        rec(8, dose(), "iv", 2.0)
        rec(9 - 0.3 * L, dose(), "sc")
        rec(9, dose(), "sc", 0.0, "reset")
        rec(16, dose(), "iv", 1.0)
        rec(16.5, dose(), "iv", 0.5, "reset")
        out(4, 5.5)
        out(6, k=2)
        out(6, k=3)
        out(7, 8.5, 9 + 0.5 * L, 9 + 1.2 * L, 12, 16.3, 16.7, 17.5, 24)
        records_times = [r["time"] for r in records]
        assert records_times == sorted(records_times)
    elif kind in (10, 11):
        route = "sc" if kind == 10 else "iv"
        tau = float(rng.choice([14, 28]))
        rec(0, dose(), route)
        amount = dose()
        rec(10, amount, route, 0.0, {"steady_state": exact(tau * unit)})
        rec(10 + tau, amount, route)
        rec(10 + tau + 5, dose(), "sc")
        out(9)
        out(10, k=1)
        out(10, k=2)
        out(10.1, 13, 20, 10 + tau)
        outputs[-1][1] = 2  # before the next dose: as the steady state was
        out(10 + tau + 0.2, 12 + tau, 16 + tau, 22 + tau, 36 + tau)
    elif kind == 12:
        tau = float(rng.choice([7, 14]))
        a = float(rng.choice([0.25, 1.0, 3.0]))
        amount, dep = dose(), dose()
        rec(0, amount, "iv", a, {"steady_state": exact(tau * unit)})
        rec(tau, amount, "iv", a)
        rec(tau + 0.1, dep, "sc", 3.0, {"steady_state": exact(3.0 * unit if rng.random() < 0.5 else 7 * unit)})
        rec(tau + 20, dose(), "sc")
        out(0, k=0)
        out(0, k=1)
        out(a / 2, a, 5, tau)
        outputs[-1][1] = 1
        out(tau + 0.05, tau + 0.1 + 1, tau + 3.5, tau + 10, tau + 21, tau + 30)
    elif kind == 13:
        rec(0, dose())
        rec(7, dose(), "iv", 3.0)
        rec(8, dose(), "sc", 0.0, {"added_steady_state": exact(14 * unit)})
        rec(9, dose(), "iv", 1.0, {"added_steady_state": exact(28 * unit)})
        rec(20, dose(), "iv", 0.0, {"added_steady_state": exact(21 * unit)})
        out(3, 7.5)
        out(8, k=2)
        out(8, k=3)
        out(8.5, 9.5, 10.5, 15)
        out(20, k=4)
        out(20, k=5)
        out(21, 28, 40)
    else:
        rec(0, dose())
        out(0, k=0)
        out(0, k=1)
        rec(7, dose(), "iv")
        rec(7, dose(), "sc")
        rec(7, dose(), "iv", 1.0)
        rec(14, dose(), "sc")
        for k in (1, 2, 3, 4):
            out(7, k=k)
        out(7.5, 8, 11)
        out(14, k=4)
        out(14, k=5)
        out(16, 25)
    return start, records, sorted(outputs, key=lambda o: (o[1], o[0]))


# Stiff steady states of infusions, koff x 3000: their differences take longer than all the others together.
TOO_SLOW = {64, 83}
# Added steady states that take more target away than there is: no state has a derivative there.
WITHOUT_TARGET = {142}


def draw_cases():
    cases = []
    for number, (structure, sets) in enumerate(TYPICAL.items()):
        kinds = [(k, KINDS[k][0], 1) for k in range(len(KINDS))]
        if structure.startswith("full_binding"):
            kinds += [(k, name, times) for name, times, k in STIFF]
        for j, (k, kind, times) in enumerate(kinds):
            rng = np.random.default_rng([20261122, number, j])
            which = int((j + j // 4) % len(sets))
            p = np.array(sets[which])
            plain = j % 6 == 0
            if not plain:
                p = p * np.exp(rng.normal(0, 0.3, len(p)))
                if structure == "falling_production":
                    p[10] = min(p[10], 0.9)
            if times > 1:
                p[NAMES[structure].index("koff")] *= times
            fast = structure == "one_compartment" and which == 1
            unit = 1 / 14 if fast else 1.0
            given, delayed = KINDS[k][1:]
            has_dosing = structure in APPARENT if given == "iv" else given
            tlag = exact(rng.uniform(0.2, 1.5) * unit, 4) if delayed else 0.0
            F = 0.42 if structure not in APPARENT and plain else exact(rng.uniform(0.3, 0.95), 4)
            mg = [75.0, 150.0, 300.0, 375.0] if structure in APPARENT else [[60.0, 90.0], [180.0, 270.0]][which]
            baseline = structure not in ("one_compartment", "michaelis_menten_2cmt") and bool(rng.random() < 0.6)
            ige = exact(math.exp(rng.uniform(math.log(60), math.log(1500))), 5)
            start, records, outputs = schedule(rng, k, tlag, mg, unit)
            cases.append(
                {
                    "id": len(cases) + 1,
                    "structure": structure,
                    "kind": kind + ("; typical" if plain else "; perturbed") + (f", koff x {times}" if times > 1 else ""),
                    "start": {"rule": "baseline", "ige_ng_ml": ige} if baseline else {"rule": "steady_state"},
                    "parameters": [exact(v) for v in p] + ([F, tlag] if has_dosing else []),
                    "has_dosing": has_dosing,
                    "start_time": start,
                    "records": records,
                    "outputs": outputs,
                }
            )
    return cases


def relative(a, b):
    """Largest |a - b| / |b| where b is not 0, infinite if a is not 0 there."""
    zero = b == 0
    assert (a[zero] == 0).all()
    return float(np.max(np.abs(a - b)[~zero] / np.abs(b[~zero])))


def compute(case):
    main = Collocation(case)
    v, s = main.results()
    small = np.zeros(len(case["outputs"]), bool)
    for k in (0, 3, 4, *range(5, len(v))):  # too little drug left to be of use
        small |= (v[k] != 0) & (np.abs(v[k]) < 1e-6 * np.abs(v[k]).max())
    keep = np.nonzero(~small)[0]
    case["outputs"] = [case["outputs"][i] for i in keep]
    v, s = v[:, keep], s[:, keep]
    w = Lsoda(case, main.found).results()
    case["values"], case["sensitivities"] = v, s
    case["value_error"] = relative(w, v)
    scale = np.maximum(np.abs(s), 1e-3 * np.abs(v)[:, :, None])
    scale[scale == 0] = 1.0
    n = len(NAMES[case["structure"]])
    error, worst_input = 0.0, None

    def compare(r, exact, scale, i):
        nonlocal error, worst_input
        e = float(np.max(np.abs(r - exact) / scale))
        if e > error:
            error, worst_input = e, i

    if case["structure"].startswith("full_binding") and ("stiff" in case["kind"] or "steady" in case["kind"]):  # too slow for DOP853
        rng = np.random.default_rng(case["id"])
        for i in ("direction 1", "direction 2"):
            weights = rng.choice([-1, 1], s.shape[2]) * rng.uniform(0.5, 1, s.shape[2])
            exact = s @ weights
            compare(central(case, weights, 0.003), exact, np.maximum(np.maximum(np.abs(exact), 1e-3 * np.abs(v)), 1e-300), i)
    else:
        circle = Circle(case, main.found)
        c, r = circle.results()
        case["value_error"] = max(case["value_error"], relative(c, v))
        for j, i in enumerate(circle.which):
            i = i if case["has_dosing"] or i < n else n
            compare(r[:, :, j], s[:, :, i], scale[:, :, i], i)
    if case["has_dosing"] and case["parameters"][-1] > 0:
        r = central(case, np.arange(s.shape[2]) == n + 1, 0.003)
        compare(r, s[:, :, n + 1], scale[:, :, n + 1], n + 1)
    case["difference_error"] = error
    return worst_input


def digits15(x):
    if isinstance(x, np.ndarray):
        x = x.tolist()
    if isinstance(x, list):
        return "[" + ",".join(digits15(v) for v in x) + "]"
    return "0" if x == 0 else f"{x:.15g}"


def write(cases, others):
    """Writes the cases, and the lines of others by their ids."""
    lines = dict(others)
    for c in cases:
        head = {k: v for k, v in c.items() if k not in ("values", "sensitivities")}
        body = json.dumps(head, separators=(",", ":"))[:-1]
        lines[c["id"]] = f'{body},"values":{digits15(c["values"])},"sensitivities":{digits15(c["sensitivities"])}}}'
    head = {"provenance": PROVENANCE, "analytes": ANALYTES, "parameter_names": NAMES}
    OUT.write_text(json.dumps(head)[:-1] + ', "cases": [\n' + ",\n".join(lines[id] for id in sorted(lines)) + "\n]}\n")


def test():
    """Against closed forms, and periodic states against 400 explicit doses."""
    ka, CL, V, F, tlag = 0.5, 0.2, 8.0, 0.7, 0.6
    k = CL / V
    T, d = 20.0, 2.0

    def case(structure, p, records, outputs, rule="steady_state"):
        start = {"rule": rule, "ige_ng_ml": 400.0} if rule == "baseline" else {"rule": rule}
        return {"structure": structure, "start": start, "parameters": p, "has_dosing": True, "start_time": 0.0, "records": records, "outputs": outputs}

    def rec(t, route, d=0.0, before="kept"):
        return {"time": t, "amount_mg": 300.0, "route": route, "duration": d, "before": before}

    def bateman(t):
        return ka / (ka - k) * (math.exp(-k * t) - math.exp(-ka * t)) if t > 0 else 0.0

    def depot_infusion(t):  # integral of the above over the infusion
        b = lambda x: ka / (ka - k) * ((1 - math.exp(-k * x)) / k - (1 - math.exp(-ka * x)) / ka) if x > 0 else 0.0
        return (b(t) - b(t - d)) / d

    def iv_infusion(t):
        return (1 - math.exp(-k * min(t, d))) / (k * d) * math.exp(-k * max(t - d, 0))

    series = lambda tau, a: math.exp(-a * tau) / (1 - math.exp(-a * tau))
    c0 = 300.0 / V
    forms = {
        "sc": ([rec(0.0, "sc")], [[0.5, 1], [1.5, 1], [T, 1]], lambda t: c0 * bateman(t - tlag)),
        "iv": ([rec(0.0, "iv")], [[0.5, 1], [T, 1]], lambda t: c0 / F * math.exp(-k * t)),
        "iv infusion": ([rec(0.0, "iv", d)], [[1.0, 1], [T, 1]], lambda t: c0 / F * iv_infusion(t)),
        "sc infusion": ([rec(0.0, "sc", d)], [[0.5, 1], [1.6, 1], [T, 1]], lambda t: c0 * depot_infusion(t - tlag)),
    }
    for name, (records, outputs, form) in forms.items():
        v, s = Collocation(case("one_compartment", [ka, CL, V, F, tlag], records, outputs)).results()
        print(f"one_compartment {name}: {max(abs(v[0][i] - form(o[0])) / max(form(o[0]), 1e-300) for i, o in enumerate(outputs) if form(o[0])):.1e}")
        if name == "sc":  # d/d tlag = -slope in time
            e = 1e-5
            slope = (form(T + e) - form(T - e)) / (2 * e)
            print(f"  d/d ln tlag {abs(s[0][2][4] + tlag * slope) / abs(tlag * slope):.1e}")
    p0 = [ka, CL, V, F, 0.0]
    v, _ = Collocation(case("one_compartment", p0, [rec(5.0, "sc", 0.0, {"steady_state": 14.0})], [[5.0, 1], [9.0, 1]])).results()
    form = c0 * ka / (ka - k) * (series(14, k) - series(14, ka))
    print(f"one_compartment steady state: {abs(v[0][0] - form) / form:.1e}")
    v, _ = Collocation(case("one_compartment", p0, [rec(0.0, "iv", 2.0, {"steady_state": 2.0}), rec(2.0, "iv", 2.0)], [[0.0, 1], [3.0, 2]])).results()
    print(f"one_compartment constant infusion: {abs(v[0] - 1000 / F * 0.3 / 2 / CL).max() / v[0][0]:.1e}")
    for structure, sets in TYPICAL.items():
        p = sets[0] + [0.6, 0.0]
        for route, d in (("sc", 0.0), ("iv", 1.0)):
            one = case(structure, p, [rec(0.0, route, d, {"steady_state": 28.0})], [[0.0, 1], [2.0, 1]])
            many = case(structure, p, [rec(28.0 * i, route, d) for i in range(401)], [[28.0 * 400, 401], [28.0 * 400 + 2, 401]])
            a = Collocation(one, slopes=False).results()
            b = Lsoda(many, {}).results()  # the slow production of falling_production has exp(-kp 11200) = 5e-14 left
            print(f"{structure} {route} {d}: steady state against 400 doses {relative(b, a):.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", metavar="N,N,…", help="compute only the cases of these ids, and keep the others of the file")
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    np.seterr(invalid="ignore")
    if options.test:
        return test()
    cases = [c for c in draw_cases() if c["id"] not in TOO_SLOW | WITHOUT_TARGET]
    others = {}
    if options.cases:
        wanted = {int(n) for n in options.cases.split(",")}
        cases = [c for c in cases if c["id"] in wanted]
    if options.cases and OUT.exists():
        rows = (line.rstrip(",\n") for line in OUT.read_text().splitlines() if line.startswith('{"id":'))
        others = {json.loads(row)["id"]: row for row in rows}
    began = time.time()
    for i, c in enumerate(cases):
        t = time.time()
        worst = compute(c)
        print(
            f"{c['id']} {c['structure']}/{c['kind']}: value {c['value_error']:.1e}, difference {c['difference_error']:.1e} (input {worst}), "
            f"{len(c['outputs'])} outputs, {time.time() - t:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        if i % 10 == 9 or i + 1 == len(cases):
            write(cases[: i + 1], others)
    for key in ("value_error", "difference_error"):
        e = np.array([c[key] for c in cases])
        print(f"{key}: median {np.median(e):.1e}, largest {e.max():.1e} (case {cases[int(e.argmax())]['id']})")
    print(f"{len(cases)} cases, {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
