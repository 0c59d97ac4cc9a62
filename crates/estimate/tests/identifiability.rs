//! Descriptions of undetermined directions agree with the data.
#![allow(clippy::unwrap_used)]

use omafit_estimate::{FitOptions, Method, Prior, fit_subject, free_names};
use omafit_model::{Analyte, Course, Covariates, Dose, Observation, PopulationModel, Subject, published};

/// A subject whose observations equal the predictions of the typical subject.
fn exact(model: &PopulationModel, ige_ng_ml: f64, dose_mg: f64, seen: &[(f64, Analyte)]) -> Subject {
    let doses = vec![Dose::subcutaneous(0.0, dose_mg)];
    let observations = seen.iter().map(|&(time, analyte)| Observation::planned(time, analyte, 1)).collect();
    let covariates = Covariates::new(61.1, ige_ng_ml);
    let mut subject = Subject { id: "1".into(), covariates, start: 0.0, doses, observations };
    let (course, positions) = Course::of_observations(&subject).unwrap();
    let mut out = omafit_model::OutputRows::new();
    let typical = model.typical(&subject.covariates).unwrap();
    model.predict(&typical, &subject.covariates, &course, &mut out).unwrap();
    for (o, at) in subject.observations.iter_mut().zip(positions) {
        o.value = out[at][model.structure().output(o.analyte).unwrap()];
    }
    subject
}

#[test]
fn clearance_and_volume_of_the_complex_only_through_their_ratio() {
    // With a small dose and much IgE all drug is bound, declines as exp(−CLc/Vc·t), and is measured in the volume Vc.
    // After about three weeks its concentration is equally sensitive to Vc and, with the opposite sign, to dCLc.
    let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    let free = vec![model.position("dCLc").unwrap(), model.position("Vc").unwrap()];
    let seen = [24.0, 25.0, 26.0].map(|day| (day, Analyte::OMALIZUMAB_TOTAL));
    let subject = exact(&model, 20_000.0, 2.0, &seen);
    let options = FitOptions::new(Method::Nls, free.clone());
    let fit = fit_subject(&model, &subject, None, &options);
    let names = free_names(&model, &options);
    let said = fit.data_information.weaknesses(&names);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("dCLc and Vc only through their ratio (standard deviation ")
            || said[0].starts_with("Vc and dCLc only through their ratio (standard deviation "),
        "{said:?} {:?}",
        fit.data_information.directions()
    );
    // With the population as prior the estimate is determined, and the direction that the data leave weak is unchanged.
    let omega = |name: &str| {
        let at = model.variable().iter().position(|v| *v == model.position(name).unwrap()).unwrap();
        model.omega()[at * (model.variable().len() + 1)]
    };
    let prior = Prior::new(vec![0, 1], &[omega("dCLc"), 0.0, 0.0, omega("Vc")]).unwrap();
    let with = fit_subject(&model, &subject, Some(&prior), &FitOptions::new(Method::Map, free));
    assert!(with.data_information.weaknesses(&names)[0].contains(" only through their ratio "));
    assert!(with.uncertainty.weaknesses(&names).is_empty());
}
