"""Reads the nonmem/ folder of a run with pharmpy, as if NONMEM had written it, and compares with the run's own tables.

Run: scripts/python scripts/check_nonmem.py RUN
The objective, the estimates, their standard errors, covariance and correlation matrices, each subject's η, objective and covariance, predictions
and residuals must be those of run.json, parameters.csv, individuals.csv and observations.csv, to the digits that the files have.
"""

import csv
import json
import math
import pathlib
import sys
import warnings

from checks import expect, told

warnings.filterwarnings("ignore")

from pharmpy.modeling import read_model  # noqa: E402
from pharmpy.model.external.nonmem.table import NONMEMTableFile  # noqa: E402
from pharmpy.tools import read_modelfit_results  # noqa: E402

# Half a unit of the last digit of S1PE12.5 and of S1PE15.8.
SIX, NINE = 6e-6, 6e-9


def close(found, expected, tolerance, what):
    size = max(abs(expected), 1e-12)
    expect(abs(found - expected) <= tolerance * size, f"{what}: {found}, not {expected}")


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def number(text):
    return float(text) if text else float("nan")


def check_population(folder, run, results, labels):
    """Estimates and standard errors of a run that estimated its population."""
    table = {r["name"]: r for r in rows(run / "parameters.csv")}
    ext = NONMEMTableFile(folder / "run1.ext")[0]
    estimates, spreads = ext.final_parameter_estimates, ext.omega_sigma_stdcorr
    errors, spread_errors = ext.standard_errors, ext.omega_sigma_se_stdcorr
    compared = 0
    for label, (name, kind) in labels.items():
        row = table[name]
        fixed = row["fixed"] == "1"
        if kind == "sd":
            found, error = spreads[label], spread_errors[label]
        else:
            found, error = estimates[label], errors[label]
        close(found, number(row["estimate"]), SIX, f"{label} ({name})")
        if not fixed:
            # Of what is held at an end of its range there is none.
            expected = number(row["se"])
            close(error, 1e10 if math.isnan(expected) else expected, SIX, f"standard error of {label} ({name})")
            compared += 1
    close(ext.condition_number, json.load(open(run / "run.json"))["population"]["condition_number"], SIX, "condition number")
    cov, cor = (NONMEMTableFile(folder / f"run1.{kind}")[0].data_frame for kind in ("cov", "cor"))
    for label in cov.columns:
        plain = label.replace("THETA(", "THETA").replace(")", "") if label.startswith("THETA") else label
        error = errors.get(label, errors.get(plain))
        close(math.sqrt(cov.loc[label, label]), error, SIX, f"{label} in .cov")
        close(cor.loc[label, label], error, SIX, f"{label} in .cor")
        for other in cov.columns:
            expected = cov.loc[label, other] / math.sqrt(cov.loc[label, label] * cov.loc[other, other])
            if other != label:
                expect(abs(cor.loc[label, other] - expected) < 1e-4, f"correlation of {label} and {other}")
    parsed = results.standard_errors
    expect(parsed is not None and len(parsed) == compared, f"pharmpy finds {0 if parsed is None else len(parsed)} standard errors, not {compared}")
    return compared


def main():
    run = pathlib.Path(sys.argv[1])
    folder = run / "nonmem"
    record = json.load(open(run / "run.json"))
    expect(not list(folder.glob("*.lst")), "there is an .lst")
    model = read_model(folder / "run1.mod")
    results = read_modelfit_results(folder / "run1.mod")
    expected = record["population"]["ofv"] if "population" in record else record["conditional"]["ofv"]
    close(results.ofv, expected, 1e-12, "objective")

    # Names of the numbers, from the comments of the control stream.
    labels, kinds = {}, {"$THETA": 0, "$SIGMA": 0}
    for line in (folder / "run1.mod").read_text().splitlines():
        word = line.split(" ", 1)[0]
        if word in kinds:
            kinds[word] += 1
            name = line.rsplit("; ", 1)[1].split(",")[0]
            if word == "$THETA":
                labels[f"THETA({kinds[word]})"] = (name, "value")
            else:
                analyte, _, part = name.partition(" ")
                labels[f"SIGMA({kinds[word]},{kinds[word]})"] = ((analyte, part), "sd")
    individuals = rows(run / "individuals.csv")
    etas = [n for n in model.random_variables.etas.names]
    estimated = 0
    if "population" in record:
        table = [r["name"] for r in rows(run / "parameters.csv")]
        for label, (name, kind) in list(labels.items()):
            if kind == "sd":
                analyte, part = name
                of = [n for n in table if n.startswith("sigma") and n.endswith(analyte)]
                pick = [n for n in of if ("proportional" in n) == (part == "proportional" or len(of) == 1 and "proportional" in of[0])]
                labels[label] = (pick[0], kind)
        names = eta_names(folder)
        for k, name in enumerate(names, 1):
            labels[f"OMEGA({k},{k})"] = (f"omega2_{name}", "value")
        for row in table:
            if row.startswith("corr_"):
                a, b = row.removeprefix("corr_").split("_")
                i, j = sorted((names.index(a) + 1, names.index(b) + 1))
                labels[f"OMEGA({j},{i})"] = (row, "sd")
        estimated = check_population(folder, run, results, labels)

    ids = [r["ID"] for r in individuals]
    if (folder / "ids.csv").is_file():
        numbered = rows(folder / "ids.csv")
        expect([r["ID"] for r in numbered] == ids, "ids.csv: other subjects")
        numbers = [float(r["NUMBER"]) for r in numbered]
    else:
        numbers = [float(i) for i in ids]
    names = eta_names(folder)
    expect(len(names) == len(etas), f"{len(etas)} η, not {len(names)}")
    found = results.individual_estimates
    expect(list(found.index) == numbers, "other subjects in .phi")
    objective = results.individual_ofv
    covariances = results.individual_estimates_covariance
    for i, row in enumerate(individuals):
        for k, name in enumerate(names):
            eta = number(row[f"ETA_{name}"])
            expect(abs(found.iloc[i, k] - eta) <= SIX * max(abs(eta), 1e-9), f"ETA of {name} of {row['ID']}: {found.iloc[i, k]}, not {eta}")
            # Of a log-normal parameter the standard error of η is that of the parameter in parts of it.
            error = number(row[f"RSE_PCT_{name}"]) / 100
            close(math.sqrt(covariances.iloc[i].iloc[k, k]), error, 1e-5, f"error of ETA of {name} of {row['ID']}")
        close(objective.iloc[i], number(row["ofv"]), 1e-12, f"objective of {row['ID']}")
    # η̂ were found once for the population and once for the subjects, each to its own small remainder.
    close(sum(objective), results.ofv, 1e-7, "sum of the subjects' objectives")

    observations = rows(run / "observations.csv")
    table = NONMEMTableFile(folder / "sdtab1")[0].data_frame
    expect(len(table) == len(observations), f"sdtab1 has {len(table)} rows, not {len(observations)}")
    at = dict(zip(ids, numbers))
    for i, row in enumerate(observations):
        expect(table["ID"].iloc[i] == at[row["ID"]], f"sdtab1 row {i}: another subject")
        for name in ("TIME", "DV", "PRED", "IPRED", "RES", "WRES", "IWRES", "CWRES"):
            value = number(row[name])
            close(table[name].iloc[i], 0.0 if math.isnan(value) else value, NINE, f"sdtab1 row {i}: {name}")
    expect(set(results.predictions.columns) >= {"PRED", "IPRED"}, f"pharmpy finds the predictions {list(results.predictions.columns)}")
    parameters = NONMEMTableFile(folder / "patab1")[0].data_frame
    first = parameters.groupby("ID", sort=False).first()
    for i, (row, value) in enumerate(zip(individuals, first.index)):
        if value in numbers:
            for k, name in enumerate(names, 1):
                close(first.loc[numbers[i], f"ETA{k}"], number(row[f"ETA_{name}"]), 1e-8, f"patab1: ETA{k} of {row['ID']}")
    for name in ("catab1", "cotab1"):
        expect(len(NONMEMTableFile(folder / name)[0].data_frame) == len(observations), f"{name}: other rows than sdtab1")

    told(folder, f"OFV {results.ofv:.4f}, {estimated} estimates with their errors, {len(individuals)} subjects × {len(names)} η, {len(observations)} observations: pharmpy reads what the run says")


def eta_names(folder):
    """The parameter of each ETA, from the control stream."""
    names = {}
    for line in (folder / "run1.mod").read_text().splitlines():
        left, _, right = line.partition(" = ")
        if "ETA(" in right.replace("THETA(", "") and not left.startswith(("TV", "Y", "IF")):
            k = int(right.replace("THETA(", "").split("ETA(")[1].split(")")[0])
            names[k] = left
    return [names[k] for k in sorted(names)]


if __name__ == "__main__":
    main()
