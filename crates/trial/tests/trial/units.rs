//! Tests of files in other units.

use omafit_model::{Analyte, Censoring, Dose, StateRule};
use omafit_trial::{IgeUnit, OmalizumabUnit, ReadOptions, TimeUnit};

use crate::support::{check_with, good, good_with};

const FILE: &str = "ID,TIME,DV,DVID,AMT,EVID,CMT,RATE,SS,ADDL,II,CENS,LIMIT,WT,IGE\n\
                    501,-12,100,2,,0,,,,,,,,70,200\n\
                    501,0,,,300,1,2,150,,1,336,,,70,200\n\
                    501,1,10,3,,0,,,,,,,,70,200\n\
                    501,2,,3,,0,,,,,,1,3,70,200\n\
                    501,36,40,1,,0,,,,,,,,70,200\n\
                    501,480,,,300,1,1,,1,,672,,,70,200\n";

#[test]
fn hours() {
    let trial = good_with(FILE, &ReadOptions { time_unit: TimeUnit::Hours, ..ReadOptions::default() });
    let subject = &trial.subjects[0];
    assert_eq!(subject.start, -0.5);
    assert_eq!(
        subject.doses,
        [
            Dose::intravenous(0.0, 300.0, 2.0 / 24.0),
            Dose::intravenous(14.0, 300.0, 2.0 / 24.0),
            Dose::subcutaneous(20.0, 300.0).after(StateRule::SteadyState { interval: 28.0 }),
        ]
    );
    let times: Vec<f64> = subject.observations.iter().map(|o| o.time).collect();
    assert_eq!(times, [-0.5, 1.0 / 24.0, 2.0 / 24.0, 1.5]);
    assert_eq!(trial.notes[0], "times read in hours, 24 to the day");
    // Messages on a row use the unit of the file.
    check_with(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n501,48,,,300,70,420\n501,24,9,1,,70,420\n501,,9,1,,70,420\n",
        &ReadOptions { time_unit: TimeUnit::Hours, ..ReadOptions::default() },
        &[
            r#"trial.csv:3, column TIME, ID 501: found "24", expected at least 48, the time of row 2: records are in order of time"#,
            "trial.csv:4, column TIME, ID 501: found an empty cell, expected a time in hours",
        ],
    );
}

#[test]
fn ige_and_omalizumab() {
    let values = |options: &ReadOptions| {
        let trial = good_with(FILE, options);
        let subject = &trial.subjects[0];
        let values: Vec<f64> = subject.observations.iter().map(|o| o.value).collect();
        (values, subject.covariates.ige_ng_ml().unwrap(), trial.notes)
    };
    let plain = vec![100.0, 10.0, 3.0, 40.0];
    assert_eq!(values(&ReadOptions::default()), (plain.clone(), 200.0, good(FILE).notes));
    let with =
        |ige_unit, omalizumab_unit| ReadOptions { ige_unit, omalizumab_unit, ..ReadOptions::default() };
    let (found, ige, notes) = values(&with(IgeUnit::IuPerMl, OmalizumabUnit::MgPerL));
    assert_eq!((found, ige), (vec![242.0, 24.2, 3.0 * 2.42, 40.0], 484.0));
    assert_eq!(notes[0], "IgE read in IU/mL, 2.42 ng/mL each");
    let (found, ige, notes) = values(&with(IgeUnit::Nanomolar, OmalizumabUnit::Nanomolar));
    assert_eq!((found, ige), (vec![19_000.0, 1900.0, 570.0, 6.0], 38_000.0));
    assert_eq!(notes[..2], ["omalizumab read in nM, 0.15 µg/mL each", "IgE read in nM, 190 ng/mL each"]);
}

#[test]
fn nanomolar_omalizumab_is_converted_by_the_molecular_mass_of_the_model() {
    let drug = |drug_kda: f64| {
        let omalizumab_unit = OmalizumabUnit::Nanomolar;
        let trial = good_with(FILE, &ReadOptions { omalizumab_unit, drug_kda, ..ReadOptions::default() });
        let observations = &trial.subjects[0].observations;
        observations.iter().find(|o| o.analyte == Analyte::OMALIZUMAB_TOTAL).unwrap().value
    };
    // 40 nM of 150 kDa, and of the 149 kDa of the models of target-mediated disposition.
    assert!((drug(150.0) - 6.0).abs() < 1e-12 && (drug(149.0) - 5.96).abs() < 1e-12);
}

#[test]
fn limits_and_assumptions_are_in_standard_units() {
    let mut options = ReadOptions { ige_unit: IgeUnit::IuPerMl, ..ReadOptions::default() };
    options.lloq.insert(Analyte::IGE_FREE, 25.0);
    options.assume.insert("IGE".to_owned(), 365.0);
    let content = "ID,TIME,DV,DVID,AMT,WT\n501,0,,,300,70\n501,1,10,3,,70\n501,2,11,3,,70\n";
    let trial = good_with(content, &options);
    let found: Vec<(f64, Censoring)> =
        trial.subjects[0].observations.iter().map(|o| (o.value, o.censoring)).collect();
    assert_eq!(found, [(25.0, Censoring::Below), (11.0 * 2.42, Censoring::Quantified)]);
    assert_eq!(trial.subjects[0].covariates.ige_ng_ml(), Some(365.0));
}

#[test]
fn numbers_that_a_unit_makes_infinite() {
    check_with(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n501,0,,,300,70,1e307\n501,1,1e307,3,,70,1e307\n501,1,1e307,1,,70,1e307\n",
        &ReadOptions { ige_unit: IgeUnit::Nanomolar, ..ReadOptions::default() },
        &[
            r#"trial.csv:2, column IGE, ID 501: found "1e307", expected a number that is finite in ng/mL"#,
            r#"trial.csv:3, column IGE, ID 501: found "1e307", expected a number that is finite in ng/mL"#,
            r#"trial.csv:3, column DV, ID 501: found "1e307", expected a number that is finite in ng/mL"#,
            r#"trial.csv:4, column IGE, ID 501: found "1e307", expected a number that is finite in ng/mL"#,
        ],
    );
}
