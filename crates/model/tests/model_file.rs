//! Model files that are accepted, and error messages for those that are refused.
#![allow(clippy::unwrap_used)]

use omafit_model::{
    Analyte, Covariates, PUBLISHED, PopulationModel, PopulationParameter, Transform, published,
};

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
    let typical = model.typical(&Covariates::new(2.0 * 61.1, 482.4 / 2.0)).unwrap();
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

/// Line and column of `text` in the shipped file, as given in error messages.
fn position(text: &str) -> String {
    let at = shipped().find(text).unwrap();
    let line = shipped()[..at].matches('\n').count() + 1;
    let column = shipped()[..at].rsplit('\n').next().unwrap().chars().count() + 1;
    format!("line {line}, column {column}: ")
}

#[test]
fn a_file_that_is_wrong_is_refused_with_line_and_column_and_what_is_allowed() {
    let ka = "[parameters.ka]        # 0.0200 /h\ntypical = ";
    let ka_value = format!("{}parameters.ka.typical: ", position("0.48\nunit"));
    let cases = [
        (
            "structure = \"quasi_equilibrium\"",
            "structure = \"magic\"",
            position("\"quasi_equilibrium\"")
                + "structure: no structure `magic`; there are quasi_equilibrium, quasi_equilibrium_clc",
        ),
        (
            "[parameters.Vc]",
            "[parameters.Vz]",
            position("Vc]") + "parameters.Vz: no parameter `Vz`; there are ka, CLx",
        ),
        (ka, &format!("{ka}-"), format!("{ka_value}-0.48 is not a number above 0")),
        ("typical = 0.48", "typical = nan", format!("{ka_value}NaN is not a number above 0")),
        (
            "typical = 0.48\nunit = \"1/d\"",
            "typical = 0.48\nunit = \"L/h\"",
            position("\"1/d\"") + "parameters.ka.unit: `L/h` is none of 1/d, 1/h, 1/wk",
        ),
        (
            "typical = 0.48",
            "typical = 0.48\nbounds = [0.5, 1.0]",
            format!("{ka_value}0.48 is not within the bounds 0.5 to 1"),
        ),
        (
            "centre = 61.1, exponent = 0.911",
            "centre = 0, exponent = 0.911",
            position("61.1, exponent = 0.911")
                + "parameters.CLx.effects[1].centre: 0 is not a number above 0",
        ),
        (
            "form = \"power\", centre = 61.1, exponent = 0.911",
            "form = \"cubic\", centre = 61.1, exponent = 0.911",
            "unknown variant `cubic`, expected one of `power`, `exponential`, `linear`, `categorical`".into(),
        ),
        (
            "variance = 0.14773",
            "variance = 0.1, cv_pct = 3",
            "variability.ka: needs `variance`, `sd` or `cv_pct`, one of the three".into(),
        ),
        (
            "value = 0.968",
            "value = 1.968",
            position("0.968") + "correlations[1].value: 1.968 is not between −1 and 1",
        ),
        (
            "between = [\"CLe\", \"Pe\"]",
            "between = [\"CLe\", \"alpha\"]",
            position("\"Pe\"]") + "correlations[1].between[2]: alpha has no variability to correlate with",
        ),
        (
            "log_sd = 0.167",
            "log_sd = 0.0",
            position("0.167") + "residual.omalizumab_total.log_sd: 0 is not a number above 0",
        ),
        (
            "log_sd = 0.167",
            "log_sd = 0.167, additive_sd = 1",
            "residual.omalizumab_total: needs `log_sd`, or `additive_sd`, `proportional_sd` or both".into(),
        ),
        (
            "log_sd = 0.167",
            "log_sd = 0.167, lloq = 2, uloq = 1",
            "residual.omalizumab_total.uloq: 1 is not a number above the lower limit".into(),
        ),
        ("ige_free = {", "ige_fee = {", "unknown analyte `ige_fee`, expected one of".into()),
        (
            "start = \"baseline\"",
            "start = \"baselin\"",
            "unknown variant `baselin`, expected `baseline` or `steady_state`".into(),
        ),
        ("title = ", "titel = ", "unknown field `titel`, expected one of `name`, `title`".into()),
        ("typical = 0.48", "typical = 0.48\nestimated = true", "unknown field `estimated`".into()),
    ];
    for (from, to, said) in cases {
        let found = refusal(from, to);
        assert!(found.contains(&said), "{to}:\n{found}\n{said}");
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
fn every_shipped_model_survives_being_written_and_read() {
    for (name, text) in PUBLISHED {
        let model = PopulationModel::parse(text).unwrap();
        assert_eq!(model.name(), name);
        let again = PopulationModel::parse(&toml::to_string_pretty(model.file()).unwrap()).unwrap();
        assert_eq!(model.file(), again.file());
        assert_eq!((model.omega(), model.parameters()), (again.omega(), again.parameters()), "{name}");
    }
}

#[test]
fn a_block_is_its_lower_triangle() {
    let model = PopulationModel::parse(published("lowe2009").unwrap()).unwrap();
    let row = |name: &str| {
        let position = model.position(name).unwrap();
        model.variable().iter().position(|v| *v == position).unwrap()
    };
    let at = |a: &str, b: &str| model.omega()[row(a) * model.variable().len() + row(b)];
    assert_eq!((at("CLx", "CLx"), at("Vx", "Vx")), (0.162, 0.0901));
    assert_eq!((at("CLx", "Vx"), at("Vx", "CLx"), at("Pe", "CLc")), (0.103, 0.103, -0.0101));
    assert_eq!(at("CLx", "CLc"), 0.0);
    let text = published("lowe2009").unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from));
        PopulationModel::parse(&text.replacen(from, to, 1)).unwrap_err().to_string()
    };
    assert!(
        refused("[[0.162], [0.103, 0.0901]]", "[[0.162], [0.103]]").contains("the lower triangle of 2 rows")
    );
    assert!(refused("[0.103, 0.0901]", "[0.5, 0.0901]").contains("not positive definite"));
    assert!(refused("[\"CLx\", \"Vx\"]", "[\"ka\", \"Vx\"]").contains("ka has a variability already"));
}

/// The shipped model file with an additional effect on ka.
fn with_effect(effect: &str) -> Result<PopulationModel, omafit_model::ModelError> {
    let from = "typical = 0.48\nunit = \"1/d\"\n";
    assert!(shipped().contains(from));
    PopulationModel::parse(&shipped().replacen(from, &format!("{from}effects = [{{ {effect} }}]\n"), 1))
}

#[test]
fn every_form_of_effect_is_its_formula() {
    let person = |name: &str, value: f64| Covariates::new(70.0, 400.0).with(name, value);
    let ka = |model: &PopulationModel, who: &Covariates| model.typical(who).map(|p| p[0] / 0.48);
    let age =
        with_effect("covariate = \"AGE\", form = \"exponential\", centre = 40.0, slope = 0.02").unwrap();
    assert!((ka(&age, &person("AGE", 65.0)).unwrap() - 0.5_f64.exp()).abs() < 1e-15);
    assert_eq!(age.covariates(), ["AGE", "IGE", "WT"]);
    let missing = ka(&age, &Covariates::new(70.0, 400.0)).unwrap_err().to_string();
    assert_eq!(missing, "the model needs the covariate AGE, which this subject lacks");

    let linear = with_effect("covariate = \"AGE\", form = \"linear\", centre = 40.0, slope = -0.02").unwrap();
    assert!((ka(&linear, &person("AGE", 65.0)).unwrap() - 0.5).abs() < 1e-15);
    let refused = ka(&linear, &person("AGE", 90.0)).unwrap_err().to_string();
    assert_eq!(refused, "AGE is 90, for which its effect on ka is not defined: it needs a value below 90");

    let levels = "levels = [{ value = 1, factor = 1.5 }, { value = 2, factor = 0.5 }]";
    let sex = format!("covariate = \"SEX\", form = \"categorical\", reference = 0, {levels}");
    let sex = with_effect(&sex).unwrap();
    for (value, factor) in [(0.0, 1.0), (1.0, 1.5), (2.0, 0.5)] {
        assert!((ka(&sex, &person("SEX", value)).unwrap() - factor).abs() < 1e-15);
    }
    let refused = ka(&sex, &person("SEX", 3.0)).unwrap_err().to_string();
    assert_eq!(refused, "SEX is 3, for which its effect on ka is not defined: it needs one of 0, 1, 2");
    let twice =
        "covariate = \"SEX\", form = \"categorical\", reference = 1, levels = [{ value = 1, factor = 2 }]";
    assert!(
        with_effect(twice).unwrap_err().to_string().contains("1 is not a further value of the covariate")
    );
}

#[test]
fn units_of_the_file_become_those_of_the_structure() {
    let hourly = shipped().replacen("typical = 0.48\nunit = \"1/d\"", "typical = 0.02\nunit = \"1/h\"", 1);
    let model = PopulationModel::parse(&hourly).unwrap();
    assert!((model.parameters()[0].typical - 0.48).abs() < 1e-15);
    // 422.82 ng/mL: Brekkan et al. 2018, from 0.158 nmol/h and 71.0 mL/h.
    let brekkan = PopulationModel::parse(published("brekkan2018").unwrap()).unwrap();
    let typical = brekkan.typical(&Covariates::default()).unwrap();
    let at = |name: &str| typical[brekkan.position(name).unwrap()];
    assert!((at("Pe") / at("CLe") * 190.0 - 422.82).abs() < 0.01);
}

#[test]
fn transforms_add_eta_where_they_say() {
    let parameter = |transform| PopulationParameter {
        typical: 0.4,
        transform,
        bounds: (0.0, 0.8),
        fixed: false,
        effects: Vec::new(),
    };
    for (transform, expected) in [
        (Transform::Log, 0.4 * 0.3_f64.exp()),
        (Transform::Identity, 0.7),
        // The logit of one half, shifted by 0.3, on a range of 0.8.
        (Transform::Logit, 0.8 / (1.0 + (-0.3_f64).exp())),
    ] {
        let of = |eta: f64| parameter(transform).individual(0.4, eta);
        assert!((of(0.3).value - expected).abs() < 1e-15, "{transform:?}");
        let difference = (of(0.3 + 1e-5).value.ln() - of(0.3 - 1e-5).value.ln()) / 2e-5;
        assert!((of(0.3).log_slope - difference).abs() < 1e-9, "{transform:?}");
    }
}

#[test]
fn a_model_of_one_drug_has_one_analyte_and_no_baseline() {
    let text = published("one_compartment_oral").unwrap();
    let model = PopulationModel::parse(text).unwrap();
    assert!(model.covariates().is_empty() && model.residual(Analyte::IGE_FREE).is_none());
    let baseline = PopulationModel::parse(&text.replace("\"steady_state\"", "\"baseline\"")).unwrap_err();
    assert!(baseline.to_string().contains("start: one_compartment has no target to start from"));
    let more = text.replace("[residual]", "[residual]\nige_free = { log_sd = 0.1 }");
    let more = PopulationModel::parse(&more).unwrap_err().to_string();
    assert!(more.contains("residual.ige_free: one_compartment does not predict it"), "{more}");
}

#[test]
fn one_parameter_of_dosing_brings_the_other() {
    let with = |extra: &str| shipped().replacen("[parameters.Kd0]", &format!("{extra}\n[parameters.Kd0]"), 1);
    let lag = PopulationModel::parse(&with("[parameters.tlag]\ntypical = 6\nunit = \"h\"")).unwrap();
    let typical = lag.typical(&Covariates::new(70.0, 400.0)).unwrap();
    assert_eq!(typical[typical.len() - 2..], [1.0, 0.25]);
    assert_eq!(PopulationModel::parse(shipped()).unwrap().parameters().len(), 9);
}

#[test]
fn an_output_has_the_name_and_unit_that_the_file_gives_it() {
    let of = |outputs: &str| PopulationModel::parse(&format!("{}\n{outputs}", shipped()));
    let named =
        of("[outputs.ige_free]\nlabel = \"IgE, free\"\n[outputs.ige_total]\nunit = \"µg/L\"").unwrap();
    assert_eq!(
        (named.label(Analyte::IGE_FREE), named.analyte_unit(Analyte::IGE_FREE)),
        ("IgE, free", "ng/mL")
    );
    assert_eq!(
        (named.label(Analyte::IGE_TOTAL), named.analyte_unit(Analyte::IGE_TOTAL)),
        ("Total IgE", "µg/L")
    );
    assert_eq!(named.label_in_sentence(Analyte::IGE_FREE), "IgE, free");
    assert_eq!(named.label_in_sentence(Analyte::OMALIZUMAB_TOTAL), "total omalizumab");
    // A file written from the model keeps labels and units.
    let again = PopulationModel::parse(&toml::to_string(named.file()).unwrap()).unwrap();
    assert_eq!(again.file(), named.file());
    for (outputs, says) in [
        ("[outputs.ige_free]\ntitle = \"IgE\"", "unknown field `title`"),
        (
            "[outputs.ige]\nlabel = \"IgE\"",
            "unknown analyte `ige`, expected one of `omalizumab_total`, `ige_total`, `ige_free`",
        ),
        ("[outputs.ige_free]\nunit = \"IU/mL\"", "`IU/mL` is none of ng/mL, µg/L, ug/L"),
        ("[outputs.ige_free]\nlabel = \"two\\nlines\"", "a label is a line"),
        ("[outputs.ige_free]\nlabel = \"\"", "a label is a line"),
    ] {
        let said = of(outputs).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
    let alone = published("one_compartment_oral").unwrap();
    let said = PopulationModel::parse(&format!("{alone}\n[outputs.ige_free]\nlabel = \"IgE\"")).unwrap_err();
    assert!(said.to_string().contains("one_compartment does not predict it"), "{said}");
}

#[test]
fn values_are_shown_in_the_units_of_the_file() {
    let model = PopulationModel::parse(published("one_compartment_oral").unwrap()).unwrap();
    for (position, (unit, typical)) in [("1/h", 1.594), ("L/h", 2.750), ("L", 31.81)].into_iter().enumerate()
    {
        let shown = model.in_unit(position, model.parameters()[position].typical);
        assert_eq!(model.unit(position), unit);
        assert!((shown / typical - 1.0).abs() < 1e-15, "{shown}");
    }
}

#[test]
fn a_file_may_say_what_it_is_based_on() {
    let text = shipped().replacen("start = ", "based_on = \"run1\"\nstart = ", 1);
    assert_eq!(PopulationModel::parse(&text).unwrap().file().based_on.as_deref(), Some("run1"));
}
