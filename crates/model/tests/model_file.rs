//! Model files: what is accepted, and what is said of the rest.
#![allow(clippy::unwrap_used)]

use omafit_model::{Covariates, PopulationModel, published};

fn shipped() -> &'static str {
    published("hayashi2007").unwrap()
}

fn refusal(from: &str, to: &str) -> String {
    assert!(shipped().contains(from), "{from}");
    PopulationModel::parse(&shipped().replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn the_shipped_variances_are_the_papers_coefficients_of_variation() {
    let model = PopulationModel::parse(shipped()).unwrap();
    let n = model.variable().len();
    let printed = [39.9, 20.3, 34.9, 25.3, 13.0, 25.0, 23.1];
    for (i, cv) in printed.iter().enumerate() {
        let found = 100.0 * (model.omega()[i * n + i].exp() - 1.0).sqrt();
        assert!((found - cv).abs() < 0.05, "{found} {cv}");
    }
    let (cle, pe) = (3, 6);
    let correlation =
        model.omega()[cle * n + pe] / (model.omega()[cle * n + cle] * model.omega()[pe * n + pe]).sqrt();
    assert!((correlation - 0.968).abs() < 1e-12);
}

#[test]
fn covariates_act_as_powers() {
    let model = PopulationModel::parse(shipped()).unwrap();
    let typical = model.typical(&Covariates::new(2.0 * 61.1, 482.4 / 2.0));
    let expected = [
        0.48,
        0.17568 * 2_f64.powf(0.911),
        0.14064,
        1.704 * 2_f64.powf(0.281),
        5.9 * 2_f64.powf(0.658),
        3.63,
        3.828 * 2_f64.powf(-0.657),
        1.07,
        0.157,
    ];
    for (found, expected) in typical.iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < 1e-14);
    }
}

#[test]
fn a_file_that_is_wrong_is_refused_with_the_place_and_what_is_allowed() {
    let cases = [
        (
            "structure = \"quasi_equilibrium\"",
            "structure = \"magic\"",
            "structure: no structure `magic`; there are quasi_equilibrium",
        ),
        ("[parameters.Vc]", "[parameters.Vz]", "no parameter `Vz`; there are ka, CLx"),
        ("typical = 0.48", "typical = -0.48", "[parameters.ka] typical = -0.48: must be a positive number"),
        ("typical = 0.48", "typical = nan", "[parameters.ka] typical = NaN: must be a positive number"),
        ("unit = \"1/d\"", "unit = \"1/h\"", "[parameters.ka] unit = 1/h: must be `1/d`"),
        ("centre = 61.1", "centre = 0", "centre = 0: must be a positive number"),
        (
            "variance = 0.14773",
            "variance = 0.1, cv_pct = 3",
            "[variability] ka: missing; either `variance` or `cv_pct`",
        ),
        ("value = 0.968", "value = 1.968", "must be between −1 and 1"),
        ("between = [\"CLe\", \"Pe\"]", "between = [\"CLe\", \"alpha\"]", "[variability] alpha: missing"),
        (
            "log_sd = 0.167",
            "log_sd = 0.0",
            "[residual] omalizumab_total.log_sd = 0: must be a positive number",
        ),
        ("ige_free = {", "ige_fee = {", "unknown variant `ige_fee`"),
        (
            "start = \"baseline\"",
            "start = \"baselin\"",
            "unknown variant `baselin`, expected `baseline` or `steady_state`",
        ),
        ("title = ", "titel = ", "unknown field `titel`"),
        ("typical = 0.48", "typical = 0.48\nfixed = true", "unknown field `fixed`"),
    ];
    for (from, to, said) in cases {
        let found = refusal(from, to);
        assert!(found.contains(said), "{to}: {found}");
    }
}

#[test]
fn a_syntax_error_points_at_line_and_column() {
    let found = refusal("typical = 0.48", "typical = zero");
    let line = shipped().lines().position(|l| l == "typical = 0.48").unwrap() + 1;
    assert!(found.contains(&format!("line {line}, column")), "{found}");
}

#[test]
fn correlations_that_no_subjects_could_have_are_refused() {
    let impossible = "value = 0.968\n[[correlations]]\nbetween = [\"CLe\", \"Vx\"]\nvalue = 0.9\n\
                      [[correlations]]\nbetween = [\"Pe\", \"Vx\"]\nvalue = -0.9";
    assert!(refusal("value = 0.968", impossible).contains("not positive definite"));
}

#[test]
fn a_model_survives_being_written_and_read() {
    let model = PopulationModel::parse(shipped()).unwrap();
    let again = PopulationModel::parse(&toml::to_string_pretty(model.file()).unwrap()).unwrap();
    assert_eq!(model.file(), again.file());
    assert_eq!((model.omega(), model.parameters()), (again.omega(), again.parameters()));
}
