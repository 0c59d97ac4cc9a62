"""Independent residual diagnostics of the 20 simulated patients, and of made-up numbers.

Model: Hayashi 2007 at the between-subject variances of crates/model/src/published/hayashi2007.toml (see hayashi.py).
WRES and CWRES (Hooker, Staatz, Karlsson 2007, doi 10.1007/s11095-007-9361-x), on the logarithm:
    E = f(eta*) - J eta*,  C = J Omega J' + diag(sigma^2),  C^(-1/2) (y - E), the symmetric root by scipy.linalg.sqrtm;
    eta* = 0, and the empirical Bayes estimate found here by least squares; J by a contour formula.
NPDE (Comets, Brendel, Mentre 2008, doi 10.1016/j.cmpb.2007.12.002): 2000 simulations by numpy's own generator,
    decorrelated by the Cholesky factor of the covariance of simulations and observation together; (m + 1/2)/(K + 1).
Tests: Student, chi-squared, regression by scipy.stats; Anderson-Darling written out, p by D'Agostino and Stephens 1986.

Run:    python3 scripts/reference/diagnostics.py
Reads:  fixtures/reference/hayashi_20.csv
Writes: fixtures/reference/diagnostics.json
"""

import json
import pathlib

import numpy as np
from scipy import linalg, stats

import fits
import hayashi as h

ROOT = pathlib.Path(__file__).parents[2]
OUT = ROOT / "fixtures" / "reference" / "diagnostics.json"
# Of ka, CLx, dCLc, Vx, Vc, CLe, Pe, as in hayashi2007.toml (fixtures/reference/PROVENANCE.md).
VARIANCES = [0.14773, 0.04042, 0.11488, 0.01679, 0.06062, 0.06205, 0.05197]
PATIENTS = 4
REPLICATES = 2000


def published_omega():
    sd = np.sqrt(VARIANCES)
    correlation = np.eye(len(sd))
    i, j = fits.ETAS.index("CLe"), fits.ETAS.index("Pe")
    correlation[i, j] = correlation[j, i] = h.CORR_CLE_PE
    return correlation * np.outer(sd, sd)


def empirical_bayes(s, omega):
    L = np.linalg.cholesky(np.linalg.inv(omega)).T
    centre = h.typical(s.weight, s.ige)
    at = fits.ETA_INDEX

    def evaluate(p):
        r, J = s.residuals_and_jacobian(p, at)
        return np.concatenate([r, L @ np.log(p[at] / centre[at])]), np.vstack([J, L])

    _, p, _ = fits.minimise(centre, at, evaluate)
    return np.log(p[at] / centre[at])


def weighted(s, omega, eta):
    p = h.typical(s.weight, s.ige)
    p[fits.ETA_INDEX] *= np.exp(eta)
    r, J = s.residuals_and_jacobian(p, fits.ETA_INDEX)  # of (ln y - ln f)/sigma
    J = -J * s.sigma[:, None]
    covariance = J @ omega @ J.T + np.diag(s.sigma**2)
    return np.linalg.solve(linalg.sqrtm(covariance).real, r * s.sigma + J @ eta)


def prediction_errors(observed, simulated):
    """simulated has a replicate a row."""
    together = np.vstack([simulated, observed])
    mean = together.mean(axis=0)
    covariance = (together - mean).T @ (together - mean) / len(simulated)
    white = np.linalg.solve(np.linalg.cholesky(covariance), (together - mean).T).T
    return ((white[:-1] < white[-1]).sum(axis=0) + 0.5) / (len(simulated) + 1)


def npde(s, omega, rng):
    p = np.repeat(h.typical(s.weight, s.ige)[:, None], REPLICATES, axis=1)
    p[fits.ETA_INDEX] *= np.exp(rng.multivariate_normal(np.zeros(len(omega)), omega, REPLICATES).T)
    simulated = np.log(h.solve(p, s.ige, s.doses, s.times, rtol=1e-7)[s.analyte, s.row]).T
    simulated = simulated + s.sigma * rng.standard_normal(simulated.shape)
    return stats.norm.ppf(prediction_errors(s.log_y, simulated))


def anderson_darling(x):
    n = len(x)
    z = np.sort((x - x.mean()) / x.std(ddof=1))
    i = np.arange(1, n + 1)
    a = -n - np.mean((2 * i - 1) * (stats.norm.logcdf(z) + stats.norm.logsf(z[::-1])))
    a *= 1 + 0.75 / n + 2.25 / n**2
    if a < 0.2:
        return a, 1 - np.exp(-13.436 + 101.14 * a - 223.73 * a**2)
    if a < 0.34:
        return a, 1 - np.exp(-8.318 + 42.796 * a - 59.938 * a**2)
    if a < 0.6:
        return a, np.exp(0.9177 - 4.279 * a - 1.38 * a**2)
    return a, np.exp(1.2937 - 5.709 * a + 0.0186 * a**2)


def tests(name, x):
    t = np.arange(len(x)) ** 1.5
    line = stats.linregress(t, x)
    below = stats.chi2.cdf((len(x) - 1) * x.var(ddof=1), len(x) - 1)
    a, p = anderson_darling(x)
    return {
        "name": name,
        "values": x.tolist(),
        "x": t.tolist(),
        "mean_p": float(stats.ttest_1samp(x, 0).pvalue),
        "variance_p": float(2 * min(below, 1 - below)),
        "anderson_darling": float(a),
        "normality_p": float(p),
        "slope": float(line.slope),
        "slope_p": float(line.pvalue),
    }


def main():
    rng = np.random.default_rng(20071103)
    omega = published_omega()
    patients = []
    for s in fits.read(ROOT / "fixtures" / "reference" / "hayashi_20.csv")[:PATIENTS]:
        eta = empirical_bayes(s, omega)
        patients.append(
            {
                "id": s.id,
                "eta": eta.tolist(),
                "wres": weighted(s, omega, np.zeros(len(eta))).tolist(),
                "cwres": weighted(s, omega, eta).tolist(),
                "npde": npde(s, omega, rng).tolist(),
            }
        )
    small = []
    for n, k in [(1, 20), (3, 40), (6, 100)]:
        mix = rng.normal(size=(n, n))
        observed, simulated = np.round(mix @ rng.normal(size=n), 6), np.round(rng.normal(size=(k, n)) @ mix.T, 6)
        small.append(
            {
                "observed": observed.tolist(),
                "simulated": simulated.tolist(),
                "errors": prediction_errors(observed, simulated).tolist(),
            }
        )
    samples = [
        tests("normal", np.round(rng.normal(size=60), 6)),
        tests("shifted and wide", np.round(rng.normal(0.4, 1.5, size=40), 6)),
        tests("uniform", np.round(rng.uniform(-2, 2, size=90), 6)),
        tests("exponential", np.round(rng.exponential(size=50), 6)),
        tests("few", np.round(rng.normal(size=9), 6)),
    ]
    result = {
        "provenance": "Computed by scripts/reference/diagnostics.py (numpy, scipy; independent of the Rust code) from the simulated data set "
        f"hayashi_20.csv, first {PATIENTS} patients, and from seeded made-up numbers. npde: {REPLICATES} simulations.",
        "eta_names": fits.ETAS,
        "patients": patients,
        "prediction_errors": small,
        "tests": samples,
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
