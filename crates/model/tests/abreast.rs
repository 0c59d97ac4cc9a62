//! Many sets of parameters solved abreast are, to the bit, those solved alone.
#![allow(clippy::unwrap_used)]

use omafit_model::{
    Case, Concentrations, Course, Dose, Output, OutputTime, PopulationModel, Start, StructuralModel,
    published,
};

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
        // Not only injections: by itself.
        of(
            0.0,
            vec![dose(0.0, 150.0), Dose { duration: 2.0, ..dose(7.0, 150.0) }],
            &[3.0, 20.0],
            Output::Landed,
        ),
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

/// What is found of a case, to the bit.
type Bits = Result<Vec<u64>, String>;

fn bits(values: &[Concentrations<f64>], slopes: &[[f64; 5]]) -> Vec<u64> {
    let values = values.iter().map(|c| c.to_array());
    values.chain(slopes.iter().copied()).flat_map(|of| of.map(f64::to_bits)).collect()
}

fn alone(structure: &dyn StructuralModel, case: &Case<'_>) -> [Bits; 2] {
    let (mut values, mut slopes) = (Vec::new(), Vec::new());
    let Case { parameters, start, course } = *case;
    let predicted = structure.predict(parameters, start, course, &mut values);
    let predicted = predicted.map(|_| bits(&values, &[])).map_err(|e| e.to_string());
    let linearised = structure.sensitivities(parameters, start, course, &mut values, &mut slopes);
    [predicted, linearised.map(|_| bits(&values, &slopes)).map_err(|e| e.to_string())]
}

fn together(structure: &dyn StructuralModel, cases: &[Case<'_>]) -> Vec<[Bits; 2]> {
    let mut found: Vec<[Option<Bits>; 2]> = cases.iter().map(|_| [None, None]).collect();
    // Each is told once.
    let tell = |place: &mut Option<Bits>, bits| assert!(place.replace(bits).is_none());
    structure.predict_each(cases, &mut |k, of| {
        tell(&mut found[k][0], of.map(|of| bits(of, &[])).map_err(|e| e.to_string()));
    });
    structure.sensitivities_each(cases, &mut |k, of| {
        tell(&mut found[k][1], of.map(|of| bits(&of.values, &of.slopes)).map_err(|e| e.to_string()));
    });
    found.into_iter().map(|both| both.map(Option::unwrap)).collect()
}

#[test]
fn cases_abreast_are_to_the_bit_those_alone() {
    let courses = courses();
    let starts =
        [Start::Baseline { ige_ng_ml: 700.0 }, Start::SteadyState, Start::Baseline { ige_ng_ml: 0.0 }];
    for name in ["hayashi2007", "lowe2009", "one_compartment_oral"] {
        let structure = PopulationModel::parse(published(name).unwrap()).unwrap().structure();
        let sets = sets(name, 29);
        let case = |k: usize, course| Case { parameters: &sets[k], start: starts[k % 7 % 3], course };
        // Many sets over each course, and every course in turn.
        let mut groups: Vec<Vec<Case<'_>>> = courses
            .iter()
            .flat_map(|course| [0, 1, 3, 8, 29].map(|n| (0..n).map(|k| case(k, course)).collect()))
            .collect();
        groups.push((0..29 * 6).map(|k| case(k % 29, &courses[k % courses.len()])).collect());
        for cases in groups {
            let found = together(structure, &cases);
            assert_eq!(found.len(), cases.len());
            for (case, found) in cases.iter().zip(found) {
                assert_eq!(found, alone(structure, case), "{name} {case:?}");
            }
        }
    }
}
