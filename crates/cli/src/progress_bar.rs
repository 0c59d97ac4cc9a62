//! Progress bars on standard error.

use crate::print::terminal::is_watched;
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar over subjects, hidden if standard error is not a terminal.
pub fn progress_bar(doing: &str, subjects: u64, quiet: bool) -> ProgressBar {
    counting(doing, "subjects", subjects, quiet)
}

/// A progress bar over `count` items, hidden if standard error is not a terminal.
pub fn counting(doing: &str, what: &str, count: u64, quiet: bool) -> ProgressBar {
    if quiet || !is_watched() {
        return ProgressBar::hidden();
    }
    let template = format!("{doing} {{bar:40}} {{pos}}/{{len}} {what}, {{eta}} left");
    let bar = ProgressBar::new(count);
    ProgressStyle::with_template(&template).map_or(bar.clone(), |style| bar.with_style(style))
}
