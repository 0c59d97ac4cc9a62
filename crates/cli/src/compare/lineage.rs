//! Lineage of runs: the model from which the model of each run was derived.

use super::read::Run;
use omafit_model::{PUBLISHED, PopulationModel};
use omafit_trial::sha256;

/// Origin of the model of a run, among the runs compared and the models shipped.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The final model of another run, given by its position; `true` if the checksums agree, `false` if only
    /// the names do.
    Run(usize, bool),
    /// A model shipped with omafit.
    Shipped(&'static str, Box<PopulationModel>),
    /// A model that is neither in the runs compared nor shipped.
    Elsewhere,
}

/// Origin of the model of a run; `None` if the model names no origin.
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
    // A file that was edited by hand between two runs has the name of the first model and another checksum.
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
