"""Tails of the standard normal and of Student's t, with derivatives, at many digits.

With p the density and F the distribution function at z, psi = -(ln p)':

    log_cdf     ln F(z)
    mills       L = p(z)/F(z)                    the slope of ln F
    mills_by_z  L' = -L (psi + L)
    mills_by_z_twice  L''
    normal only:
    excess      e = L + z
    variance    v = 1 - L e                      of the normal distribution cut off above z
    curvature   k = L e = -(ln F)''
    curvature_by_z  dk/dz = -L''

F of t is I_x(nu/2, 1/2)/2 with x = nu/(nu + z^2) below zero and 1 less that above. All is computed with mpmath at 150 and again at
220 digits, which must agree to 30: at z = -1e8 half a hundred digits cancel. t with 1 and 4 degrees of freedom is checked
against its closed forms, ln F of the normal against its asymptotic series, and the derivatives against differences at 90 digits.
Numbers are the nearest doubles: a number below 5e-324 is 0.

Run:    scripts/python scripts/reference/tails.py
Writes: fixtures/reference/tails.json
"""

import json
import pathlib

from mpmath import mp, mpf

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "tails.json"
DEGREES = ["1", "1.5", "4", "30", "100"]
POINTS = """-1e8 -1e5 -1000 -100 -40 -33 -10 -5.5 -2.6 -2.5 -2.4 -1 -0.1 0 0.1 1 2.5 5 8 20 38 1e3 1e8""".split()
DIGITS, MORE_DIGITS, AGREED = 150, 220, 30


def cdf(df, z):
    if df is None:
        return mp.erfc(-z / mp.sqrt(2)) / 2
    if z == 0:
        return mpf(1) / 2
    tail = mp.betainc(df / 2, mpf(1) / 2, 0, df / (df + z * z), regularized=True) / 2
    return tail if z < 0 else 1 - tail


def density(df, z):
    if df is None:
        return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
    return (1 + z * z / df) ** (-(df + 1) / 2) / (mp.sqrt(df) * mp.beta(mpf(1) / 2, df / 2))


def log_cdf(df, z):
    if z <= 0:
        return mp.log(cdf(df, z))
    return mp.log1p(-cdf(df, -z))


def mills(df, z):
    return density(df, z) / cdf(df, z)


def row(df, z):
    ratio = mills(df, z)
    score, by_score = (z, mpf(1)) if df is None else ((df + 1) * z / (df + z * z), (df + 1) * (df - z * z) / (df + z * z) ** 2)
    slope = -ratio * (score + ratio)
    bend = -slope * (score + ratio) - ratio * (by_score + slope)
    made = {"log_cdf": log_cdf(df, z), "mills": ratio, "mills_by_z": slope, "mills_by_z_twice": bend}
    if df is None:
        excess = ratio + z
        made |= {"excess": excess, "variance": 1 - ratio * excess, "curvature": ratio * excess, "curvature_by_z": -bend}
    return made


def stable(df, z):
    """The row at more digits, if it is the one at fewer."""
    rows = []
    for digits in (DIGITS, MORE_DIGITS):
        mp.dps = digits
        rows.append(row(df and mpf(df), mpf(float(z))))
    few, many = rows
    for name, value in many.items():
        assert abs(few[name] - value) <= mpf(10) ** -AGREED * abs(value), (df, z, name)
    return {name: float(value) + 0.0 for name, value in many.items()}


def check():
    mp.dps = 60
    for z in map(mpf, POINTS):
        cauchy = mpf(1) / 2 + mp.atan(z) / mp.pi if z > -1 else mp.atan(-1 / z) / mp.pi
        assert abs(cdf(mpf(1), z) / cauchy - 1) < mpf(10) ** -40
        if -1000 <= z <= 1000:
            u = z / mp.sqrt(4 + z * z)
            # 1/2 + u(3 - u^2)/4; its lower tail is (1 + u)^2 (2 - u)/4
            four = (1 + u) ** 2 * (2 - u) / 4
            assert abs(cdf(mpf(4), z) / four - 1) < mpf(10) ** -40
        if z <= -33:
            # asymptotic: F = p/|z| * sum (-1)^k (2k-1)!!/z^2k, to its least term
            term, total, k = mpf(1), mpf(1), 0
            while abs(term) > mpf(10) ** -50 and k < 300:
                k += 1
                term *= -(2 * k - 1) / z**2
                total += term
            assert abs(log_cdf(None, z) - (-z * z / 2 - mp.log(-z * mp.sqrt(2 * mp.pi)) + mp.log(total))) < mpf(10) ** -40
        for df in [None, *map(mpf, DEGREES)]:
            if abs(z) <= 40:
                mp.dps = 90
                made, h = row(df, z), mpf(10) ** -20
                ratio = lambda x, df=df: mills(df, x)
                first = (log_cdf(df, z + h) - log_cdf(df, z - h)) / (2 * h)
                second = (ratio(z + h) - ratio(z - h)) / (2 * h)
                third = (ratio(z + h) - 2 * ratio(z) + ratio(z - h)) / h**2
                for name, value in (("mills", first), ("mills_by_z", second), ("mills_by_z_twice", third)):
                    assert abs(made[name] - value) < mpf(10) ** -25 * (1 + abs(value)), (df, z, name)
                mp.dps = 60


def main():
    check()
    cases = []
    for df in [None, *DEGREES]:
        for z in POINTS:
            cases.append({"df": df and float(df), "z": float(z), **stable(df, z)})
    made = {
        "provenance": "Computed by scripts/reference/tails.py (mpmath, 150 digits; independent of the Rust code). df null: the standard "
        "normal distribution. Nearest doubles.",
        "cases": cases,
    }
    OUT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"{len(cases)} cases, e.g. {cases[0]}")


if __name__ == "__main__":
    main()
