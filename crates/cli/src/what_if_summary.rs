//! Summary of a what-if over all patients.

/// Summary of an alternative over all patients.
pub struct Summary {
    /// Description of the alternative.
    pub name: String,
    /// Number of patients to whom the alternative applies.
    pub patients: usize,
    /// Number of patients whose dose is from a cell of a dosing table that is not verified; `None` without a
    /// table.
    pub unverified: Option<usize>,
    /// Number of patients to whom the alternative does not apply, and the reason for the first of them.
    pub left_out: (usize, Option<String>),
    /// Patients over each target.
    pub over: Vec<Over>,
    /// Median over patients of the highest free IgE, as given and under the alternative, ng/mL.
    pub peak: [f64; 2],
}

/// Patients over a target.
pub struct Over {
    /// Target, ng/mL.
    pub target: f64,
    /// Number of patients whose free IgE is over the target, as given and under the alternative.
    pub over: [usize; 2],
    /// Number of patients who rise over the target.
    pub rise: usize,
    /// Sums of the probabilities of being over the target, as given and under the alternative.
    pub expected: [f64; 2],
    /// Weeks from the first dose to the first day over the target, median of the patients who rise over it.
    pub weeks_to_rise: f64,
    /// Days over the target, median of the patients who rise over it.
    pub days_over: f64,
}
