//! Censored observations that are left out.

use crate::options::Censored;
use omafit_model::{Censoring, Subject};
use omafit_trial::Trial;

/// Leaves censored observations out where that is asked.
pub fn censor(subjects: &mut [Subject], censored: Censored) {
    if censored == Censored::M1 {
        for subject in subjects {
            subject.observations.retain(|o| o.censoring == Censoring::Quantified);
        }
    }
}

/// Says how many observations that is.
pub fn note_censored(trial: &mut Trial, censored: Censored) {
    let left_out: usize = trial.counts.below.iter().chain(&trial.counts.above).sum();
    if censored == Censored::M1 && left_out > 0 {
        let note =
            format!("{left_out} observations left out because they are censored (M1): this biases the fit");
        trial.notes.push(note);
    }
}
