//! Tests of `omafit model describe` and `omafit model figure` on a user's model file.

#![allow(clippy::unwrap_used)]

mod common;

use common::{omafit, repository};

const MINE: &str = r#"
name = "mine"
title = """A model | of
mine"""
structure = "one_compartment"
source = "nowhere"
start = "steady_state"

[parameters.ka]
typical = 1.5
unit = "1/h"
bounds = [0.1, 4]
effects = [
    { covariate = "AGE", form = "exponential", centre = 40, slope = -0.01 },
    { covariate = "CRCL", form = "linear", centre = 0, slope = 0.002, fixed = true },
]

[parameters.CL]
typical = 2.123456789
unit = "L/d"
effects = [
    { covariate = "SEX", form = "categorical", reference = 0, levels = [{ value = 1, factor = 0.8 }] },
    { covariate = "TEMP", form = "linear", centre = -3, slope = -0.1 },
]

[parameters.V]
typical = 30
unit = "L"
transform = "identity"
bounds = [1, 100]

[parameters.F]
typical = 0.6
unit = "1"
transform = "logit"
fixed = true

[variability]
CL = { variance = 0.09, fixed = true }
V = { sd = 4 }
F = { sd = 0.3 }

[[correlations]]
between = ["CL", "V"]
value = -0.25

[residual]
omalizumab_total = { additive_sd = 0.5, proportional_sd = 0.1, lloq = 0.2, uloq = 90, fixed = true }
"#;

const DESCRIBED: &str = "\
`mine`: A model \\| of mine. Structure `one_compartment`. Source: nowhere

| parameter | meaning                                                      | typical value    | between subjects    | covariate effects                                     | constraint           |
|-----------|--------------------------------------------------------------|------------------|---------------------|-------------------------------------------------------|----------------------|
| `ka`      | first-order absorption rate constant                         | 1.5 1/h = 36 1/d |                     | `exp(−0.01·(AGE − 40))` · `1 + 0.002·CRCL`, fixed     | 0.1 to 4 1/h         |
| `CL`      | apparent clearance                                           | 2.1235 L/d       | CV 30.7 %, fixed    | `1 if SEX = 0, 0.8 if SEX = 1` · `1 − 0.1·(TEMP + 3)` |                      |
| `V`       | apparent volume                                              | 30 L             | SD 4 L              |                                                       | 1 to 100 L           |
| `F`       | bioavailability of a subcutaneous dose, above 0              | 0.6              | SD 0.3 of the logit |                                                       | fixed; logit, 0 to 1 |
| `tlag`    | time from a subcutaneous dose to the start of its absorption | 0 d              |                     |                                                       | fixed                |

Correlations of the departures from the typical values: `CL` and `V` −0.25 (covariance −0.3).

| analyte                 | residual error                                                     | LLOQ      | ULOQ     | constraint |
|-------------------------|--------------------------------------------------------------------|-----------|----------|------------|
| Total omalizumab, µg/mL | combined: SD √(a² + b²), a = 0.5 µg/mL, b = 10 % of the prediction | 0.2 µg/mL | 90 µg/mL | fixed      |

Start: the untreated steady state. Covariates needed: `AGE`, `CRCL`, `SEX`, `TEMP`. Estimated for each subject: `CL`, `V`, `F`.
";

#[test]
fn a_model_of_ones_own_is_described_in_all_its_forms() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, MINE).unwrap();
    let run = omafit().args(["model", "describe", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(String::from_utf8(run.stdout).unwrap(), DESCRIBED);
}

#[test]
fn a_figure_takes_a_models_covariates_where_their_effect_is_one_or_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("mine.toml"), folder.path().join("mine.svg"));
    std::fs::write(&file, MINE).unwrap();
    let [file, out] = [&file, &out].map(|p| p.to_str().unwrap());
    omafit().args(["model", "figure", file, "--out", out, "--assume", "sex=1"]).assert().success();
    let svg = std::fs::read_to_string(out).unwrap();
    let caption = "AGE 40 · CRCL 0 · SEX 1 · TEMP -3 · 300 mg every 14 days, 6 doses";
    assert!(svg.contains(caption) && svg.contains("typical subject, simulated"), "{svg}");
    omafit().args(["model", "figure", file, "--out", out]).assert().code(2);
    omafit().args(["model", "figure", file, "--out", out, "--force"]).assert().success();
}

#[test]
fn a_figure_that_makes_no_sense_is_refused() {
    let data = repository().join("fixtures/real/meno_tetang_lowe_2005.csv");
    let data = data.to_str().unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["hayashi2007", "--days", "0"], "--days 0: must be a day after day 0"),
        (&["hayashi2007", "--dose", "0"], "--dose 0: must be a number of mg above 0"),
        (&["hayashi2007", "--every", "NaN"], "--every NaN: must be"),
        (&["hayashi2007", "--weight", "0"], "WT is 0, for which its effect on CLx is not defined"),
        (&["hayashi2007", "--assume", "AGE"], "--assume AGE: must be a covariate, an equals sign"),
        (&["hayashi2007", "--weight", "70", "--assume", "wt=71"], "--assume wt=71: must be given once"),
        (&["brekkan2018", "--ige", "300"], "--ige 300: must be left out: brekkan2018 has no use for it"),
        (&["hayashi2007", "--data", data, "--id", "7"], "--id 7: must be the ID of a subject in"),
        (&["no_such"], "no model `no_such`"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.svg");
    for (arguments, expected) in cases {
        let run = omafit()
            .args(["model", "figure"])
            .args(arguments)
            .args(["--out", out.to_str().unwrap()])
            .output()
            .unwrap();
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.code() == Some(2) && said.contains(expected), "{arguments:?}: {said}");
        assert!(!out.exists());
    }
}
