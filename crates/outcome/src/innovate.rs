//! A virtual trial modelled on INNOVATE: simulated patients, dosed by the table for 28 weeks and followed for 16.
//!
//! Enrolment follows the published entry criteria and baseline distributions; the sampling days are chosen here, and
//! all concentrations are simulated. No patient data are included.

use crate::virtual_trial::{Baseline, CutLogNormal, Design, Dosing};
use std::collections::BTreeMap;

/// Baseline IgE of the active arm, IU/mL.
pub const IGE: CutLogNormal = CutLogNormal { mu: 5.132, sigma: 0.658, from: 30.0, to: 700.0 };
/// Body weight of the active arm, kg.
pub const WEIGHT: CutLogNormal = CutLogNormal { mu: 4.338, sigma: 0.249, from: 39.0, to: 150.0 };

/// Patients on active treatment with drug concentrations.
pub const PATIENTS: usize = 226;
/// Days of treatment.
pub const TREATMENT_DAYS: f64 = 196.0;
/// Days of follow-up.
pub const FOLLOW_UP_DAYS: f64 = 112.0;

/// Days of blood sampling.
pub const VISITS: [f64; 15] =
    [0.0, 7.0, 14.0, 28.0, 56.0, 84.0, 112.0, 140.0, 168.0, 196.0, 210.0, 224.0, 252.0, 280.0, 308.0];

/// The design of the trial, with the given dosing.
pub fn innovate(dosing: Dosing) -> Design {
    Design {
        weight_kg: Baseline::Drawn(WEIGHT),
        ige_iu_ml: Baseline::Drawn(IGE),
        covariates: BTreeMap::new(),
        dosing,
        treatment_days: TREATMENT_DAYS,
        follow_up_days: FOLLOW_UP_DAYS,
        visits: VISITS.to_vec(),
        dropout: 0.0,
        missed: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dosing_table::DosingTable;
    use crate::virtual_trial::patient;
    use omafit_estimate::Noise;
    use omafit_model::{PopulationModel, Subject, published};

    fn subjects(design: &Design, seed: u64, count: u64) -> Vec<Subject> {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        (0..count).map(|i| patient(&model, design, seed, i, Noise::ALL).unwrap()).collect()
    }

    fn by_table() -> Design {
        innovate(Dosing::Table(DosingTable::named("us_asthma_12y").unwrap()))
    }

    #[test]
    fn the_arm_looks_like_the_published_one() {
        let subjects = subjects(&by_table(), 1, 2000);
        let mean = |f: &dyn Fn(&Subject) -> f64| subjects.iter().map(f).sum::<f64>() / 2000.0;
        // Published, active arm with concentrations: 79 (SD 20) kg, 509 (SD 375) ng/mL. The table excludes heavy
        // patients with high IgE, so the virtual arm lies somewhat below.
        let weight = mean(&|s| s.covariates.weight_kg().unwrap());
        let ige = mean(&|s| s.covariates.ige_ng_ml().unwrap());
        assert!((74.0..82.0).contains(&weight), "{weight}");
        assert!((380.0..520.0).contains(&ige), "{ige}");
        assert!(subjects.iter().all(|s| s.doses.len() == 7 || s.doses.len() == 14));
        assert!(subjects.iter().all(|s| s.observations.len() == 44));
    }

    #[test]
    fn a_patient_does_not_depend_on_the_others() {
        let few = subjects(&by_table(), 7, 3);
        assert_eq!(few[..], subjects(&by_table(), 7, 9)[..3]);
        assert_ne!(few, subjects(&by_table(), 8, 3));
    }

    #[test]
    fn who_leaves_had_the_same_course_before() {
        let design = Design { dropout: 0.4, missed: 0.2, ..by_table() };
        let (all, cut) = (subjects(&by_table(), 3, 1000), subjects(&design, 3, 1000));
        let left = cut.iter().filter(|s| s.observations.last().unwrap().time < 308.0).count();
        // 400 are expected to leave before day 308 (SD 15.5); nearly all of them miss the last visit.
        assert!((340..460).contains(&left), "{left}");
        let possible = |s: &Subject| all[s.id.parse::<usize>().unwrap() - 1].doses.len() - 1;
        let stayed = || cut.iter().filter(|s| s.observations.last().unwrap().time == 308.0);
        let due: usize = stayed().map(possible).sum();
        let given: usize = stayed().map(|s| s.doses.len() - 1).sum();
        let missed = 1.0 - given as f64 / due as f64;
        assert!((missed - 0.2).abs() < 0.02, "{missed}");
        assert!(cut.iter().zip(&all).all(|(c, a)| c.doses[0] == a.doses[0]));
        let full = cut.iter().zip(&all).filter(|(c, a)| c.doses.len() == a.doses.len());
        for (cut, all) in full {
            assert!(all.observations.starts_with(&cut.observations));
        }
    }
}
