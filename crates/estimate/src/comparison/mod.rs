//! Comparison of population models estimated from the same data: differences between the models, whether one is a
//! special case of another, the likelihood-ratio test of nested models, and weights of information criteria.

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
