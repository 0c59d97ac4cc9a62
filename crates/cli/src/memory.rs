//! Memory limits: grids that do not fit into memory are refused before anything is computed.

use crate::error::{CliError, refuse};
use omafit_model::Subject;
use omafit_trial::{Spans, available_memory, bytes_in_words};

/// Bytes of a number.
const NUMBER_BYTES: f64 = 8.0;
/// Number of subjects whose time courses are solved at a time on one thread.
const TOGETHER: f64 = 64.0;
/// Bytes per visit of a simulated patient: three observations with their predictions, and their rows of the
/// data set.
const VISIT_BYTES: f64 = 3.0 * (96.0 + 17.0 * 8.0 * 2.0);
/// Bytes per dose of a simulated patient, with its row of the data set.
const DOSE_BYTES: f64 = 56.0 + 17.0 * 8.0 * 2.0;

/// Refuses an option that needs more memory than is available; `rows` is the number of rows that result from
/// the option.
fn holds((option, found): (&'static str, String), what: &str, rows: f64, bytes: f64) -> Result<(), CliError> {
    let available = available_memory();
    if bytes <= available {
        return Ok(());
    }
    let expected = format!(
        "such that it fits into memory: {what} would have {} rows at a time and take {}, and {} are available",
        count(rows),
        bytes_in_words(bytes),
        bytes_in_words(available)
    );
    Err(refuse(option, found, expected))
}

/// A time grid on which time courses are computed.
pub struct Grid {
    /// Option that sets the spacing of the grid, and its value as given.
    pub option: (&'static str, String),
    /// Spacing of the grid, days.
    pub every: f64,
    /// Day to which the grid extends at least.
    pub until: Option<f64>,
    /// Number of time courses held per subject.
    pub courses: usize,
    /// Number of time courses drawn per subject for the bands.
    pub draws: u32,
    /// Number of outputs of the model.
    pub outputs: usize,
}

impl Grid {
    /// Refuses a grid that does not fit into memory, when the time courses of `held` subjects are held at a
    /// time, with derivatives with respect to `inputs` inputs, and are solved on `threads` threads.
    pub fn check(&self, spans: &Spans, held: usize, inputs: usize, threads: usize) -> Result<(), CliError> {
        let reach = |days: f64| self.until.map_or(days, |until| days.max(until - spans.first_day));
        let rows = |days: f64| (days / self.every).floor() + 1.0;
        let longest = rows(reach(spans.longest_days));
        let all = spans.subjects as f64 * (1.0 + reach(spans.longest_days) / self.every);
        let all = if self.until.is_some() {
            all
        } else {
            all.min(spans.subjects as f64 + spans.total_days / self.every)
        };
        let together = all.min(held as f64 * longest);
        let solved = together.min(longest * TOGETHER * threads as f64);
        let drawn = longest * f64::from(self.draws) * threads as f64;
        // The values and both ends of the bands, time and dose, held once in the results of the subject, once in a table
        // and once on the way to a file; and the values of the typical subject.
        let point = NUMBER_BYTES * self.outputs as f64;
        let course = 3.0 * (3.0 * point + 2.0 * NUMBER_BYTES) + point;
        let bytes =
            self.courses as f64 * together * course + solved * point * (inputs + 1) as f64 + drawn * point;
        let is_late = self.until.is_some_and(|until| until - spans.first_day > spans.longest_days);
        let option = match self.until {
            Some(until) if is_late => ("until", until.to_string()),
            _ => self.option.clone(),
        };
        holds(option, "the time courses", together, bytes)
    }
}

/// Refuses visits and doses that do not fit into memory for `held` patients at a time.
pub fn check_visits(
    option: (&'static str, String),
    visits: f64,
    doses: f64,
    held: f64,
) -> Result<(), CliError> {
    let bytes = held * (visits * VISIT_BYTES + doses * DOSE_BYTES);
    holds(option, "the records", held * (3.0 * visits + doses), bytes)
}

/// Time spans of subjects that are all in memory.
pub fn spans(subjects: &[Subject]) -> Spans {
    let mut spans = Spans::default();
    subjects.iter().for_each(|subject| spans.add(subject));
    spans
}

/// A count as short text.
fn count(number: f64) -> String {
    if number < 1e6 { format!("{number}") } else { format!("{number:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(longest_days: f64, subjects: usize) -> Spans {
        let total_days = longest_days * subjects as f64;
        Spans { subjects, first_day: 0.0, longest_days, total_days }
    }

    fn grid(every: f64, until: Option<f64>) -> Grid {
        Grid { option: ("every", every.to_string()), every, until, courses: 1, draws: 0, outputs: 5 }
    }

    #[test]
    fn grids_of_every_size() {
        // Ten years of daily points, with as many subjects as are held at a time, must fit.
        grid(1.0, None).check(&days(3650.0, 100_000), 500, 11, 64).unwrap();
        let refused = |grid: Grid| grid.check(&days(100.0, 3), 500, 11, 2).unwrap_err().to_string();
        let said = refused(grid(1e-9, None));
        assert!(said.starts_with("--every 0.000000001: must be such that it fits into memory"), "{said}");
        assert!(said.contains("3.0e11 rows") && said.contains("are available"), "{said}");
        let said = refused(grid(1.0, Some(1e12)));
        assert!(said.starts_with("--until 1000000000000: must"), "{said}");
        assert!(refused(grid(1e-300, Some(1e300))).contains("--until"));
        grid(1.0, Some(120.0)).check(&days(100.0, 3), 500, 11, 2).unwrap();
    }

    #[test]
    fn records_of_simulated_patients() {
        check_visits(("every-days", "1".into()), 1e3, 1e2, 1024.0).unwrap();
        let said = check_visits(("every-days", "1e-9".into()), 1e12, 1.0, 1024.0).unwrap_err().to_string();
        assert!(said.starts_with("--every-days 1e-9: must be such that it fits into memory"), "{said}");
    }
}
