//! Properties that hold for any subjects and any bytes.

use omafit_model::{Censoring, Covariates, Dose, Observation, Route, StateRule, Subject};
use omafit_trial::{
    IgeUnit, OmalizumabUnit, ReadOptions, TableError, TimeUnit, data_set_table, read, write_data_set,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Scratch, by_analyte, read_text};
use crate::tables::example_parquet;
use std::collections::BTreeMap;

fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z0-9][ -~]{0,8}", "[^\\p{C}\\p{Z}]{1,6}", Just("=cmd|' /C calc'!A0, \"x\"".to_owned())]
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("an ID is not empty", |text| !text.is_empty())
}

fn positive() -> impl Strategy<Value = f64> {
    prop_oneof![1e-3..1e4_f64, Just(1e-300), Just(1e300), Just(0.1 + 0.2)]
}

/// Doses and resets of any kind. Durations are quotients of amounts and rates, as in a data set.
fn dose() -> impl Strategy<Value = Dose> {
    let shape = (0..6_u8, any::<bool>(), prop_oneof![Just(None), (1e-3..1e4_f64).prop_map(Some)]);
    (prop_oneof![1e-3..1e4_f64, Just(300.0)], shape, 0.0..50.0_f64).prop_map(
        |(amount_mg, (kind, vein, rate), more)| {
            let route = if vein { Route::Intravenous } else { Route::Subcutaneous };
            let duration = rate.map_or(0.0, |rate| amount_mg / rate);
            let interval = duration + more + f64::from(u8::from(rate.is_none()));
            let before = match kind {
                0 => StateRule::SteadyState { interval },
                1 => StateRule::AddedSteadyState { interval },
                2 => StateRule::Reset,
                3 => return Dose::subcutaneous(0.0, 0.0).after(StateRule::Reset),
                _ => StateRule::Kept,
            };
            Dose { time: 0.0, amount_mg, route, duration, before }
        },
    )
}

fn observation() -> impl Strategy<Value = Observation> {
    let censoring = prop_oneof![
        2 => Just(Censoring::Quantified),
        1 => Just(Censoring::Below),
        1 => Just(Censoring::Above),
    ];
    let end = proptest::option::of(1.5..1e6_f64);
    (0..3_usize, positive(), censoring, end).prop_map(|(analyte, value, censoring, factor)| {
        let interval_end = match censoring {
            Censoring::Quantified => None,
            Censoring::Below => factor.map(|factor| value / factor),
            Censoring::Above => factor.map(|factor| value * factor),
        };
        // An end beyond the range of numbers is dropped.
        let interval_end = interval_end.filter(|end| *end > 0.0 && end.is_finite());
        let analyte = omafit_model::analytes()[analyte];
        Observation { value, censoring, interval_end, ..Observation::planned(0.0, analyte, 0) }
    })
}

#[derive(Clone, Debug)]
enum Event {
    Dose(Dose),
    Observation(Observation),
}

fn covariates() -> impl Strategy<Value = Covariates> {
    let any_number = prop_oneof![-1e3..1e3_f64, Just(0.0), Just(-1e300), Just(5e-324)];
    let known = (proptest::option::of(positive()), proptest::option::of(positive()));
    (known, any_number, 0..3_u8).prop_map(|((weight_kg, ige_ng_ml), age, sex)| {
        let mut covariates = Covariates::default().with("age", age).with("SEX", f64::from(sex));
        for (name, value) in [(Covariates::WEIGHT, weight_kg), (Covariates::IGE, ige_ng_ml)] {
            if let Some(value) = value {
                covariates = covariates.with(name, value);
            }
        }
        covariates
    })
}

/// Options for reading subjects with these covariates: all have an age and a sex.
fn options() -> ReadOptions {
    ReadOptions {
        allow_undosed: true,
        covariates: vec!["SEX".to_owned(), "age".to_owned()],
        ..ReadOptions::default()
    }
}

/// Subjects whose doses and observations often share a time, with some observations before the dose and some after.
fn subject() -> impl Strategy<Value = Subject> {
    let what = prop_oneof![
        2 => dose().prop_map(Event::Dose),
        3 => observation().prop_map(Event::Observation),
    ];
    let event = (0..3_u8, prop_oneof![Just(0.0), 0.0..30.0_f64], what);
    (id(), covariates(), -100.0..100.0_f64, vec(event, 0..30), observation()).prop_map(
        |(id, covariates, start, events, last)| {
            let mut time = start;
            let (mut doses, mut observations) = (Vec::new(), Vec::new());
            for (step, delay, event) in events {
                // Two steps in three stay at the time of the previous record.
                time += if step == 0 { delay } else { 0.0 };
                match event {
                    Event::Dose(dose) => doses.push(Dose { time, ..dose }),
                    Event::Observation(observation) => {
                        observations.push(Observation { time, doses_before: doses.len(), ..observation });
                    }
                }
            }
            if observations.is_empty() {
                observations.push(Observation { time, doses_before: doses.len(), ..last });
            }
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
        write_data_set(&scratch.path, &subjects, &[], true).unwrap();
        prop_assert_eq!(&without_rows(read(&scratch.path, &options()).unwrap().subjects), &subjects);
        let mut bytes = Vec::new();
        data_set_table(&subjects).unwrap().write_parquet(&mut bytes).unwrap();
        prop_assert_eq!(&without_rows(read_text(&bytes, &options()).unwrap().subjects), &subjects);
    }

    #[test]
    fn chunks_of_subjects_with_the_same_covariates_have_the_same_columns(subjects in subjects()) {
        let names = |subjects: &[Subject]| -> Vec<String> {
            data_set_table(subjects).unwrap().columns().iter().map(|column| column.name.clone()).collect()
        };
        for subject in &subjects {
            prop_assert_eq!(names(std::slice::from_ref(subject)), names(&subjects));
        }
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
    fn no_cells_make_it_panic(rows in vec(vec(cell(), 16..=17), 0..12), subjects in 1..3_usize) {
        let mut text = HEADER.to_owned();
        for (index, row) in rows.iter().enumerate() {
            text.push_str(&format!("{}", index * subjects / rows.len()));
            for cell in row {
                text.push(',');
                text.push_str(cell);
            }
            text.push('\n');
        }
        let _ = read_text(&text, &options());
    }

    #[test]
    fn what_is_read_is_sound_and_can_be_written(
        rows in vec(row(), 0..12),
        other_units in any::<bool>(),
        limit in proptest::option::of(0.5..3.0_f64),
    ) {
        let mut text = format!("{HEADER}501,0,2,,0,0,,ige_free,,,,,,,70,420,41\n");
        for (index, row) in rows.iter().enumerate() {
            text.push_str(&format!("501,{}{row},70,420,41\n", index / 2));
        }
        let mut read_as = ReadOptions { lloq: by_analyte([limit; 3]), ..options() };
        read_as.covariates.retain(|name| name == "age");
        let plain = ReadOptions { lloq: BTreeMap::new(), ..read_as.clone() };
        if other_units {
            read_as.time_unit = TimeUnit::Hours;
            read_as.ige_unit = IgeUnit::IuPerMl;
            read_as.omalizumab_unit = OmalizumabUnit::Nanomolar;
        }
        let trial = read_text(&text, &read_as).unwrap();
        let subject = &trial.subjects[0];
        prop_assert!(subject.doses.iter().map(|d| d.time).is_sorted());
        prop_assert!(subject.doses.iter().all(is_sound));
        prop_assert!(subject.observations.iter().all(|o| o.doses_before <= subject.doses.len()));
        prop_assert!(subject.observations.iter().all(|o| o.value > 0.0 && o.value.is_finite()));
        let mut bytes = Vec::new();
        match data_set_table(&trial.subjects) {
            Ok(table) => table.write_parquet(&mut bytes).unwrap(),
            // A duration that was given in hours may have no exact rate in days.
            Err(TableError::Subject { reason, .. }) if other_units && reason.contains("no rate") => {
                return Ok(());
            }
            Err(error) => panic!("{error}"),
        }
        let again = read_text(&bytes, &plain).unwrap().subjects;
        prop_assert_eq!(without_rows(again), without_rows(trial.subjects));
    }

    #[test]
    fn no_damage_to_parquet_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = example_parquet();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_text(&bytes, &ReadOptions::default());
    }
}

const HEADER: &str = "ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,RATE,ADDL,II,SS,CENS,LIMIT,WT,IGE,AGE\n";

/// Cells of a sound row from `DV` to `LIMIT`.
fn row() -> impl Strategy<Value = String> {
    let dose = (
        1..400_u32,
        prop_oneof![Just(1), Just(4)],
        prop_oneof![Just(""), Just("1"), Just("2")],
        prop_oneof![Just("0"), Just("350.5"), Just("97")],
        prop_oneof![Just(""), Just("0"), Just("3")],
        0..=2_u8,
    );
    prop_oneof![
        4 => dose.prop_map(|(amt, evid, cmt, rate, addl, ss)| {
            format!(",,{amt},{evid},1,{cmt},,{rate},{addl},4.5,{ss},,")
        }),
        1 => Just(",,0,3,1,,,0,,,0,,".to_owned()),
        1 => Just(",,,2,1,,,,,,,,".to_owned()),
        1 => Just(",,,0,1,,,,,,,,".to_owned()),
        4 => (0.1..9.0_f64, 1..=3_u8, prop_oneof![Just(",0,"), Just(",,"), Just(",1,"), Just(",1,0"), Just(",-1,")])
            .prop_map(|(dv, dvid, cens)| format!(",{dv},,0,0,,{dvid},,,,{cens}")),
        1 => (0.1..9.0_f64, 1..=3_u8).prop_map(|(limit, dvid)| format!(",,,0,0,,{dvid},,,,,-1,{limit}")),
    ]
}

fn is_sound(dose: &Dose) -> bool {
    let given = dose.amount_mg > 0.0 || (dose.amount_mg == 0.0 && dose.before == StateRule::Reset);
    let repeated = match dose.before {
        StateRule::Kept | StateRule::Reset => true,
        StateRule::SteadyState { interval } | StateRule::AddedSteadyState { interval } => {
            interval > 0.0 && interval.is_finite() && dose.duration <= interval
        }
    };
    given && repeated && dose.duration >= 0.0 && dose.duration.is_finite()
}

/// Cells that are mostly right, so that most checks are reached.
fn cell() -> impl Strategy<Value = String> {
    let usual = ["0", "1", "2", "", ".", "70", "3", "4", "-1"];
    prop_oneof![
        12 => prop::sample::select(usual.to_vec()).prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => "[^,\"\r\n]{0,5}",
    ]
}
