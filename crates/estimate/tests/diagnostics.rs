//! Diagnostics are standard normal for data simulated from the model, detect a wrong model, and agree with an
//! independent program (`scripts/reference/diagnostics.py`).
#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    Binning, FitOptions, Limits, Method, Noise, Prior, Replication, ResidualKind, Strata, SubjectDiagnostics,
    SubjectStream, TrialReplicates, VpcSettings, VpcStatistic, anderson_darling, assay_limits, diagnose,
    fit_subject, mean_p_value, npc, prediction_errors, replicate_trial, simulate_subject, trend,
    typical_predictions, variance_p_value, vpc,
};
use omafit_model::{Analyte, Censoring, Covariates, Dose, PerAnalyte, PopulationModel, Subject, published};

const SUBJECTS: u64 = 60;
const REPLICATION: Replication = Replication { replicates: 200, seed: 11 };

fn hayashi() -> PopulationModel {
    PopulationModel::parse(published("hayashi2007").unwrap()).unwrap()
}

/// The model with typical values multiplied by factors, and residual standard deviations by `residual`.
fn changed(typical: &[(&str, f64)], residual: f64) -> PopulationModel {
    let mut file = hayashi().file().clone();
    for (name, factor) in typical {
        file.parameters.get_mut(*name).unwrap().typical *= factor;
    }
    for entry in file.residual.values_mut() {
        entry.log_sd = entry.log_sd.map(|sd| sd * residual);
    }
    PopulationModel::new(file).unwrap()
}

/// Subjects simulated from a model, each with twelve observations over twelve weeks; doses and covariates do not depend
/// on the seed.
fn subjects(model: &PopulationModel, seed: u64) -> Vec<Subject> {
    let doses: Vec<Dose> = (0..3).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
    let one = |i: u64| {
        let (mut who, mut stream) = (SubjectStream::new(0, i), SubjectStream::new(seed, i));
        let days = [3.0, 14.0, 40.0, 84.0];
        let covariates = Covariates::new(60.0 + 40.0 * who.uniform(), 150.0 + 600.0 * who.uniform());
        let mut subject = Subject::planned(i, covariates, doses.clone(), &omafit_model::analytes(), &days);
        simulate_subject(model, &mut subject, Noise::ALL, &mut stream).unwrap();
        subject
    };
    (0..SUBJECTS).map(one).collect()
}

fn diagnosed(model: &PopulationModel, subjects: &[Subject]) -> Vec<SubjectDiagnostics> {
    let free = model.variable().to_vec();
    let prior = Prior::new((0..free.len()).collect(), model.omega()).unwrap();
    let options = FitOptions::new(Method::Map, free);
    let fits: Vec<_> = subjects.iter().map(|s| fit_subject(model, s, Some(&prior), &options)).collect();
    let limits = assay_limits(model, subjects, &PerAnalyte::default());
    let of = replicate_trial(model, subjects, REPLICATION, &|| ());
    let replicates = TrialReplicates { of, seed: REPLICATION.seed, limits };
    diagnose(model, subjects, &|i| &fits[i], &options, Some(&replicates))
}

fn values(all: &[SubjectDiagnostics], kind: ResidualKind) -> Vec<f64> {
    let of = |d: &SubjectDiagnostics| match kind {
        ResidualKind::Cwres => d.cwres.clone(),
        ResidualKind::Npde => d.npde.clone(),
        _ => d.wres.clone(),
    };
    all.iter().flat_map(of).filter(|v| v.is_finite()).collect()
}

/// Test with 720 residuals, which distinguish a mean of 0.15 or a standard deviation of 1.1 from 0 and 1 with p < 0.001
/// in nine of ten data sets.
#[test]
fn residuals_are_standard_normal_under_the_model() {
    let model = hayashi();
    let all = diagnosed(&model, &subjects(&model, 5));
    for kind in [ResidualKind::Cwres, ResidualKind::Npde] {
        let values = values(&all, kind);
        assert_eq!(values.len(), 720);
        assert!(mean_p_value(&values) > 0.01, "{kind:?}: {}", mean_p_value(&values));
        assert!(variance_p_value(&values) > 0.01, "{kind:?}: {}", variance_p_value(&values));
        assert!(anderson_darling(&values).p_value > 0.01, "{kind:?}: {:?}", anderson_darling(&values));
    }
}

#[test]
fn residuals_notice_a_wrong_model() {
    let data = subjects(&hayashi(), 5);
    let wrong_error = diagnosed(&changed(&[], 0.75), &data);
    let wrong_clearance = diagnosed(&changed(&[("CLx", 1.3)], 1.0), &data);
    for kind in [ResidualKind::Cwres, ResidualKind::Npde] {
        assert!(variance_p_value(&values(&wrong_error, kind)) < 1e-4, "{kind:?}");
        let drug: Vec<f64> = values(&wrong_clearance, kind).chunks(3).map(|v| v[0]).collect();
        assert!(mean_p_value(&drug) < 1e-4, "{kind:?}");
    }
}

#[test]
fn npde_of_censored_observations_is_standard_normal() {
    let mut file = hayashi().file().clone();
    file.residual.get_mut(&Analyte::IGE_FREE).unwrap().lloq = Some(18.0);
    file.residual.get_mut(&Analyte::OMALIZUMAB_TOTAL).unwrap().uloq = Some(35.0);
    let model = PopulationModel::new(file).unwrap();
    let data = subjects(&model, 8);
    let censored = data.iter().flat_map(|s| &s.observations).filter(|o| o.censoring != Censoring::Quantified);
    assert!(censored.count() > 100);
    let all = diagnosed(&model, &data);
    let npde = values(&all, ResidualKind::Npde);
    assert_eq!(npde.len(), 720);
    assert!(mean_p_value(&npde) > 0.01 && variance_p_value(&npde) > 0.01);
    // The other subjects have no value.
    assert!(values(&all, ResidualKind::Cwres).len() < 620);
}

#[test]
fn npde_of_values_between_two_limits_is_standard_normal() {
    let model = hayashi();
    let mut data = subjects(&model, 9);
    let free = data.iter_mut().flat_map(|s| &mut s.observations).filter(|o| o.analyte == Analyte::IGE_FREE);
    let mut within = 0;
    // Detection limit 18 ng/mL, quantification limit 36 ng/mL.
    for observation in free.filter(|o| o.value < 36.0) {
        observation.censoring = Censoring::Below;
        let is_detected = observation.value >= 18.0;
        within += usize::from(is_detected);
        observation.interval_end = is_detected.then_some(18.0);
        observation.value = if is_detected { 36.0 } else { 18.0 };
    }
    assert!(within > 40, "{within}");
    let npde = values(&diagnosed(&model, &data), ResidualKind::Npde);
    assert_eq!(npde.len(), 720);
    assert!(mean_p_value(&npde) > 0.01 && variance_p_value(&npde) > 0.01);
}

fn settings(model: &PopulationModel, data: &[Subject], is_corrected: bool) -> VpcSettings {
    VpcSettings {
        binning: Binning::Chosen,
        percentiles: vec![0.05, 0.5, 0.95],
        level: 0.9,
        limits: assay_limits(model, data, &PerAnalyte::default()),
        strata: Strata::default(),
        is_corrected,
    }
}

/// The fraction of observed statistics in many trials simulated from `truth` that lie within the bands of `model`.
fn coverage(truth: &PopulationModel, model: &PopulationModel, is_corrected: bool) -> f64 {
    const TRIALS: u64 = 40;
    let (mut inside, mut all) = (0, 0);
    let design = subjects(truth, 5);
    let replicates = replicate_trial(model, &design, REPLICATION, &|| ());
    let pred: Vec<_> = design.iter().map(|s| typical_predictions(model, s).unwrap()).collect();
    for trial in 0..TRIALS {
        let data = subjects(truth, 100 + trial);
        for row in vpc(&data, &replicates, &pred, &settings(model, &data, is_corrected)) {
            all += 1;
            inside += u32::from(row.observed >= row.simulated[0] && row.observed <= row.simulated[2]);
        }
    }
    assert_eq!(all, TRIALS as u32 * 3 * 4 * 3);
    f64::from(inside) / f64::from(all)
}

/// Test with 1440 statistics of 40 trials, 36 correlated ones per trial: the standard deviation of their coverage is
/// below 0.015.
#[test]
fn bands_of_90_per_cent_cover_90_per_cent() {
    let model = hayashi();
    for is_corrected in [false, true] {
        let covered = coverage(&model, &model, is_corrected);
        assert!((covered - 0.9).abs() < 0.03, "{is_corrected}: {covered}");
    }
    let covered = coverage(&model, &changed(&[("CLx", 1.4), ("Pe", 0.7)], 1.0), true);
    assert!(covered < 0.6, "{covered}");
}

#[test]
fn censored_fractions_and_percentiles_beyond_a_limit_are_told_apart() {
    let mut file = hayashi().file().clone();
    file.residual.get_mut(&Analyte::IGE_FREE).unwrap().lloq = Some(15.0);
    let model = PopulationModel::new(file).unwrap();
    let data = subjects(&model, 3);
    let replicates = replicate_trial(&model, &data, REPLICATION, &|| ());
    let pred: Vec<_> = data.iter().map(|s| typical_predictions(&model, s).unwrap()).collect();
    let rows = vpc(&data, &replicates, &pred, &settings(&model, &data, false));
    let free = |wanted: VpcStatistic| {
        rows.iter()
            .filter(move |r| r.analyte == Analyte::IGE_FREE && r.statistic == wanted)
            .collect::<Vec<_>>()
    };
    let below = free(VpcStatistic::Below);
    assert_eq!(below.len(), 4);
    for (fraction, lowest) in below.iter().zip(free(VpcStatistic::Percentile(0.05))) {
        let observed = data.iter().flat_map(|s| &s.observations);
        let here = observed.filter(|o| o.analyte == Analyte::IGE_FREE && o.time == fraction.time[1]);
        let censored = here.filter(|o| o.censoring == Censoring::Below).count();
        assert_eq!(fraction.observed, censored as f64 / SUBJECTS as f64);
        assert!(
            fraction.observed >= fraction.simulated[0] - 0.05
                && fraction.observed <= fraction.simulated[2] + 0.05
        );
        // Three of sixty values below the limit reach the fifth percentile.
        assert_eq!(lowest.observed.is_nan(), censored >= 3, "{fraction:?} {lowest:?}");
    }
}

#[test]
fn the_numerical_check_counts_what_it_should() {
    let model = hayashi();
    let data = subjects(&model, 5);
    let replicates = replicate_trial(&model, &data, REPLICATION, &|| ());
    let unlimited = PerAnalyte::of(omafit_model::analytes(), |_| Limits::default());
    let rows = npc(&data, &replicates, &unlimited, 0.9);
    assert_eq!(rows.len(), 12);
    for row in &rows {
        let expected = 0.5 * (1.0 - row.interval);
        for side in [row.below, row.above] {
            assert_eq!(row.n, 240);
            // A value included in its own interval lies outside with the nominal frequency, to within 1/K.
            assert!((side[2] - expected).abs() < 0.02, "{row:?}");
            assert!(side[1] <= side[2] && side[2] <= side[3]);
        }
    }
    let inside =
        rows.iter().flat_map(|r| [r.below, r.above]).filter(|s| s[0] >= s[1] && s[0] <= s[3]).count();
    assert!(inside >= 19, "{inside} of 24");
}

#[test]
fn replicates_do_not_depend_on_threads_or_on_the_other_subjects() {
    let model = hayashi();
    let data = &subjects(&model, 5)[..6];
    let few = Replication { replicates: 20, seed: 3 };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| replicate_trial(&model, data, few, &|| ()))
    };
    assert_eq!(with(1), with(3));
    assert_eq!(with(2)[..2], replicate_trial(&model, &data[..2], few, &|| ()));
    assert_ne!(with(1), replicate_trial(&model, data, Replication { seed: 4, ..few }, &|| ()));
}

fn reference() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/diagnostics.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn prediction_errors_are_those_of_numpy() {
    for case in reference()["prediction_errors"].as_array().unwrap() {
        let simulated: Vec<Vec<f64>> = case["simulated"].as_array().unwrap().iter().map(numbers).collect();
        let found = prediction_errors(&numbers(&case["observed"]), &simulated);
        for (found, expected) in found.iter().zip(numbers(&case["errors"])) {
            assert!((found - expected).abs() < 1e-14, "{found} {expected}");
        }
    }
    // As many observations as simulations leave no covariance.
    assert!(prediction_errors(&[0.0, 1.0], &[vec![0.0, 1.0], vec![1.0, 0.5]])[0].is_nan());
}

#[test]
fn tests_of_residuals_are_those_of_scipy() {
    for case in reference()["tests"].as_array().unwrap() {
        let values = numbers(&case["values"]);
        let points: Vec<(f64, f64)> = numbers(&case["x"]).into_iter().zip(values.iter().copied()).collect();
        let normality = anderson_darling(&values);
        let (slope, slope_p) = trend(&points);
        for (name, found) in [
            ("mean_p", mean_p_value(&values)),
            ("variance_p", variance_p_value(&values)),
            ("anderson_darling", normality.statistic),
            ("normality_p", normality.p_value),
            ("slope", slope),
            ("slope_p", slope_p),
        ] {
            let expected = case[name].as_f64().unwrap();
            assert!((found / expected - 1.0).abs() < 1e-8, "{}: {name} {found} {expected}", case["name"]);
        }
    }
    assert!(mean_p_value(&[1.0]).is_nan() && variance_p_value(&[1.0]).is_nan());
    assert!(anderson_darling(&[0.0; 20]).p_value.is_nan() && trend(&[(1.0, 2.0); 5]).1.is_nan());
}

#[test]
fn limits_come_from_who_knows_best() {
    let mut file = hayashi().file().clone();
    file.residual.get_mut(&Analyte::IGE_FREE).unwrap().lloq = Some(18.0);
    let model = PopulationModel::new(file).unwrap();
    let data = subjects(&model, 8);
    let of = |model: &PopulationModel, data: &[Subject], given: Limits| {
        let given = PerAnalyte::of([Analyte::IGE_FREE], |_| given);
        *assay_limits(model, data, &given).get(Analyte::IGE_FREE).unwrap()
    };
    let none = Limits::default();
    assert_eq!(of(&model, &[], none), Limits { lower: Some(18.0), upper: None });
    assert_eq!(of(&hayashi(), &data, none), Limits { lower: Some(18.0), upper: None });
    let given = Limits { lower: Some(2.0), upper: Some(150.0) };
    assert_eq!(of(&model, &data, given), given);
    assert_eq!(
        [1.0, 2.0, 150.0, 151.0].map(|v| given.rank(v)),
        [f64::NEG_INFINITY, 2.0, 150.0, f64::INFINITY]
    );
}
