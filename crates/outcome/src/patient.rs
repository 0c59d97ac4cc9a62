//! Patients with their outcomes, and groups of patients.

use crate::exposure::ExposureCourse;
use crate::measure::Measurement;

/// A patient of a trial with outcomes. Days count from the first dose, or from the first record of an undosed patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Patient {
    /// The patient's identifier.
    pub id: String,
    /// Arm of the trial; empty if there is none.
    pub arm: String,
    /// Response to treatment as judged by the physician; empty if unknown.
    pub responder: String,
    /// Day of the last dose; `None` for an undosed patient.
    pub last_dose: Option<f64>,
    /// The reconstructed exposure, if there is one.
    pub exposure: Option<ExposureCourse>,
    /// Measurements of each measure, in ascending time.
    pub outcomes: Vec<Vec<Measurement>>,
}

/// A group of patients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The arm; [`Group::ALL`] for all arms together.
    pub arm: String,
    /// Response as judged by the physician; [`Group::ALL`] for all patients together.
    pub responder: String,
    /// Positions of the patients, ascending.
    pub members: Vec<usize>,
}

impl Group {
    /// The name of the group of all patients.
    pub const ALL: &'static str = "all";
}

/// The groups of patients: all patients, then for each arm all of its patients and those with each response as judged
/// by the physician, in the order of first appearance. An arm or a response shared by all patients forms no group of
/// its own.
pub fn groups(patients: &[Patient]) -> Vec<Group> {
    let distinct = |of: fn(&Patient) -> &String| {
        let mut names: Vec<&String> = Vec::new();
        for patient in patients {
            if !names.contains(&of(patient)) {
                names.push(of(patient));
            }
        }
        names
    };
    let arms = distinct(|p| &p.arm);
    let statuses = distinct(|p| &p.responder);
    let name = |text: &str| if text.is_empty() { "unknown" } else { text }.to_owned();
    let mut found = Vec::new();
    if arms.len() > 1 {
        let all = Group::ALL.to_owned();
        found.push(Group { arm: all.clone(), responder: all, members: (0..patients.len()).collect() });
    }
    for arm in &arms {
        let arm_name = if arms.len() > 1 { name(arm) } else { Group::ALL.to_owned() };
        let members = |status: Option<&String>| -> Vec<usize> {
            let own = |p: &Patient| p.arm == **arm && status.is_none_or(|s| p.responder == *s);
            (0..patients.len()).filter(|&i| own(&patients[i])).collect()
        };
        found.push(Group { arm: arm_name.clone(), responder: Group::ALL.to_owned(), members: members(None) });
        let own: Vec<Vec<usize>> = statuses.iter().map(|s| members(Some(s))).collect();
        if own.iter().filter(|m| !m.is_empty()).count() > 1 {
            for (status, members) in statuses.iter().zip(own).filter(|(_, m)| !m.is_empty()) {
                found.push(Group { arm: arm_name.clone(), responder: name(status), members });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_arms_and_the_physicians_words_in_them() {
        let patient = |arm: &str, responder: &str| Patient {
            id: String::new(),
            arm: arm.into(),
            responder: responder.into(),
            last_dose: None,
            exposure: None,
            outcomes: Vec::new(),
        };
        let names = |patients: &[Patient]| -> Vec<(String, String, usize)> {
            groups(patients).into_iter().map(|g| (g.arm, g.responder, g.members.len())).collect()
        };
        let named = |list: &[(&str, &str, usize)]| -> Vec<(String, String, usize)> {
            list.iter().map(|(a, r, n)| ((*a).into(), (*r).into(), *n)).collect()
        };
        assert_eq!(names(&[patient("", ""), patient("", "")]), named(&[("all", "all", 2)]));
        let both =
            [patient("drug", "yes"), patient("placebo", ""), patient("drug", "no"), patient("drug", "")];
        let expected = [
            ("all", "all", 4),
            ("drug", "all", 3),
            ("drug", "yes", 1),
            ("drug", "unknown", 1),
            ("drug", "no", 1),
            ("placebo", "all", 1),
        ];
        assert_eq!(names(&both), named(&expected));
    }
}
