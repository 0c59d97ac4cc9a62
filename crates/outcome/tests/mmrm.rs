//! The mixed model for repeated measures compared with `scripts/reference/mmrm.py`, which was compared with lmerTest
//! and nlme.
#![allow(clippy::unwrap_used)]

use omafit_outcome::{Contrast, MmrmError, Repeated, mmrm};
use serde_json::Value;

fn sets() -> Vec<(String, Value)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/mmrm.json");
    let reference: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let sets = &reference["sets"];
    match sets.as_object() {
        Some(named) => named.iter().map(|(name, set)| (name.clone(), set.clone())).collect(),
        None => sets.as_array().unwrap().iter().map(|set| ("set".to_owned(), set.clone())).collect(),
    }
}

fn patients(set: &Value) -> Vec<Repeated> {
    let arm = |patient: &Value| usize::from(patient["arm"] == "active");
    let change = |patient: &Value| {
        patient["change"].as_array().unwrap().iter().map(|c| c.as_f64().unwrap_or(f64::NAN)).collect()
    };
    let one = |patient: &Value| Repeated {
        arm: arm(patient),
        baseline: patient["baseline"].as_f64().unwrap(),
        change: change(patient),
    };
    set["patients"].as_array().unwrap().iter().map(one).collect()
}

#[track_caller]
fn same(found: &Contrast, expected: &Value, name: &str) {
    let of = |key: &str| expected[key].as_f64().unwrap();
    let pairs = [
        ("estimate", found.estimate),
        ("se", found.se),
        ("df", found.df),
        ("low", found.low),
        ("high", found.high),
        ("p", found.p_value),
    ];
    for (key, value) in pairs {
        let gap = (value - of(key)).abs() / (1e-3 + of(key).abs());
        assert!(gap < 1e-5, "{name}: {key} is {value}, not {}", of(key));
    }
}

#[test]
fn means_differences_and_degrees_of_freedom_are_those_of_the_reference() {
    let sets = sets();
    assert_eq!(sets.len(), 2);
    for (name, set) in sets {
        let found = mmrm(&patients(&set), 2).unwrap();
        assert!((found.minus2_reml - set["minus2_reml"].as_f64().unwrap()).abs() < 1e-7, "{name}");
        for (arm, key) in ["placebo", "active"].into_iter().enumerate() {
            for (visit, expected) in set["means"][key].as_array().unwrap().iter().enumerate() {
                same(&found.means[arm][visit], expected, &format!("{name}, {key}, visit {visit}"));
            }
        }
        for (visit, expected) in set["differences"].as_array().unwrap().iter().enumerate() {
            same(&found.differences[0][visit], expected, &format!("{name}, difference, visit {visit}"));
        }
    }
}

#[test]
fn too_little_is_refused_in_words() {
    let all = patients(&sets()[0].1);
    assert_eq!(mmrm(&all, 1), Err(MmrmError::OneArm));
    assert_eq!(mmrm(&[], 2), Err(MmrmError::OneArm));
    let few: Vec<Repeated> = [&all[..2], &all[all.len() - 2..]].concat();
    assert!(matches!(mmrm(&few, 2), Err(MmrmError::TooFewPatients { .. } | MmrmError::TooFew(_))));
    let mut gone = all.clone();
    gone.iter_mut().filter(|p| p.arm == 1).for_each(|p| p.change[2] = f64::NAN);
    assert_eq!(mmrm(&gone, 2), Err(MmrmError::TooFew(3)));
    let many: Vec<Repeated> = all.iter().map(|p| Repeated { change: vec![1.0; 13], ..p.clone() }).collect();
    assert_eq!(mmrm(&many, 2), Err(MmrmError::TooManyVisits(13)));
    // No variation at all.
    let flat: Vec<Repeated> = all.iter().map(|p| Repeated { change: vec![1.0; 4], ..p.clone() }).collect();
    assert!(matches!(mmrm(&flat, 2), Err(MmrmError::NotConverged(_))));
}
