//! Comparison of populations estimated on the same data: what differs between their models, whether one is a special case of
//! the other, the likelihood-ratio test of those that are, and weights of information criteria.

mod alike;
mod difference;
mod nesting;
mod ratio;
mod restrictions;
mod standing;
mod weights;

pub use difference::{ModelChange, ModelPart, model_changes};
pub use nesting::{Nesting, nesting};
pub use ratio::{Evidence, LikelihoodRatio, NoTest, RatioReference, likelihood_ratio};
pub use restrictions::Restrictions;
pub use standing::{RunCriteria, RunStanding, leave_out_the_same, standings};
pub use weights::akaike_weights;
