//! Many sets of parameters solved abreast are, to the bit, those solved alone.
#![allow(clippy::unwrap_used)]

use omafit_model::{Course, Dose, Output, OutputTime, PopulationModel, Start, published};

fn courses() -> Vec<Course> {
    let dose = |day: f64, mg: f64| Dose::subcutaneous(day, mg);
    let of = |start: f64, doses: Vec<Dose>, days: &[f64], output: Output| {
        let before = |time: f64| doses.partition_point(|d| d.time < time);
        let times = days.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
        Course::new(start, doses.clone(), times, output).unwrap()
    };
    let regular: Vec<Dose> = (0..6).map(|k| dose(28.0 * f64::from(k), 300.0)).collect();
    let visits = [0.0, 7.0, 28.0, 29.5, 100.0, 168.0, 250.0];
    let daily: Vec<f64> = (-10..=200).map(f64::from).collect();
    let weekly: Vec<f64> = (0..=30).map(|k| 7.0 * f64::from(k)).collect();
    vec![
        of(0.0, regular.clone(), &visits, Output::Landed),
        of(0.0, regular.clone(), &weekly, Output::Interpolated),
        of(-10.0, regular, &daily, Output::Interpolated),
        of(
            0.0,
            vec![dose(3.0, 0.0), dose(3.0, 1e-6), dose(3.0, 1e6), dose(90.0, 150.0)],
            &[3.0, 3.0, 90.0, 91.0],
            Output::Landed,
        ),
        of(5.0, Vec::new(), &[5.0, 6.0, 60.0], Output::Landed),
        of(0.0, vec![dose(1.0, 150.0)], &[], Output::Landed),
    ]
}

/// Parameters around those of a model, some of them absurd.
fn sets(model: &str, count: usize) -> Vec<Vec<f64>> {
    let model = PopulationModel::parse(published(model).unwrap()).unwrap();
    let typical: Vec<f64> = model.parameters().iter().map(|p| p.typical).collect();
    let mut sets: Vec<Vec<f64>> = (0..count)
        .map(|k| {
            let wide = if k % 5 == 4 { 4.0 } else { 0.5 };
            typical
                .iter()
                .enumerate()
                .map(|(i, p)| p * (wide * ((17 * k + 5 * i) as f64).sin()).exp())
                .collect()
        })
        .collect();
    for (k, value) in [(3, 0.0), (4, -1.0), (7, f64::NAN), (8, 1e300), (9, 1e-300)] {
        if let Some(set) = sets.get_mut(k) {
            let last = set.len() - 1;
            set[k % 2 * last] = value;
        }
    }
    sets
}

#[test]
fn sets_abreast_are_to_the_bit_those_alone() {
    for name in ["hayashi2007", "lowe2009", "one_compartment_oral"] {
        let model = PopulationModel::parse(published(name).unwrap()).unwrap();
        let structure = model.structure();
        let starts = [Start::Baseline { ige_ng_ml: 700.0 }, Start::SteadyState];
        for (course, start) in courses().iter().flat_map(|course| starts.map(|start| (course, start))) {
            for count in [0, 1, 3, 8, 29] {
                let sets = sets(name, count);
                let together = structure.predict_each(&sets, start, course);
                assert_eq!(together.len(), count);
                for (set, found) in sets.iter().zip(together) {
                    let mut alone = Vec::new();
                    let expected = structure.predict(set, start, course, &mut alone);
                    match (found, expected) {
                        (Ok(found), Ok(_)) => {
                            let bits = |all: &[omafit_model::Concentrations<f64>]| {
                                all.iter().flat_map(|c| c.to_array().map(f64::to_bits)).collect::<Vec<u64>>()
                            };
                            assert_eq!(bits(&found), bits(&alone), "{name} {set:?}");
                        }
                        (found, expected) => {
                            assert_eq!(
                                found.map(|_| ()).map_err(|e| e.to_string()),
                                expected.map(|_| ()).map_err(|e| e.to_string()),
                                "{name} {set:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}
