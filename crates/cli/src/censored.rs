//! Handling of censored observations by method M1, which leaves them out.

use crate::options::Censored;
use omafit_model::{Censoring, Subject};
use omafit_trial::Trial;

/// Removes censored observations if the method is M1.
pub fn censor(subjects: &mut [Subject], censored: Censored) {
    if censored == Censored::M1 {
        for subject in subjects {
            subject.observations.retain(|o| o.censoring == Censoring::Quantified);
        }
    }
}

/// Adds a note with the number of observations that method M1 leaves out.
pub fn note_censored(trial: &mut Trial, censored: Censored) {
    let left_out = trial.counts.censored();
    if censored == Censored::M1 && left_out > 0 {
        let note =
            format!("{left_out} observations left out because they are censored (M1): this biases the fit");
        trial.notes.push(note);
    }
}
