//! Values of a patient as used by outcome models, and the largest numbers of their parameters.

/// Largest number of unknowns on which w depends.
pub(crate) const LANES: usize = 4;
/// Largest number of categories of an ordered outcome.
pub const MOST_CATEGORIES: usize = 12;
/// Largest number of parameters of a distribution.
pub(super) const MOST_OWN: usize = MOST_CATEGORIES - 2;

/// A value of a patient, or the mean of several values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutcomeRow {
    /// Day after the first dose; for a count the midpoint of the days counted.
    pub day: f64,
    /// The value or mean; for an ordered outcome the position of the category, for a count the number.
    pub value: f64,
    /// Number of values in the mean.
    pub values: f64,
    /// Number of days over which a count was made.
    pub days: f64,
}

/// The end of a patient's time at risk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EventTime {
    /// Days after the first dose, above 0.
    pub day: f64,
    /// Whether the event occurred on that day.
    pub happened: bool,
}
