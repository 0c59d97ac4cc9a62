"""Converts the digitised figure of Meno-Tetang & Lowe 2005 to an event-record data set.

Two people, single SC doses of 90 and 270 mg, read off figure 5 of Meno-Tetang & Lowe 2005, Basic
Clin Pharmacol Toxicol 96:182 (the fits use the model of Hayashi, Tsukamoto, Sallas, Lowe 2007, Br J
Clin Pharmacol 63:548, doi 10.1111/j.1365-2125.2006.02803.x). DVID 1/2/3 = total omalizumab ug/mL,
total IgE ng/mL, free IgE ng/mL; DV keeps the digits of the source. The pre-dose observations come
before the dose record at time 0.

Run:    python3 scripts/reference/convert_real.py
Reads:  fixtures/real/meno_tetang_lowe_2005_fig5.csv
Writes: fixtures/real/meno_tetang_lowe_2005.csv
"""

import csv
import pathlib

REAL = pathlib.Path(__file__).parents[2] / "fixtures" / "real"
DVID = {"omalizumab_total": 1, "ige_total": 2, "ige_free": 3}

with open(REAL / "meno_tetang_lowe_2005_fig5.csv", newline="") as f:
    rows = list(csv.DictReader(f))

records = []
for subject, dose in sorted({(r["subject_id"], r["dose_mg_sc_single"]) for r in rows}):
    observed = [
        (float(r["time_day_nominal"]), DVID[r["analyte"]], r["time_day_nominal"], r["conc_mass"])
        for r in rows
        if r["subject_id"] == subject
    ]
    # CMT: 1 depot, 2 omalizumab, 3 total IgE, 4 free IgE
    lines = [[subject, time, dv, 0, 0, 0, dvid + 1, dvid] for _, dvid, time, dv in sorted(observed)]
    before = sum(float(line[1]) == 0 for line in lines)
    lines.insert(before, [subject, "0", 0, dose, 1, 1, 1, 0])
    records += lines

with open(REAL / "meno_tetang_lowe_2005.csv", "w", newline="") as f:
    out = csv.writer(f, lineterminator="\n")
    out.writerow(["ID", "TIME", "DV", "AMT", "EVID", "MDV", "CMT", "DVID"])
    out.writerows(records)
print(f"{len(records)} records, {sum(r[4] == 0 for r in records)} observations")
