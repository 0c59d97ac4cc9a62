//! Lineage of runs: which model each was started from.

use super::read::Run;
use omafit_model::{PUBLISHED, PopulationModel};
use omafit_trial::sha256;

/// The origin of a run among what is known.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The final model of another of the runs, by its position; whether its checksum or only its name is the same.
    Run(usize, bool),
    /// A model that ships.
    Shipped(&'static str, Box<PopulationModel>),
    /// Something else.
    Elsewhere,
}

/// The origin of a run, if its model names one.
pub fn origin(runs: &[Run], position: usize) -> Option<Origin> {
    let based_on = runs[position].based_on.as_ref()?;
    let others = || runs.iter().enumerate().filter(|(k, _)| *k != position);
    if let Some(sum) = &based_on.sha256 {
        if let Some((k, _)) = others().find(|(_, run)| run.model_sha256 == *sum) {
            return Some(Origin::Run(k, true));
        }
        if let Some((name, text)) = PUBLISHED.iter().find(|(_, text)| sha256(text.as_bytes()) == *sum) {
            return Some(shipped(name, text));
        }
    }
    // A file that was changed by hand between two runs has the name of the first and another checksum.
    let named: Vec<usize> =
        others().filter(|(_, run)| run.model.name() == based_on.name).map(|(k, _)| k).collect();
    if let [only] = named[..] {
        return Some(Origin::Run(only, false));
    }
    let found = PUBLISHED.iter().find(|(name, _)| based_on.sha256.is_none() && *name == based_on.name);
    Some(found.map_or(Origin::Elsewhere, |(name, text)| shipped(name, text)))
}

fn shipped(name: &'static str, text: &str) -> Origin {
    PopulationModel::parse(text).map_or(Origin::Elsewhere, |model| Origin::Shipped(name, Box::new(model)))
}
