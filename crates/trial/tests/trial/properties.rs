//! What holds for any subjects and any bytes.

use omafit_model::{Analyte, Censoring, Covariates, Dose, Observation, Subject};
use omafit_trial::{ReadOptions, data_set_table, read, write_data_set};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Scratch, read_text};
use crate::tables::example_parquet;

fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z0-9][ -~]{0,8}", "[^\\p{C}\\p{Z}]{1,6}", Just("=cmd|' /C calc'!A0, \"x\"".to_owned())]
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("an ID is not empty", |text| !text.is_empty())
}

/// A subject whose doses and observations often share a time, of which some come before the dose and some after.
fn subject() -> impl Strategy<Value = Subject> {
    let positive = prop_oneof![1e-3..1e4_f64, Just(1e-300), Just(1e300), Just(0.1 + 0.2)];
    let event = (0..3_u8, prop_oneof![Just(0.0), 0.0..30.0_f64], positive, 0..4_usize);
    (id(), 20.0..200.0_f64, 1.0..5000.0_f64, -100.0..100.0_f64, vec(event, 0..30)).prop_map(
        |(id, weight_kg, ige_ng_ml, start, events)| {
            let mut time = start;
            let (mut doses, mut observations) = (Vec::new(), Vec::new());
            for (step, delay, value, kind) in events {
                // Two steps in three stay at the time of the record before.
                time += if step == 0 { delay } else { 0.0 };
                match kind {
                    3 => doses.push(Dose::subcutaneous(time, value)),
                    analyte => observations.push(Observation {
                        time,
                        analyte: Analyte::ALL[analyte],
                        value,
                        censoring: Censoring::Quantified,
                        doses_before: doses.len(),
                        row: 0,
                    }),
                }
            }
            if observations.is_empty() {
                let (analyte, doses_before) = (Analyte::IgeFree, doses.len());
                observations.push(Observation {
                    time,
                    analyte,
                    value: 1.0,
                    doses_before,
                    row: 0,
                    censoring: Censoring::Quantified,
                });
            }
            let covariates = Covariates::new(weight_kg, ige_ng_ml);
            Subject { id, covariates, start, doses, observations }
        },
    )
}

fn subjects() -> impl Strategy<Value = Vec<Subject>> {
    vec(subject(), 1..5).prop_map(|mut subjects| {
        let mut seen = std::collections::HashSet::new();
        subjects.retain(|subject| seen.insert(subject.id.clone()));
        subjects
    })
}

fn without_rows(mut subjects: Vec<Subject>) -> Vec<Subject> {
    for observation in subjects.iter_mut().flat_map(|subject| &mut subject.observations) {
        assert!(observation.row > 1);
        observation.row = 0;
    }
    subjects
}

proptest! {
    #[test]
    fn a_data_set_is_read_back_as_it_was_written(subjects in subjects()) {
        let scratch = Scratch::new("");
        let options = ReadOptions { allow_undosed: true, ..ReadOptions::default() };
        write_data_set(&scratch.path, &subjects, &[], true).unwrap();
        prop_assert_eq!(&without_rows(read(&scratch.path, &options).unwrap().subjects), &subjects);
        let mut bytes = Vec::new();
        data_set_table(&subjects).unwrap().write_parquet(&mut bytes).unwrap();
        prop_assert_eq!(&without_rows(read_text(&bytes, &options).unwrap().subjects), &subjects);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = read_text(&bytes, &ReadOptions::default());
    }

    #[test]
    fn no_text_makes_it_panic(text in "([#ID,TIMEDVA0-9\\.\" \r\n;\u{FEFF}µ]|\\PC){0,200}") {
        let _ = read_text(&text, &ReadOptions::default());
    }

    #[test]
    fn no_cells_make_it_panic(rows in vec(vec(cell(), 14..=15), 0..12), subjects in 1..3_usize) {
        let mut text = "ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,RATE,ADDL,II,SS,CENS,WT,IGE\n".to_owned();
        for (index, row) in rows.iter().enumerate() {
            text.push_str(&format!("{}", index * subjects / rows.len()));
            for cell in row {
                text.push(',');
                text.push_str(cell);
            }
            text.push('\n');
        }
        if let Ok(trial) = read_text(&text, &ReadOptions::default()) {
            for subject in &trial.subjects {
                let times = subject.doses.iter().map(|d| d.time);
                prop_assert!(times.is_sorted());
                prop_assert!(subject.observations.iter().all(|o| o.doses_before <= subject.doses.len()));
            }
        }
    }

    #[test]
    fn no_damage_to_parquet_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = example_parquet();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_text(&bytes, &ReadOptions::default());
    }
}

/// Cells that are mostly right, so that rows come far.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop_oneof![Just("0"), Just("1"), Just("2"), Just(""), Just("."), Just("70")].prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => "[^,\"\r\n]{0,5}",
    ]
}
