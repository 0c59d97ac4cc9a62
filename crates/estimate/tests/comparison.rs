//! Nested models and their likelihood-ratio tests, against scipy and simulation.

#![allow(clippy::unwrap_used, clippy::panic)]

use omafit_estimate::{
    Evidence, Nesting, NoTest, RatioReference, Restrictions, RunCriteria, RunStanding, akaike_weights,
    likelihood_ratio, model_changes, nesting, standings,
};
use omafit_model::{
    EffectEntry, ModelFile, PopulationModel, StartRule, Transform, VariabilityEntry, published,
};

fn file(name: &str) -> ModelFile {
    PopulationModel::parse(published(name).unwrap()).unwrap().file().clone()
}

/// A published model with a change to its file.
fn changed(name: &str, change: impl Fn(&mut ModelFile)) -> PopulationModel {
    let mut file = file(name);
    change(&mut file);
    PopulationModel::new(file).unwrap()
}

fn oral(change: impl Fn(&mut ModelFile)) -> PopulationModel {
    changed("one_compartment_oral", change)
}

fn hayashi(change: impl Fn(&mut ModelFile)) -> PopulationModel {
    changed("hayashi2007", change)
}

fn without_variance(file: &mut ModelFile, name: &str) {
    file.variability.remove(name);
}

fn power(covariate: &str, centre: f64, exponent: f64, fixed: bool) -> EffectEntry {
    EffectEntry::Power { covariate: covariate.into(), centre, exponent, fixed }
}

/// The numbers of interior and boundary restrictions, or the reason why the models are not nested.
fn counts(smaller: &PopulationModel, larger: &PopulationModel) -> Result<(usize, usize), String> {
    match nesting(smaller, larger) {
        Nesting::Nested(Restrictions { interior, boundary, .. }) => Ok((interior, boundary)),
        Nesting::Equal => Ok((0, 0)),
        Nesting::NotNested(why) => Err(why.join("; ")),
    }
}

#[test]
fn what_is_fixed_or_left_out_is_counted() {
    let base = oral(|_| ());
    let has = |change: &dyn Fn(&mut ModelFile)| oral(change);
    let fixed =
        |name: &'static str| move |f: &mut ModelFile| f.parameters.get_mut(name).unwrap().fixed = true;
    assert_eq!(counts(&base, &base), Ok((0, 0)));
    assert_eq!(counts(&has(&fixed("ka")), &base), Ok((1, 0)));
    assert_eq!(counts(&has(&|f| without_variance(f, "V")), &base), Ok((0, 1)));
    let without_two = has(&|f| f.variability.retain(|name, _| name == "CL"));
    assert_eq!(counts(&without_two, &base), Ok((0, 2)));
    let both = has(&|f| {
        fixed("CL")(f);
        f.variability.remove("V");
    });
    assert_eq!(counts(&both, &base), Ok((1, 1)));
    let given = has(&|f| f.variability.get_mut("V").unwrap().fixed = true);
    assert_eq!(counts(&given, &base), Ok((1, 0)));
    let sigma = has(&|f| f.residual.values_mut().for_each(|r| r.fixed = true));
    assert_eq!(counts(&sigma, &base), Ok((1, 0)));
    // Either part of a combined error may be left out: its variance is then zero.
    let combined = has(&|f| f.residual.values_mut().for_each(|r| r.proportional_sd = Some(0.1)));
    assert_eq!(counts(&base, &combined), Ok((0, 1)));
    // A lag of zero is at the end of its range; a bioavailability of one is not.
    let lag = has(&|f| {
        let entry = f.parameters["ka"].clone();
        let entry = omafit_model::ParameterEntry { typical: 0.1, unit: "h".into(), ..entry };
        f.parameters.insert("tlag".into(), entry);
    });
    assert_eq!(counts(&base, &lag), Ok((0, 1)));
    let available = has(&|f| {
        let entry = f.parameters["ka"].clone();
        f.parameters
            .insert("F".into(), omafit_model::ParameterEntry { typical: 0.6, unit: "1".into(), ..entry });
    });
    assert_eq!(counts(&base, &available), Ok((1, 0)));
}

#[test]
fn a_variance_takes_its_covariances_with_it() {
    // CLe and Pe are correlated: without Pe's variance the covariance goes too.
    let base = hayashi(|_| ());
    let without = hayashi(|f| {
        f.variability.remove("Pe");
        f.correlations.clear();
    });
    assert_eq!(counts(&without, &base), Ok((1, 1)));
    let apart = hayashi(|f| f.correlations.clear());
    assert_eq!(counts(&apart, &base), Ok((1, 0)));
    let block = hayashi(|f| {
        for name in ["CLx", "Vx", "Vc"] {
            f.variability.remove(name);
        }
        let covariance = vec![vec![0.04], vec![0.01, 0.03], vec![0.0, 0.01, 0.06]];
        let parameters = ["CLx", "Vx", "Vc"].map(String::from).to_vec();
        f.blocks.push(omafit_model::BlockEntry { parameters, covariance, fixed: false });
    });
    assert_eq!(counts(&base, &block), Ok((3, 0)));
    let less = hayashi(|f| without_variance(f, "Vc"));
    assert_eq!(counts(&less, &block), Ok((3, 1)));
    assert!(
        counts(&block, &base).unwrap_err().contains("covariance of CLx and Vx is in the smaller model only")
    );
}

#[test]
fn effects_are_nested_whatever_they_are_centred_on() {
    let base = oral(|_| ());
    let weight = |centre, exponent, fixed| {
        oral(move |f| {
            let effects = &mut f.parameters.get_mut("CL").unwrap().effects;
            effects.push(power("WT", centre, exponent, fixed));
        })
    };
    assert_eq!(counts(&base, &weight(70.0, 0.5, false)), Ok((1, 0)));
    assert_eq!(counts(&weight(70.0, 0.75, true), &weight(70.0, 0.5, false)), Ok((1, 0)));
    // The typical value absorbs the centre, unless it is fixed.
    assert_eq!(counts(&weight(61.1, 0.75, true), &weight(70.0, 0.5, false)), Ok((1, 0)));
    assert_eq!(counts(&weight(61.1, 0.5, false), &weight(70.0, 0.4, false)), Ok((0, 0)));
    let fixed = |centre| {
        oral(move |f| {
            let clearance = f.parameters.get_mut("CL").unwrap();
            clearance.fixed = true;
            clearance.effects.push(power("WT", centre, 0.75, false));
        })
    };
    assert!(counts(&fixed(61.1), &fixed(70.0)).unwrap_err().contains("is one at another value"));
    // A fixed exponent of zero is no effect.
    assert_eq!(counts(&weight(70.0, 0.0, true), &base), Ok((0, 0)));
    assert!(counts(&base, &weight(70.0, 0.75, true)).is_err());
    assert!(counts(&weight(70.0, 0.5, false), &base).is_err());
    let linear = oral(|f| {
        let slope = EffectEntry::Linear { covariate: "WT".into(), centre: 70.0, slope: 0.01, fixed: false };
        f.parameters.get_mut("CL").unwrap().effects.push(slope);
    });
    assert!(counts(&weight(70.0, 0.5, false), &linear).unwrap_err().contains("power effect of WT on CL"));
}

#[test]
fn models_that_are_not_nested_say_why() {
    let base = oral(|_| ());
    let identity = oral(|f| {
        f.parameters.get_mut("ka").unwrap().transform = Transform::Identity;
        let variance = VariabilityEntry { variance: Some(0.5), ..VariabilityEntry::default() };
        f.variability.insert("ka".into(), variance);
    });
    let limited = oral(|f| f.residual.values_mut().for_each(|r| r.lloq = Some(0.5)));
    let log = oral(|f| {
        for r in f.residual.values_mut() {
            (r.additive_sd, r.log_sd) = (None, Some(0.2));
        }
    });
    let bounded = oral(|f| f.parameters.get_mut("V").unwrap().bounds = Some([0.0, 100.0]));
    let start = hayashi(|f| f.start = StartRule::SteadyState);
    for (smaller, larger, expected) in [
        (&hayashi(|_| ()), &base, "the structures are"),
        (&identity, &base, "ka is distributed otherwise between subjects"),
        (&limited, &base, "the limits of quantification of omalizumab_total differ"),
        (&log, &base, "the residual error of omalizumab_total is log-normal and additive"),
        (&base, &bounded, "V has wider bounds in the smaller model"),
        (&start, &hayashi(|_| ()), "subjects start from other states"),
    ] {
        let why = counts(smaller, larger).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
    // Narrower bounds give a smaller model, and a parameter that does not vary has no distribution.
    assert_eq!(counts(&bounded, &base), Ok((0, 0)));
    let given = oral(|f| {
        f.variability.remove("ka");
        f.parameters.get_mut("ka").unwrap().transform = Transform::Identity;
    });
    assert_eq!(counts(&given, &base), Ok((0, 1)));
}

#[test]
fn changes_are_told_part_by_part_and_estimates_are_none() {
    let base = oral(|_| ());
    let estimated = oral(|f| f.parameters.get_mut("ka").unwrap().typical = 2.0);
    assert!(model_changes(&base, &estimated).is_empty());
    let other = oral(|f| {
        f.variability.remove("V");
        f.parameters.get_mut("ka").unwrap().fixed = true;
        f.parameters.get_mut("CL").unwrap().effects.push(power("WT", 70.0, 0.75, true));
        f.residual.values_mut().for_each(|r| r.proportional_sd = Some(0.1));
    });
    let told: Vec<String> = model_changes(&base, &other).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "typical value of ka: estimated → fixed at 1.594 1/h",
            "effect of WT on CL: none → power around 70, exponent 0.75 fixed",
            "variability of V: estimated → none",
            "residual error of omalizumab_total: additive, estimated → combined, estimated",
        ]
    );
    // A fixed value in another unit is an equal value.
    let days = |typical, unit: &'static str| {
        oral(move |f| {
            let entry = f.parameters.get_mut("CL").unwrap();
            (entry.typical, entry.unit, entry.fixed) = (typical, unit.into(), true);
        })
    };
    assert!(model_changes(&days(2.75, "L/h"), &days(66.0, "L/d")).is_empty());
    assert_eq!(counts(&days(2.75, "L/h"), &days(66.0, "L/d")), Ok((0, 0)));
    let correlated = hayashi(|f| f.correlations.clear());
    let told = model_changes(&hayashi(|_| ()), &correlated);
    assert_eq!(told[0].to_string(), "correlation of CLe and Pe: estimated → none");
    assert!(
        model_changes(&base, &hayashi(|_| ()))[0].to_string().starts_with("structure: one_compartment →")
    );
}

fn reference() -> serde_json::Value {
    let path = format!("{}/../../fixtures/reference/likelihood_ratio.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn p_values_are_those_of_scipy() {
    let reference = reference();
    let mut checked = 0;
    for row in reference["p"].as_array().unwrap() {
        let at = |k: usize| row[k].as_f64().unwrap();
        let (freedom, statistic) = (at(0) as usize, at(1));
        for (found, expected) in [
            (RatioReference::ChiSquared { freedom }, at(2)),
            (RatioReference::Mixture { freedom }, at(3)),
            (RatioReference::Bound { freedom }, at(3)),
        ] {
            let p = found.p_value(statistic);
            assert!((p - expected).abs() <= 1e-10 * expected, "{found:?} {statistic}: {p} {expected}");
            checked += 1;
        }
    }
    assert_eq!(checked, 8 * 10 * 3);
}

#[test]
fn mixtures_are_what_simulation_finds_and_bounds_are_above() {
    let reference = reference();
    let draws = reference["draws"].as_f64().unwrap();
    for (cone, found) in reference["simulated"].as_object().unwrap() {
        let freedom = found["freedom"].as_u64().unwrap() as usize;
        for row in found["beyond"].as_array().unwrap() {
            let (statistic, part) = (row[0].as_f64().unwrap(), row[1].as_f64().unwrap());
            let error = (part * (1.0 - part) / draws).sqrt();
            let p = RatioReference::Mixture { freedom }.p_value(statistic);
            let bounded = RatioReference::Bound { freedom }.p_value(statistic);
            match cone.as_str() {
                "half_space" => assert!((p - part).abs() < 4.0 * error, "{statistic}: {p} {part}"),
                _ => assert!(bounded > part, "{cone} {statistic}: {bounded} {part}"),
            }
        }
    }
}

fn evidence(minus2ll: f64, estimated: usize) -> Evidence {
    Evidence { minus2ll, monte_carlo_se: 0.0, estimated, converged: true, is_maximised: true }
}

#[test]
fn only_what_can_be_tested_is() {
    let base = oral(|_| ());
    let without = oral(|f| without_variance(f, "V"));
    let relation = || nesting(&without, &base);
    let (small, large) = (evidence(365.0, 6), evidence(359.4, 7));
    let test = likelihood_ratio(&small, &large, relation()).unwrap();
    assert_eq!(test.reference, RatioReference::Mixture { freedom: 0 });
    assert!((test.statistic - 5.6).abs() < 1e-9);
    assert_eq!((test.p_interval, test.restrictions.words.join("; ")), (None, "no variance of V".into()));
    let refused = |small: Evidence, large: Evidence| {
        likelihood_ratio(&small, &large, relation()).unwrap_err().to_string()
    };
    let open = Evidence { converged: false, ..large };
    assert_eq!(refused(small, open), "the larger model has not converged");
    let two_stage = Evidence { is_maximised: false, ..small };
    assert!(refused(two_stage, large).contains("maximises no likelihood"));
    assert!(refused(Evidence { minus2ll: f64::NAN, ..small }, large).contains("has no likelihood"));
    assert!(refused(evidence(359.0, 6), large).contains("did not reach the maximum"));
    assert!(refused(evidence(365.0, 5), large).contains("a model file was changed after its run"));
    let same = likelihood_ratio(&large, &large, nesting(&base, &base));
    assert_eq!(same, Err(NoTest::SameModel));
    // A difference due to incomplete convergence counts as none.
    assert_eq!(
        likelihood_ratio(&evidence(359.401, 6), &evidence(359.402, 7), relation()).unwrap().p_value,
        1.0
    );
    // Sampled likelihoods have an error, and the p value a range; a difference within the error counts as none.
    let sampled = |minus2ll, estimated| Evidence { monte_carlo_se: 0.5, ..evidence(minus2ll, estimated) };
    let test = likelihood_ratio(&sampled(365.0, 6), &sampled(359.4, 7), relation()).unwrap();
    let [low, high] = test.p_interval.unwrap();
    assert!(low < test.p_value && test.p_value < high);
    assert!(likelihood_ratio(&sampled(359.0, 6), &sampled(359.4, 7), relation()).unwrap().p_value == 1.0);
}

#[test]
fn several_variances_have_a_bound() {
    let base = oral(|_| ());
    let without = oral(|f| f.variability.retain(|name, _| name == "CL"));
    let test = likelihood_ratio(&evidence(400.0, 5), &evidence(390.0, 7), nesting(&without, &base)).unwrap();
    assert_eq!(test.reference.to_string(), "at most ½χ²(1) + ½χ²(2)");
}

#[test]
fn weights_are_parts_of_one() {
    // exp(−1/2)/(1 + exp(−1/2) + exp(−5)) and the other weights, by hand.
    let weights = akaike_weights(&[Some(101.0), Some(100.0), Some(f64::NAN), Some(110.0), None]);
    let sum = (-0.5_f64).exp() + 1.0 + (-5.0_f64).exp();
    assert!((weights[0].unwrap() - (-0.5_f64).exp() / sum).abs() < 1e-15);
    assert_eq!((weights[2], weights[4]), (None, None));
    assert!((weights.iter().flatten().sum::<f64>() - 1.0).abs() < 1e-15);
    assert_eq!(akaike_weights(&[Some(f64::INFINITY)]), [None]);
    // A large distance does not overflow.
    assert_eq!(akaike_weights(&[Some(-1e300), Some(1e300)]), [Some(1.0), Some(0.0)]);
}

#[test]
fn absurd_numbers_are_told_briefly() {
    let absurd = oral(|f| {
        let entry = f.parameters.get_mut("ka").unwrap();
        (entry.typical, entry.fixed) = (1e300, true);
        f.variability.insert(
            "ka".into(),
            VariabilityEntry { variance: Some(1e-300), fixed: true, ..Default::default() },
        );
    });
    let told: Vec<String> = model_changes(&oral(|_| ()), &absurd).iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "typical value of ka: estimated → fixed at 1e300 1/h");
    assert_eq!(told[1], "variability of ka: estimated → variance 1e-300 fixed");
}

#[test]
fn what_has_not_converged_has_no_weight_and_differences_are_from_the_first() {
    let base = oral(|_| ());
    let log = oral(|f| {
        for r in f.residual.values_mut() {
            (r.additive_sd, r.log_sd) = (None, Some(0.2));
        }
    });
    let criteria = |ofv: f64, converged| RunCriteria {
        ofv,
        minus2ll: ofv + 242.0,
        aic: ofv + 256.0,
        monte_carlo_se: 0.0,
        converged,
    };
    let runs = [
        None,
        Some((&base, criteria(120.0, true))),
        Some((&base, criteria(116.0, false))),
        Some((&base, criteria(118.0, true))),
        Some((&log, criteria(130.0, true))),
        Some((&base, criteria(f64::NAN, true))),
    ];
    let found = standings(&runs);
    assert_eq!(found[0], RunStanding::default());
    let of = |k: usize| (found[k].delta_ofv, found[k].delta_aic);
    assert_eq!(of(1), (Some(0.0), Some(2.0)));
    assert_eq!((of(2), found[2].weight), ((Some(-4.0), Some(-2.0)), None));
    assert_eq!((of(4), found[4].delta_minus2ll), ((None, Some(12.0)), Some(10.0)));
    assert_eq!(found[5], RunStanding::default());
    let sum: f64 = found.iter().filter_map(|s| s.weight).sum();
    assert!((sum - 1.0).abs() < 1e-15);
    // For sampled likelihoods a distance below twice √(0.6² + 0.8²) is within the error.
    let sampled = |ofv, monte_carlo_se| Some((&base, RunCriteria { monte_carlo_se, ..criteria(ofv, true) }));
    let found = standings(&[sampled(100.0, 0.6), sampled(101.9, 0.8), sampled(102.1, 0.8)]);
    assert_eq!([0, 1, 2].map(|k: usize| found[k].is_within_error), [false, true, false]);
}
