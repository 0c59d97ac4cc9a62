"""-2 log-likelihood of one observation, quantified, below or above a limit, with its derivatives, at many digits.

    log-normal error   z = (ln y - ln f)/sigma            quantified  D(z) + 2 ln sigma
    normal scale       z = (y - f)/g, g^2 = a^2 + (b f)^2  quantified  D(z) + 2 ln g
    below a limit y    -2 ln F(z)
    above a limit y    -2 ln F(-z)

with D(z) = z^2 of the normal shape and (nu + 1) ln(1 + z^2/nu) of Student's t: what is at z = 0 is left out, and so is ln y^2 of a
log-normal error. s1 is ln sigma or ln a, s2 is ln b. Partial derivatives to f, s1 and s2 are central differences at 200 digits,
with steps of 1e-45 and of 1e-50, which must agree to 25 digits, and F is that of tails.py. Of the normal shape there is also the information w
on f by which FOCE weighs the observation, and its derivatives:

    quantified   log-normal 1/(sigma f)^2;   normal scale 1/g^2 + 2 (g'/g)^2
    censored     L (L + z) (dz/df)^2, without what a bent z adds; L = p(z)/F(z), at -z above a limit

Numbers are the nearest doubles: a number below 5e-324 is 0.

Run:    scripts/python scripts/reference/censored.py
Writes: fixtures/reference/censored_density.json
"""

import itertools
import json
import pathlib

from mpmath import mp, mpf

import tails

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "censored_density.json"
DIGITS, AGREED = 200, 25
STEPS = ("1e-45", "1e-50")
ERRORS = {
    "log_normal": {"s1": 0.3},
    "additive": {"s1": 2.0},
    "proportional": {"s2": 0.25},
    "combined": {"s1": 1.5, "s2": 0.2},
}
PAIRS = [(10, 12), (3, 0.7), (60, 0.5), (0.5, 60), (10, 150), (0.0075, 2), (1e-12, 2), (1e6, 2)]
# Where nothing is predicted a proportional or a log-normal error has no width.
AT_ZERO = [(0, 2)]
CENSORING = ["quantified", "below", "above"]
# Prediction, lower and upper end of an interval: wide, narrow, far in either tail.
INTERVALS = [
    (10, 9, 12),
    (10, 5, 40),
    (10, "9.9", "10.2"),
    (3, "0.5", "0.7"),
    (60, "0.1", "0.5"),
    (0.5, 40, 60),
    (10, 150, 151),
    (0.0075, 1, 2),
    (1e-12, 1, 2),
    (1e6, 1, 2),
]
INTERVAL_AT_ZERO = [(0, 1, 2)]


def standardised(kind, f, y, s):
    """z, g or sigma, and dz/df."""
    if kind == "log_normal":
        sd = mp.exp(s["s1"])
        return (mp.log(y) - mp.log(f)) / sd, sd, -1 / (sd * f)
    a = mp.exp(s["s1"]) if "s1" in s else mpf(0)
    b = mp.exp(s["s2"]) if "s2" in s else mpf(0)
    g = mp.sqrt(a**2 + (b * f) ** 2)
    z = (y - f) / g
    return z, g, -1 / g - z * b**2 * f / g**2


def value(kind, df, censoring, f, y, s):
    z, g, _ = standardised(kind, f, y, s)
    if censoring == "quantified":
        return (z**2 if df is None else (df + 1) * mp.log1p(z**2 / df)) + 2 * mp.log(g)
    return -2 * tails.log_cdf(df, z if censoring == "below" else -z)


def between(kind, df, f, ends, s):
    """Probability of an interval, its first and its second derivative over f where z is linear in f; df None: normal."""
    (low, _, low_slope), (high, _, high_slope) = (standardised(kind, f, y, s) for y in ends)
    mirrored = low + high > 0
    p = tails.cdf(df, -low) - tails.cdf(df, -high) if mirrored else tails.cdf(df, high) - tails.cdf(df, low)
    if df is not None:
        return p, None, None
    first = tails.density(None, high) * high_slope - tails.density(None, low) * low_slope
    second = low * tails.density(None, low) * low_slope**2 - high * tails.density(None, high) * high_slope**2
    return p, first, second


def information_between(kind, f, ends, s):
    p, first, second = between(kind, None, f, ends, s)
    return (first / p) ** 2 - second / p


def information(kind, censoring, f, y, s):
    z, g, slope = standardised(kind, f, y, s)
    if censoring == "quantified":
        if kind == "log_normal":
            return 1 / (g * f) ** 2
        b = mp.exp(s["s2"]) if "s2" in s else mpf(0)
        return 1 / g**2 + 2 * (b**2 * f / g**2) ** 2
    side = z if censoring == "below" else -z
    ratio = tails.mills(None, side)
    return ratio * (ratio + side) * slope**2


def derivatives(of, f, s, h):
    """Value, and partial derivatives by central differences: f, f twice, each s, f and s."""
    h, k = mpf(h) * (f or 1), mpf(h)
    at = {step: of(f + step * h, s) for step in (-1, 0, 1)}
    made = {
        "value": at[0],
        "by_f": (at[1] - at[-1]) / (2 * h),
        "by_f_twice": (at[1] - 2 * at[0] + at[-1]) / h**2,
    }
    for name in s:
        moved = {(i, j): of(f + i * h, s | {name: s[name] + j * k}) for i in (-1, 0, 1) for j in (-1, 1)}
        made[f"by_{name}"] = (moved[0, 1] - moved[0, -1]) / (2 * k)
        made[f"by_f_{name}"] = (moved[1, 1] - moved[1, -1] - moved[-1, 1] + moved[-1, -1]) / (4 * h * k)
    return made


def stable(of, f, s):
    """Derivatives with the smaller step, if they are those with the larger one."""
    large, small = (derivatives(of, f, s, h) for h in STEPS)
    for name, found in small.items():
        # What is zero exactly is left with the rounding of the others.
        scale = abs(found) + mpf(10) ** -60 * max(abs(v) for v in small.values())
        assert abs(large[name] - found) <= mpf(10) ** -AGREED * scale, (name, float(large[name]), float(found))
    floor = mpf(10) ** -70 * max(abs(v) for v in small.values())
    return {name: float(found) + 0.0 if abs(found) > floor else 0.0 for name, found in small.items()}


def main():
    mp.dps = DIGITS
    cases = []
    for (kind, sds), df, censoring in itertools.product(ERRORS.items(), (None, 4), CENSORING):
        s = {name: mp.log(mpf(sd)) for name, sd in sds.items()}
        for f, y in PAIRS + (AT_ZERO if kind in ("additive", "combined") else []):
            f, y, shape = mpf(f), mpf(y), df and mpf(df)
            of = lambda f, s: value(kind, shape, censoring, f, y, s)  # noqa: B023
            case = {"error": kind, **{f"exp_{name}": sd for name, sd in sds.items()}, "df": df, "censoring": censoring}
            case |= {"f": float(f), "y": float(y), **stable(of, f, s)}
            if df is None:
                w = stable(lambda f, s: information(kind, censoring, f, y, s), f, s)  # noqa: B023
                case |= {"information": w.pop("value")}
                case |= {f"information_{n}": v for n, v in w.items() if n == "by_f" or not n.startswith("by_f")}
            cases.append(case)
    for (kind, sds), df in itertools.product(ERRORS.items(), (None, 4)):
        s = {name: mp.log(mpf(sd)) for name, sd in sds.items()}
        for f, low, high in INTERVALS + (INTERVAL_AT_ZERO if kind in ("additive", "combined") else []):
            f, ends, shape = mpf(f), (mpf(low), mpf(high)), df and mpf(df)
            case = {"error": kind, **{f"exp_{name}": sd for name, sd in sds.items()}, "df": df, "censoring": "between"}
            of = lambda f, s: -2 * mp.log(between(kind, shape, f, ends, s)[0])  # noqa: B023
            case |= {"f": float(f), "lower": float(ends[0]), "y": float(ends[1]), **stable(of, f, s)}
            if df is None:
                w = stable(lambda f, s: information_between(kind, f, ends, s), f, s)  # noqa: B023
                case |= {"information": w.pop("value")}
                case |= {f"information_{n}": v for n, v in w.items() if n == "by_f" or not n.startswith("by_f")}
            cases.append(case)
    made = {
        "provenance": "Computed by scripts/reference/censored.py (mpmath, 200 digits; independent of the Rust code), which has the "
        "definitions. exp_s1: sigma or a; exp_s2: b. Nearest doubles.",
        "cases": cases,
    }
    OUT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
