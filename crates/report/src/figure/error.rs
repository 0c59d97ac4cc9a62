/// Why a figure cannot be drawn. Odd *values* never cause an error (they are left out and counted in the
/// figure); only input whose shape makes no sense does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FigureError {
    /// Two slices that run in parallel differ in length.
    #[error("{panel}: {what} has {found} values where {expected} were expected")]
    Length {
        /// Title of the panel.
        panel: String,
        /// Name of the slice that does not fit.
        what: &'static str,
        /// Length it should have.
        expected: usize,
        /// Length it has.
        found: usize,
    },
    /// The times of a curve go backwards.
    #[error("{panel}: the times of a curve must not decrease (value {position})")]
    TimeOrder {
        /// Title of the panel.
        panel: String,
        /// Zero-based index of the first time that is before its predecessor.
        position: usize,
    },
    /// There is nothing to draw: no panel was given.
    #[error("a figure needs at least one panel")]
    NoPanel,
}

/// Refuses a slice whose length differs from that of its partner.
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

/// Refuses times that go backwards; equal neighbours (a jump at a dose) and missing times pass.
pub(super) fn ascending(panel: &str, time: &[f64]) -> Result<(), FigureError> {
    match time.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(before) => Err(FigureError::TimeOrder { panel: panel.to_owned(), position: before + 1 }),
        None => Ok(()),
    }
}
