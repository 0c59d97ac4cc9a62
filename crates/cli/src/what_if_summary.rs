//! The summary of a what-if over all patients.

/// The facts of an alternative, for the summary.
pub struct Summary {
    /// The alternative, in words.
    pub name: String,
    /// Patients it applies to.
    pub patients: usize,
    /// Patients whose dose is from a cell of a table that is not verified; `None` without a table.
    pub unverified: Option<usize>,
    /// Patients it does not apply to, and why the first of them.
    pub left_out: (usize, Option<String>),
    /// By target.
    pub over: Vec<Over>,
    /// Median over patients of the highest free IgE, as given and under the alternative, ng/mL.
    pub peak: [f64; 2],
}

/// The patients over a target.
pub struct Over {
    /// The target, ng/mL.
    pub target: f64,
    /// Patients whose free IgE is over it as given, and under the alternative.
    pub over: [usize; 2],
    /// Patients who rise over it.
    pub rise: usize,
    /// Sums of the probabilities to be over it.
    pub expected: [f64; 2],
    /// Weeks from the first dose to the first day over it, median of those who rise.
    pub weeks_to_rise: f64,
    /// Days over it, median of those who rise.
    pub days_over: f64,
}
