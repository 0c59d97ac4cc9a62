"""Published and tabulated numbers of the omalizumab-IgE binding model, at full precision.

Model: Hayashi, Tsukamoto, Sallas, Lowe 2007, Br J Clin Pharmacol 63:548,
doi 10.1111/j.1365-2125.2006.02803.x (see hayashi.py). Half-lives, untreated free IgE, single doses of
75-375 mg at the centre of the covariates, and 28 weeks of treatment by the dosing table. Each entry
holds the definition used, the value and the printed digits; the script says which digits do not
come out. The production rate is given twice in the paper's table: 0.1595 nmol/h (3.828 nmol/d) and
30.3 ug/h (3.8274 nmol/d); both are computed.

Run:    python3 scripts/reference/published.py
Writes: fixtures/reference/published.json
"""

import json
import math
import pathlib

import numpy as np

import hayashi as h

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "reference" / "published.json"
LN2 = math.log(2)
PE_FROM_UG = 30.3 / 190 * 24

# weight kg, IgE IU/mL, dose mg, interval d: trough, ratio, free IgE min/mean/max
TABLE = [
    (70, 100, 150, 28, ["16.9", "5.7", "11.8", "15.2", "20.9"]),
    (70, 150, 300, 28, ["34.2", "5.3", "8.4", "10.8", "14.7"]),
    (60, 300, 300, 28, ["39.1", "4.7", "11.9", "15.3", "20.9"]),
    (70, 300, 225, 14, ["65.4", "4.4", "10.2", "11.1", "12.7"]),
    (80, 400, 300, 14, ["77.3", "3.8", "9.9", "10.8", "12.4"]),
    (60, 700, 375, 14, ["125.3", "3.8", "10.0", "10.9", "12.4"]),
    (100, 300, 300, 14, ["63.1", "3.6", "9.0", "9.9", "11.5"]),
]
SINGLE = {  # Cmax ug/mL, free-IgE minimum ng/mL, total-IgE maximum ng/mL
    75: ["10.81", "28.50", "1881"],
    150: ["21.39", "15.98", "2031"],
    300: ["42.55", "8.95", "2129"],
    375: ["53.13", "7.42", "2152"],
}
missed = []


def entry(what, value, printed):
    decimals = len(printed.partition(".")[2])
    agrees = f"{value:.{decimals}f}" == printed
    if not agrees:
        missed.append(f"{what}: printed {printed}, computed {value!r}")
    return {"value": float(value), "printed": printed, "agrees": agrees}


def extreme(p, baseline, doses, analyte, sign):
    """Time and value of a smooth maximum (sign 1) or minimum (-1): coarse grid, then a local polynomial."""
    grid = np.round(np.arange(0.25, 84, 0.25), 6).tolist()
    y = h.solve(p, baseline, doses, grid)[analyte]
    centre, width = grid[int(np.argmax(sign * y))], 0.25
    for _ in range(3):
        local = centre + width * np.linspace(-1, 1, 11)
        fit = np.polynomial.Polynomial.fit(local, h.solve(p, baseline, doses, local.tolist())[analyte], 6)
        roots = fit.deriv().roots()
        roots = roots[np.abs(roots.imag) < 1e-9].real
        centre = float(roots[np.argmin(np.abs(roots - centre))])
        width /= 3
    return centre, float(fit(centre))


def single_doses(pe):
    p = h.typical(61.1, 482.4)
    p[6] = pe
    baseline = pe / p[3] * 190
    rows = []
    for mg, printed in SINGLE.items():
        doses = [[0.0, float(mg)]]
        row = {"dose_mg": mg}
        for name, analyte, sign, digits in [("cmax", 0, 1, printed[0]), ("free_ige_minimum", 2, -1, printed[1]), ("total_ige_maximum", 1, 1, printed[2])]:
            t, v = extreme(p, baseline, doses, analyte, sign)
            row[name] = entry(f"{mg} mg, Pe {pe:.5g}, {name}", v, digits) | {"time_d": t}
        rows.append(row)
    return {"parameters": p.tolist(), "ige_baseline_ng_ml": baseline, "doses": rows}


def weeks_28(weight, iu, mg, interval, printed):
    ige = 2.42 * iu
    p = h.typical(weight, ige)
    baseline = p[6] / p[3] * 190
    doses = [[float(t), float(mg)] for t in range(0, 196, interval)]
    grid = np.round(np.linspace(168, 196, 281), 6)
    out = h.solve(p, baseline, doses, [112.0] + grid.tolist())
    free = out[2, 1:]
    simpson = float(np.sum(free[:-2:2] + 4 * free[1:-1:2] + free[2::2]) / 3 * 0.1 / 28)
    who = f"{weight} kg, {iu} IU/mL, {mg} mg every {interval} d"
    return {
        "weight_kg": weight,
        "ige_iu_ml": iu,
        "dose_mg": mg,
        "interval_d": interval,
        "parameters": p.tolist(),
        "ige_baseline_ng_ml": baseline,
        "trough_ug_ml": entry(f"{who}, trough", out[0, 0], printed[0]),
        "total_ige_ratio": entry(f"{who}, ratio", out[1, 0] / baseline, printed[1]),
        "free_ige_min": entry(f"{who}, free IgE min", free.min(), printed[2]),
        "free_ige_mean": entry(f"{who}, free IgE grid mean", free.mean(), printed[3]) | {"time_average": simpson},
        "free_ige_max": entry(f"{who}, free IgE max", free.max(), printed[4]),
    }


def main():
    ka, CLx, dCLc, CLe, Vx, Vc, Pe, _, _ = h.TYPICAL
    result = {
        "provenance": "Computed by scripts/reference/published.py (scipy, relative tolerance 1e-12; independent of the Rust code). "
        "Model: Hayashi 2007, doi 10.1111/j.1365-2125.2006.02803.x. Simulated, no patient data.",
        "parameter_names": h.NAMES,
        "half_lives": {
            "definition": "ln 2 * V / CL at the population values; days; complex clearance is CLx + dCLc",
            "free_omalizumab": entry("half-life of omalizumab", LN2 * Vx / CLx, "23.28"),
            "ige": entry("half-life of IgE", LN2 * Vx / CLe, "2.400"),
            "complex": entry("half-life of the complex", LN2 * Vc / (CLx + dCLc), "7.95"),
        },
        "untreated_free_ige": {
            "definition": "Pe / CLe * 190 ng/mL at 61.1 kg, 482.4 ng/mL",
            "pe_3.828_nmol_d": entry("untreated free IgE", Pe / CLe * 190, "426.8"),
            "pe_30.3_ug_h": entry("untreated free IgE from 30.3 ug/h", PE_FROM_UG / CLe * 190, "426.8"),
        },
        "single_doses": {
            "definition": "61.1 kg, 482.4 ng/mL covariates, start at the model's steady state Pe/CLe*190; continuous extremes over 0-84 d",
            "pe_3.828_nmol_d": single_doses(Pe),
            "pe_30.3_ug_h": single_doses(PE_FROM_UG),
        },
        "weeks_28": {
            "definition": "covariate IGE = 2.42*IU/mL; E(0) = Pe/CLe*Ve; doses at 0, interval, ... < 196 d; trough: total omalizumab on "
            "day 112 before the dose; ratio: total IgE on day 112 before the dose / the start value Pe/CLe*190 (not 2.42*IU); free IgE "
            "min, arithmetic mean and max of the 281 grid points 168.0, 168.1, ..., 196.0 d; time_average is the integral over 168-196 d / 28",
            "rows": [weeks_28(*row) for row in TABLE],
        },
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print("\n".join(missed) or "every printed digit comes out")


if __name__ == "__main__":
    main()
