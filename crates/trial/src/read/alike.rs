//! Checks for subjects that are suspiciously alike, and for single subjects that differ from most in the time of the
//! first dose or in having one observation.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use omafit_model::{Censoring, Observation};

use super::checks::Check;
use super::examine::Course;
use super::findings::Findings;
use super::problem::Shown;

/// Number of quantified observations that two subjects do not share by chance.
const SHARED: usize = 4;
/// Proportion of subjects above which a pattern counts as usual: a first dose at time 0, or more than one observation.
const MOST: f64 = 0.8;

/// Observations and first doses of the subjects read so far.
#[derive(Default)]
pub(super) struct Alike {
    /// ID of the first subject with each series of observations, by hash.
    courses: HashMap<u64, String>,
    /// Number of subjects with their first dose at time 0.
    at_zero: usize,
    /// Row, ID and time of the first dose of subjects whose first dose is not at time 0.
    others: Vec<(u64, String, f64)>,
    /// Row and ID of subjects with one observation, followed by the number of subjects with more.
    single: Vec<(u64, String)>,
    several: usize,
}

impl Alike {
    /// Adds a subject.
    pub(super) fn add(&mut self, course: &Course<'_>, findings: &mut Findings) {
        let Course { id, row, .. } = *course;
        if let Some(first) = course.first_dose {
            let time = course.doses[first].time;
            if time == 0.0 { self.at_zero += 1 } else { self.others.push((row, id.to_owned(), time)) }
        }
        match course.observations {
            [] => {}
            [_] => self.single.push((row, id.to_owned())),
            _ => self.several += 1,
        }
        let is_quantified = |o: &&Observation| o.censoring == Censoring::Quantified;
        let mut hasher = DefaultHasher::new();
        let mut shared = 0;
        for one in course.observations.iter().filter(is_quantified) {
            (one.analyte, one.time.to_bits(), one.value.to_bits()).hash(&mut hasher);
            shared += 1;
        }
        if shared < SHARED {
            return;
        }
        let hash = hasher.finish();
        match self.courses.get(&hash) {
            Some(other) => {
                let seen = || format!("as ID {}", Shown(other));
                findings.add_seen(Check::SubjectsAlike, "", (row, id), seen);
            }
            None => {
                self.courses.insert(hash, id.to_owned());
            }
        }
    }

    /// Adds findings for first doses that are not at time 0, if most are, and for subjects with one observation, if
    /// most have more.
    pub(super) fn finish(&self, findings: &mut Findings) {
        let is_usual = |usual: usize, others: usize| usual as f64 >= MOST * (usual + others) as f64;
        if is_usual(self.at_zero, self.others.len()) {
            for (row, id, time) in &self.others {
                findings.add_seen(Check::FirstDoseNotZero, "", (*row, id), || format!("day {time}"));
            }
        }
        if is_usual(self.several, self.single.len()) {
            self.single.iter().for_each(|(row, id)| findings.add(Check::SingleObservation, *row, id));
        }
    }
}
