"""Are populations with censored observations estimated as an independent quadrature says?

One compartment, first-order absorption; ln CL and ln V vary between subjects, ka does not. Sixty subjects with six to eight samples each
are simulated here, with log-normal and with proportional error, and 5, 20 and 50 % of the observations lie beyond limits: below one
(CENS 1; DV is missing and LIMIT has the limit), above one (CENS -1; DV has it), or half of them below and half above. Each data set is
fitted by FOCE, SAEM and iterative two-stage from three starts: the truth, and numbers up to three times too high and too low.

Independently, with closed forms and derivatives in numpy:

    G(eta)   = sum of -2 ln p(y | eta) + eta' Omega^-1 eta + ln|Omega|;   p is Phi(z) below a limit, Phi(-z) above one
    exact    = -2 ln of the integral of exp(-G/2)/(2 pi): adaptive Gauss-Hermite quadrature of 41 x 41 nodes on the scale of half the
               Hessian at the mode, checked by a trapezoidal rule on a lattice
    laplace  = G + ln|A| at the mode, A half the Hessian of G
    linear   = G + ln|H|, H the expected information of the model made linear, and Omega^-1

`exact` and `linear` are minimised over the six numbers; standard errors are from the Hessian of half of `exact`.

Results are kept in --work, a line a fit (runs.jsonl), and the study goes on where it was stopped; with another program the fits
are made again, and what is computed here is not.

    cargo build --release && scripts/python scripts/study/censored.py --work target/censored --write
"""

import argparse
import csv
import hashlib
import json
import math
import pathlib
import shutil
import subprocess
import tomllib

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr, logsumexp

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/release/omafit"
PAGE = ROOT / "docs/validation/censoring.md"
SEED = 20261204
SUBJECTS, DOSE = 60, 320.0
TIMES, LEFT_OUT = (0.25, 0.5, 1, 2, 4, 8, 12, 24), 2
ERRORS, PATTERNS, SHARES = ("log-normal", "proportional"), ("left", "right", "both"), (5, 20, 50)
METHODS = {"foce": "FOCE", "saem": "SAEM", "its": "iterative two-stage"}
ANALYTE = "omalizumab_total"
TRUTH = np.log([1.6, 2.75, 32.0, 0.3, 0.2, 0.2])  # of standard deviations, not variances
# Factors on ka, CL, V, the standard deviations of eta and sigma; a variance is three times off where its root is 1.732 times.
STARTS = {
    "truth": (1, 1, 1, 1, 1, 1),
    "high": (3, 1 / 3, 2, math.sqrt(3), math.sqrt(3), 3),
    "low": (1 / 3, 2, 1 / 1.5, 1 / math.sqrt(3), 1 / math.sqrt(3), 1 / 3),
}
ORDER, COARSE, SPACING = 41, 25, 0.08
FAR = 3.0  # Monte-Carlo standard errors that are told
ELSEWHERE = 10.0  # an end whose -2 log-likelihood is by more above the least is another place than the maximum
LOG_2PI = math.log(2 * math.pi)


# The model.


def course(log_ka, log_cl, log_v, t):
    """ln f, and its first and second derivative to ln CL with V held; those to ln V are -1 less the first, and the second."""
    ka, k = np.exp(log_ka), np.exp(log_cl - log_v)
    x = (ka - k) * t
    x = np.where(np.abs(x) < 1e-6, 1e-6, x)
    phi = -np.expm1(-x) / x
    bent = 1 / np.expm1(x) - 1 / x
    slope = 1 / x**2 - 1 / (4 * np.sinh(x / 2) ** 2)
    value = np.log(DOSE * t) + log_ka - log_v - k * t + np.log(phi)
    first = -k * t * (1 + bent)
    return value, first, first + (k * t) ** 2 * slope


def density(kind, sigma, y, side, value):
    """-2 log-likelihood with constants of every observation, its first and second derivative to ln f, and FOCE's information on ln f."""
    if kind == "log-normal":
        z = (np.log(y) - value) / sigma
        z1, z2, scale, information = -1 / sigma + 0 * z, 0 * z, np.log(sigma * y) + 0 * z, sigma**-2
        scale1 = 0
    else:
        z = (y * np.exp(-value) - 1) / sigma
        z1, z2, scale, information = -(z + 1 / sigma), z + 1 / sigma, np.log(sigma) + value, sigma**-2 + 2
        scale1 = 2
    signed = np.where(side == -1, -z, z)
    log_p = log_ndtr(signed)
    mills = np.exp(-0.5 * signed**2 - 0.5 * LOG_2PI - log_p)
    curved = mills * (mills + signed)
    sign = np.where(side == -1, -1.0, 1.0)
    seen = side == 0
    own = np.where(seen, z**2 + 2 * scale + LOG_2PI, -2 * log_p)
    first = np.where(seen, 2 * z * z1 + scale1, -2 * sign * mills * z1)
    second = np.where(seen, 2 * z1**2 + 2 * z * z2, 2 * curved * z1**2 - 2 * sign * mills * z2)
    return own, first, second, np.where(seen, information, curved * z1**2)


class People:
    """Observations of all subjects, padded to as many as the most have."""

    def __init__(self, kind, t, y, side, there):
        self.kind, self.t, self.y, self.side, self.there = kind, t, y, side, there
        quantified = there & (side == 0)
        self.censored = there & (side != 0)
        # What the program leaves out of its objective.
        left_out = LOG_2PI + (2 * np.log(y) if kind == "log-normal" else 0)
        self.constant = np.sum(np.where(quantified, left_out, 0), 1)
        self.modes = {}

    def joint(self, theta, eta, derivatives=True):
        """G of eta of shape (subjects, ..., 2); with its gradient, half its Hessian, and FOCE's matrix."""
        extra = (1,) * (eta.ndim - 2)
        shape = lambda a: a.reshape(a.shape[0], *extra, a.shape[1])  # noqa: E731
        t, y, side, there = map(shape, (self.t, self.y, self.side, self.there))
        precision = np.exp(-2 * theta[3:5])
        value, first, second = course(theta[0], theta[1] + eta[..., 0, None], theta[2] + eta[..., 1, None], t)
        own, d1, d2, information = density(self.kind, np.exp(theta[5]), y, side, value)
        g = np.sum(np.where(there, own, 0), -1) + np.sum(eta**2 * precision, -1) + 2 * np.sum(theta[3:5])
        if not derivatives:
            return g
        d1, d2, information = (np.where(there, a, 0) for a in (d1, d2, information))
        slopes = np.stack([first, -1 - first], -1)
        gradient = np.einsum("...j,...ja->...a", d1, slopes) + 2 * eta * precision
        bend = np.sum(d1 * second, -1)[..., None, None] * np.array([[1, -1], [-1, 1]])
        half = 0.5 * (np.einsum("...j,...ja,...jb->...ab", d2, slopes, slopes) + bend) + np.diag(precision)
        linear = np.einsum("...j,...ja,...jb->...ab", information, slopes, slopes) + np.diag(precision)
        return g, gradient, half, linear

    def descend(self, theta, eta):
        g, gradient, half, linear = self.joint(theta, eta)
        for _ in range(200):
            if np.max(np.abs(gradient)) < 1e-9:
                break
            good = np.linalg.eigvalsh(half)[:, 0] > 1e-3
            matrix = np.where(good[:, None, None], half, linear)
            (a, b), (_, d) = np.moveaxis(matrix, 0, -1)
            along, across = np.moveaxis(0.5 * gradient, 0, -1)
            # No step from where a matrix is of no use, and none longer than 2.
            step = -np.stack([d * along - b * across, a * across - b * along], -1) / (a * d - b * b)[:, None]
            step = np.nan_to_num(step, posinf=0, neginf=0)
            step *= np.minimum(1, 2 / np.maximum(np.max(np.abs(step), 1), 1e-300))[:, None]
            part = np.ones(len(eta))
            for _ in range(40):
                worse = ~(self.joint(theta, eta + part[:, None] * step, False) <= g + 1e-12 * np.abs(g))
                if not worse.any():
                    break
                part = np.where(worse, part / 2, part)
            eta = eta + part[:, None] * step
            g, gradient, half, linear = self.joint(theta, eta)
        return eta, g, half, linear

    def mode(self, theta, anew=False):
        """The lowest mode that is found from the origin, from the last one, and, where asked for, from eight points around."""
        starts = [np.zeros((len(self.t), 2))]
        if "last" in self.modes:
            starts.append(self.modes["last"])
        if anew:
            around = [(a, b) for a in (-1.5, 0, 1.5) for b in (-1.5, 0, 1.5) if (a, b) != (0, 0)]
            starts += [np.tile(np.array(a) * np.exp(theta[3:5]), (len(self.t), 1)) for a in around]
        found = [self.descend(theta, start) for start in starts]
        best = np.argmin([f[1] for f in found], 0)
        pick = [np.array([found[b][i][s] for s, b in enumerate(best)]) for i in range(4)]
        self.modes["last"] = pick[0]
        return pick

    def exact(self, theta, order=COARSE, anew=False):
        """-2 log-likelihood of every subject."""
        eta, _, half, linear = self.mode(theta, anew)
        good = np.linalg.eigvalsh(half)[:, 0] > 1e-3
        scale = np.linalg.cholesky(np.linalg.inv(np.where(good[:, None, None], half, linear)))
        x, w = np.polynomial.hermite.hermgauss(order)
        grid = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
        log_w = np.add.outer(np.log(w), np.log(w)).ravel() + np.sum(grid**2, 1)
        nodes = eta[:, None] + math.sqrt(2) * np.einsum("sab,nb->sna", scale, grid)
        log_f = -0.5 * self.joint(theta, nodes, False) - LOG_2PI
        return -2 * (logsumexp(log_w + log_f, axis=1) + math.log(2) + np.log(np.linalg.det(scale)))

    def lattice(self, theta):
        """The same by a trapezoidal rule over nine standard deviations of eta, wherever the data may lead."""
        axis = np.arange(-9, 9 + SPACING, SPACING)
        eta = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2) * np.exp(theta[3:5])
        found = []
        for i in range(len(self.t)):
            alone = People(self.kind, *(a[i : i + 1] for a in (self.t, self.y, self.side, self.there)))
            log_f = -0.5 * alone.joint(theta, eta[None], False)[0] - LOG_2PI
            found.append(-2 * (logsumexp(log_f) + 2 * math.log(SPACING) + np.sum(theta[3:5])))
        return np.array(found)

    def linear(self, theta, anew=False):
        _, g, _, linear = self.mode(theta, anew)
        return g + np.linalg.slogdet(linear)[1]

    def laplace(self, theta):
        _, g, half, _ = self.mode(theta, True)
        return g + np.linalg.slogdet(half)[1]


def differences(of, theta, step):
    return np.array([(of(theta + step * e) - of(theta - step * e)) / (2 * step) for e in np.eye(len(theta))])


def hessian(of, theta, step=4e-3):
    made = np.array([differences(of, theta + step * e, step) - differences(of, theta - step * e, step) for e in np.eye(6)]) / (2 * step)
    return 0.5 * (made + made.T)


def least(of, start):
    """Minimum, its gradient's largest element, and the Hessian there."""
    gradient = lambda theta: differences(of, theta, 1e-4)  # noqa: E731
    fit = minimize(of, start, jac=gradient, method="BFGS", options={"gtol": 1e-4, "maxiter": 300})
    theta = fit.x
    for _ in range(3):
        step = -np.linalg.solve(hessian(of, theta), gradient(theta))
        if not np.max(np.abs(step)) < 0.05 or not of(theta + step) < of(theta) + 1e-7:
            break
        theta = theta + step
    return theta, float(np.max(np.abs(gradient(theta)))), hessian(of, theta)


# The data.


def simulated(kind, pattern, share):
    rng = np.random.default_rng([SEED, ERRORS.index(kind), PATTERNS.index(pattern), share])
    eta = rng.normal(size=(SUBJECTS, 2)) * np.exp(TRUTH[3:5])
    t = np.tile(np.array(TIMES, float), (SUBJECTS, 1))
    value = course(TRUTH[0], TRUTH[1] + eta[:, :1], TRUTH[2] + eta[:, 1:], t)[0]
    error = np.exp(TRUTH[5]) * rng.normal(size=t.shape)
    y = np.exp(value + error) if kind == "log-normal" else np.exp(value) * (1 + error)
    there = np.ones(t.shape, bool)
    for i in range(SUBJECTS):
        there[i, rng.choice(len(TIMES), rng.integers(0, LEFT_OUT + 1), replace=False)] = False
    values = np.round(y[there], 5)
    below = {"left": share, "right": 0, "both": share / 2}[pattern]
    above = {"left": 0, "right": share, "both": share / 2}[pattern]
    low, high = (round(float(np.quantile(values, q)), 3) for q in (below / 100, 1 - above / 100))
    y = np.round(y, 5)
    side = np.where((y < low) & (below > 0), 1, np.where((y > high) & (above > 0), -1, 0))
    y = np.where(side == 1, low, np.where(side == -1, high, y))
    return People(kind, t, y, side, there)


def data_file(path, people):
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["ID", "TIME", "DV", "AMT", "EVID", "CENS", "LIMIT"])
        for i in range(len(people.t)):
            out.writerow([i + 1, 0, ".", DOSE, 1, 0, "."])
            for t, y, side in zip(*(a[i][people.there[i]].tolist() for a in (people.t, people.y, people.side))):
                out.writerow([i + 1, t, "." if side == 1 else y, ".", 0, side, y if side == 1 else "."])


def model_file(path, kind, theta):
    ka, cl, v, sd_cl, sd_v, sigma = np.exp(theta).tolist()
    error = "log_sd" if kind == "log-normal" else "proportional_sd"
    path.write_text(f"""name = "censored"
title = "One compartment; CL and V vary"
structure = "one_compartment"
source = "simulated"
start = "steady_state"
[parameters.ka]
typical = {ka!r}
unit = "1/h"
[parameters.CL]
typical = {cl!r}
unit = "L/h"
[parameters.V]
typical = {v!r}
unit = "L"
[variability]
CL = {{ variance = {sd_cl**2!r} }}
V = {{ variance = {sd_v**2!r} }}
[residual]
{ANALYTE} = {{ {error} = {sigma!r} }}
""", encoding="utf-8")  # fmt: skip


# The program.


def omafit(program, *arguments):
    done = subprocess.run([program, *map(str, arguments), "--quiet"], check=False, capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def table(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def estimates(run):
    rows = {row["name"]: float(row["estimate"]) for row in table(run / "parameters.csv")}
    sigma = next(value for name, value in rows.items() if name.startswith("sigma_"))
    return np.log([rows["ka"], rows["CL"], rows["V"], math.sqrt(rows["omega2_CL"]), math.sqrt(rows["omega2_V"]), sigma])


def fitted(program, folder, people, method, start, seed):
    """What the program found, beside what is computed here at its estimates."""
    run, again = folder / f"{method}-{start}", folder / f"{method}-{start}-laplace"
    hours = ["--time-unit", "hours", "--no-trajectories", "--no-report", "--force"]
    how = ["--model", folder / f"{start}.toml", "--method", method, "--likelihood", "is", "--population-seed", seed]
    code, message = omafit(program, "fit", folder / "data.csv", *how, *hours, "--out", run)
    if not (run / "run.json").exists():
        lines = [text for text in message.splitlines() if text]
        # Of a panic what it says, without where it was and how it came there.
        of_panic = [f"panic: {after}" for text, after in zip(lines, lines[1:]) if " panicked at " in text]
        return {"failed": (of_panic or lines or [f"exit code {code}"])[0], "code": code}
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    theta, population, likelihood = estimates(run), record["population"], record["likelihood"]
    quadrature = people.exact(theta, ORDER, anew=True)
    rows = table(run / "likelihood.csv")
    own = [
        (float(r["ofv"]) - (exact - constant)) / float(r["monte_carlo_se"])
        for r, exact, constant in zip(rows, quadrature, people.constant)
    ]
    made = {
        "code": code,
        "theta": theta.tolist(),
        "exact": float(quadrature.sum()),
        "exact_error": float(abs(quadrature.sum() - people.exact(theta, COARSE).sum())),
        "is": likelihood["minus2ll"],
        "is_ofv_and_constants": likelihood["ofv"] + float(people.constant.sum()),
        "is_se": likelihood["monte_carlo_se"],
        "subjects": [float(np.mean(own)), float(np.std(own, ddof=1)), float(np.max(np.abs(own)))],
        "pareto_k": max(float(r["pareto_k"]) for r in rows),
        "linear": population["ofv"],
        "linear_here": float((people.linear(theta, True) - people.constant).sum()),
        "laplace_here": float((people.laplace(theta) - people.constant).sum()),
        "iterations": population["iterations"],
        "converged": population["converged"],
        "reason": population["stop_reason"],
        "warnings": record["warnings"],
    }
    at_end = ["--model", run / "model.toml", "--method", "map", "--likelihood", "laplace"]
    code, message = omafit(program, "fit", folder / "data.csv", *at_end, *hours, "--out", again)
    made["laplace"] = json.loads((again / "run.json").read_text(encoding="utf-8"))["likelihood"]["ofv"] if code == 0 else message
    return made


def reference(people):
    theta, slope, curvature = least(lambda p: float(people.exact(p).sum()), TRUTH)
    fine, lattice = people.exact(theta, ORDER, anew=True), people.lattice(theta)
    foce, foce_slope, _ = least(lambda p: float(people.linear(p).sum()), theta)
    return {
        "theta": theta.tolist(),
        "se": np.sqrt(np.diag(np.linalg.inv(0.5 * curvature))).tolist(),
        "exact": float(fine.sum()),
        "gradient": slope,
        "lattice_difference": float(np.max(np.abs(fine - lattice))),
        "foce": foce.tolist(),
        "foce_gradient": foce_slope,
        "foce_linear": float((people.linear(foce, True) - people.constant).sum()),
        "foce_exact": float(people.exact(foce, ORDER, anew=True).sum()),
        "observations": int(people.there.sum()),
        "censored": int(people.censored.sum()),
        "wholly_censored": int(np.sum(np.all(people.censored | ~people.there, 1))),
    }


def study(program, work, keep):
    identity = hashlib.sha256(program.read_bytes()).hexdigest()
    kept = work / "runs.jsonl"
    done = {}
    if kept.exists():
        for text in kept.read_text(encoding="utf-8").splitlines():
            row = json.loads(text)
            done[tuple(row["key"])] = row

    def once(key, make, by=None):
        row = done.get(key)
        # What failed is tried again.
        if row is None or "failed" in row or row.get("by") != by:
            done[key] = {"key": list(key), "by": by, **make()}
            with open(kept, "a", encoding="utf-8") as f:
                f.write(json.dumps(done[key]) + "\n")
        return done[key]

    for number, (kind, pattern, share) in enumerate((e, p, s) for e in ERRORS for p in PATTERNS for s in SHARES):
        name = f"{kind}, {pattern}, {share} %"
        people = simulated(kind, pattern, share)
        known = once((SEED, kind, pattern, share, "reference"), lambda: reference(people))
        print(f"{name}: exact {known['exact']:.3f}; quadrature and lattice differ by {known['lattice_difference']:.1e}; "
              f"gradient {known['gradient']:.1e}; {known['censored']} of {known['observations']} censored, "
              f"{known['wholly_censored']} subjects wholly", flush=True)  # fmt: skip
        folder = work / name.replace(" %", "").replace(", ", "-")
        folder.mkdir(exist_ok=True)
        data_file(folder / "data.csv", people)
        for index, (start, factors) in enumerate(STARTS.items()):
            model_file(folder / f"{start}.toml", kind, TRUTH + np.log(factors))
            for method in METHODS:
                row = once(
                    (SEED, kind, pattern, share, method, start),
                    lambda: fitted(program, folder, people, method, start, 10 * number + index + 1),
                    identity,
                )
                print(f"  {method} {start}: {line(row, known)}", flush=True)
        if not keep:
            shutil.rmtree(folder)
    return done


def away(row, known):
    """Estimates less the exact maximum's, in standard errors."""
    return (np.array(row["theta"]) - known["theta"]) / known["se"]


def beyond(row):
    return (row["is"] - row["exact"]) / row["is_se"]


def line(row, known):
    if "failed" in row:
        return f"FAILED ({row['code']}) {row['failed']}"
    end = f"converged after {row['iterations']}" if row["converged"] else "NOT CONVERGED"
    laplace = row["laplace"] if isinstance(row["laplace"], str) else f"{row['laplace'] - row['laplace_here']:+.1e}"
    return (f"{end}; above the maximum {row['exact'] - known['exact']:.3f}; most off {np.max(np.abs(away(row, known))):.3f} SE; "
            f"IS {beyond(row):+.2f} of {row['is_se']:.3f}; k {row['pareto_k']:.2f}; linear {row['linear'] - row['linear_here']:+.1e}; "
            f"laplace {laplace}; {row['reason']}")  # fmt: skip


# The page.


def between(values, digits):
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def grouped(head, found):
    """A table of runs that are told of, each with what is told; those that differ by their method alone in one row."""
    rows = {}
    for (c, method, start), told in found:
        rows.setdefault((c, start, told), []).append(METHODS[method])
    lines = [f"| error, limits | start | methods | {head} |", "|---|---|---|---|"]
    return lines + [f"| {c[0]}, {c[1]}, {c[2]} % | {start} | {', '.join(of)} | {told} |" for (c, start, told), of in rows.items()]


def page(done, version):
    cells = [(e, p, s) for e in ERRORS for p in PATTERNS for s in SHARES]
    known = {c: done[(SEED, *c, "reference")] for c in cells}
    runs = {(c, m, s): done[(SEED, *c, m, s)] for c in cells for m in METHODS for s in STARTS}
    ended = {key: r for key, r in runs.items() if "failed" not in r}
    failed = [(key, r["failed"]) for key, r in runs.items() if "failed" in r]
    open_ = [(key, r["reason"]) for key, r in ended.items() if not r["converged"]]
    beside = {key for key, r in ended.items() if r["exact"] - known[key[0]]["exact"] > ELSEWHERE}
    good = {(c, m): [ended[c, m, s] for s in STARTS if (c, m, s) in ended and (c, m, s) not in beside] for c in cells for m in METHODS}
    every = list(ended.values())
    z = np.array([beyond(r) for r in every])
    subjects = np.array([r["subjects"] for r in every])
    laplace = [abs(r["laplace"] - r["laplace_here"]) for r in every if not isinstance(r["laplace"], str)]
    linear = [abs(r["linear"] - r["linear_here"]) for r in every]
    least_foce = [r["linear"] - known[c]["foce_linear"] for c in cells for r in good[c, "foce"]]
    foce = [np.max(np.abs((np.array(r["theta"]) - known[c]["foce"]) / known[c]["se"])) for c in cells for r in good[c, "foce"]]
    saem = np.abs([away(r, known[c]) for c in cells for r in good[c, "saem"]])
    refused = f"; refused in {len(every) - len(laplace)} runs" if len(laplace) < len(every) else ""
    text = [
        "# Censored populations against quadrature",
        "",
        f"Estimated were {len(cells)} simulated data sets of {SUBJECTS} subjects with 6 to 8 samples (one compartment, first-order absorption; CL and V vary, ka does",
        "not), with log-normal or proportional error of 0.2, of whose observations 5, 20 or 50 % lie below a limit (left), above one (right), or half of",
        f"them beyond each (both): by FOCE, SAEM and iterative two-stage, from three starts (the truth; numbers up to three times off in both directions), {len(runs)} runs,",
        "the likelihood at the end of each by importance sampling (1000 draws a subject). Beside them stand the marginal likelihood by adaptive Gauss–Hermite",
        f"quadrature ({ORDER} × {ORDER} nodes a subject) and its maximum, by an independent program. A trapezoidal rule on a lattice differs from the quadrature by",
        f"{max(k['lattice_difference'] for k in known.values()):.0e} of a subject or less; the gradient at the maxima is {max(k['gradient'] for k in known.values()):.0e} or less.",
        f"Made by `scripts/study/censored.py --write`, omafit {version}, seed {SEED}.",
        "",
        "## Ends",
        "",
        "| method | converged | iterations |",
        "|---|---|---|",
    ]
    for m, label in METHODS.items():
        rows = [r for key, r in ended.items() if key[1] == m]
        text.append(f"| {label} | {sum(r['converged'] for r in rows)} of {len(cells) * len(STARTS)} | {between([r['iterations'] for r in rows], 0)} |")
    for says, head, found in (
        (f"Failed: {len(failed)}", "says", failed),
        (f"Not converged: {len(open_)}", "reason", open_),
        (f"Elsewhere than at the maximum, −2LL more than {ELSEWHERE:.0f} above it: {len(beside)}; left out of the estimates below",
         "above; ended", [(k, f"{r['exact'] - known[k[0]]['exact']:.0f}; {r['reason'].partition(':')[0]}") for k, r in ended.items() if k in beside]),
    ):  # fmt: skip
        text += ["", f"{says}.", *(["", *grouped(head, found)] if found else [])]
    text += [
        "",
        "## Likelihoods",
        "",
        "At the estimates of each run, less the same computed independently; the draws of a start are from one seed, whatever the method:",
        "",
        "| likelihood | difference |",
        "|---|---|",
        f"| importance sampling | {z.min():+.2f} to {z.max():+.2f} Monte-Carlo standard errors, mean {z.mean():+.2f}, SD {z.std(ddof=1):.2f}; beyond ±{FAR:.0f}: {np.sum(np.abs(z) > FAR)} of {len(z)}; the error is {between([r['is_se'] for r in every], 2)} |",
        f"| the same, of single subjects | mean {subjects[:, 0].mean():+.2f}, SD {np.sqrt(np.mean(subjects[:, 1] ** 2)):.2f}; the largest of {len(every) * SUBJECTS:,} is {subjects[:, 2].max():.1f} |",
        f"| Laplace | {max(laplace):.0e} or less{refused} |",
        f"| linear | {max(linear):.0e} or less |",
        f"| constants of −2LL | {max(abs(r['is'] - r['is_ofv_and_constants']) for r in every):.0e} or less |",
        "",
        f"Pareto k̂ of a subject's weights is {max(r['pareto_k'] for r in every):.2f} or less; it is above 0.7, of which the program warns, in {sum(r['pareto_k'] > 0.7 for r in every)} runs.",
        "",
        "## Estimates",
        "",
        "Over the three starts: by how much −2LL (quadrature) at the estimates is above its least; how far the number that is most off lies from the exact maximum, in its asymptotic standard errors",
        "(of logarithms); how far the ends from different starts lie apart in the number where that is most, in the same errors. SAEM's ends differ by their draws too, as each start had a seed of",
        "its own. Censored are observations; in brackets subjects of whom nothing is quantified.",
        "",
        "| error, limits | censored | −2LL, least | " + " | ".join(f"{m}: above; most off; apart" for m in METHODS.values()) + " |",
        "|---|---|---|---|---|---|",
    ]
    for c in cells:
        k, parts = known[c], []
        for m in METHODS:
            ends = np.array([away(r, k) for r in good[c, m]])
            above = between([r["exact"] - k["exact"] for r in good[c, m]], 2)
            parts.append(f"{above}; {between(np.max(np.abs(ends), 1), 2)}; {np.max(ends.max(0) - ends.min(0)):.3f}")
        whole = f" ({k['wholly_censored']})" if k["wholly_censored"] else ""
        text.append(f"| {c[0]}, {c[1]}, {c[2]} % | {k['censored']} of {k['observations']}{whole} | {k['exact']:.3f} | {' | '.join(parts)} |")
    text += [
        "",
        f"FOCE's ends are an independent minimum of its own objective: {min(least_foce):+.0e} to {max(least_foce):+.0e} of the objective, and {max(foce):.3f} standard errors or less",
        "of any number. What FOCE is above the exact maximum is its approximation.",
        "",
        f"SAEM's numbers are off by {np.sqrt(np.mean(saem**2)):.2f} standard errors (root mean square of all), by more than 0.2, which its rule of stopping aims at, in {100 * np.mean(saem > 0.2):.0f} %.",
        "",
        "The distance of the estimates from the exact maximum, in asymptotic standard errors: mean (least to most) over data sets and starts; `omega` are standard deviations of η.",
        "",
        "| method | error | censored | ka | CL | V | omega_CL | omega_V | sigma |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for m, label in METHODS.items():
        for error in ERRORS:
            for share in SHARES:
                rows = np.array([away(r, known[c]) for c in cells if c[0] == error and c[2] == share for r in good[c, m]])
                row = " | ".join(f"{v.mean():+.2f} ({v.min():+.2f} to {v.max():+.2f})" for v in rows.T)
                text.append(f"| {label} | {error} | {share} % | {row} |")
    usual = ("times read in hours", "the time courses were left out", "influence: ")
    warned = {key: [w for w in r["warnings"] if not w.startswith(usual)] for key, r in ended.items()}
    at_maximum = sorted({w for key, ws in warned.items() if key not in beside for w in ws})
    text += [
        "",
        f"Runs with a warning, but for those of influence: {sum(map(bool, warned.values()))}, of them elsewhere than at the maximum "
        f"{sum(bool(warned[key]) for key in beside)}. Warnings of the others: {'; '.join(at_maximum) or 'none'}.",
        "",
    ]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--omafit", type=pathlib.Path, default=PROGRAM, help="the program")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target/censored", help="folder of what is kept")
    parser.add_argument("--keep", action="store_true", help="keep the data sets, models and runs too")
    parser.add_argument("--write", action="store_true", help="write the page of the book")
    args = parser.parse_args()
    # Lengths of a descent that lead nowhere are halved.
    np.seterr(over="ignore", invalid="ignore", divide="ignore")
    args.work.mkdir(parents=True, exist_ok=True)
    done = study(args.omafit, args.work, args.keep)
    version = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"]
    text = page(done, version)
    if args.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
