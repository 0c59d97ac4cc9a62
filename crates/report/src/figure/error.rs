/// Reasons why a figure cannot be drawn. Only inconsistent input is an error: unusable *values* are left out
/// and counted in the figure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FigureError {
    /// Two parallel slices differ in length.
    #[error("{panel}: {what} has {found} values where {expected} were expected")]
    Length {
        /// Title of the panel.
        panel: String,
        /// Name of the slice whose length does not fit.
        what: &'static str,
        /// Expected length of the slice.
        expected: usize,
        /// Actual length of the slice.
        found: usize,
    },
    /// The times of a curve decrease.
    #[error("{panel}: the times of a curve must not decrease (value {position})")]
    TimeOrder {
        /// Title of the panel.
        panel: String,
        /// Zero-based index of the first time that is smaller than the time before it.
        position: usize,
    },
    /// The figure has no panel.
    #[error("a figure needs at least one panel")]
    NoPanel,
}

/// Checks that a slice has the expected length; a different length is a [`FigureError::Length`].
pub(super) fn same_length(
    panel: &str,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), FigureError> {
    if expected == found {
        Ok(())
    } else {
        Err(FigureError::Length { panel: panel.to_owned(), what, expected, found })
    }
}

/// Checks that times do not decrease; equal neighbouring times (a jump at a dose) and missing times pass.
pub(super) fn ascending(panel: &str, time: &[f64]) -> Result<(), FigureError> {
    match time.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(before) => Err(FigureError::TimeOrder { panel: panel.to_owned(), position: before + 1 }),
        None => Ok(()),
    }
}
