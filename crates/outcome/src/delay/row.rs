//! Values of a patient as models of an outcome take them, and how many numbers these have.

/// As many unknowns as w depends on at most.
pub(crate) const LANES: usize = 4;
/// As many categories an ordered outcome has at most.
pub const MOST_CATEGORIES: usize = 12;
/// As many numbers a density has at most.
pub(super) const MOST_OWN: usize = MOST_CATEGORIES - 2;

/// A value of a patient, or the mean of some.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutcomeRow {
    /// Day after the first dose; of a count the middle of the days over which it was made.
    pub day: f64,
    /// The value, or the mean; of an ordered outcome the position of the category, of a count the number.
    pub value: f64,
    /// How many values it is the mean of.
    pub values: f64,
    /// Days over which a count was made.
    pub days: f64,
}

/// The end of a patient's time at risk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EventTime {
    /// Days after the first dose, above 0.
    pub day: f64,
    /// Whether the event happened then.
    pub happened: bool,
}
