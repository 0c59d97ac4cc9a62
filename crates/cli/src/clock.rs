//! Start time of the command, and its elapsed wall time.

use chrono::DateTime;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static STARTED: OnceLock<(SystemTime, Instant)> = OnceLock::new();

/// Start time of the command, set at the first call.
fn started() -> (SystemTime, Instant) {
    *STARTED.get_or_init(|| (SystemTime::now(), Instant::now()))
}

/// Starts the clock.
pub fn start() {
    started();
}

/// Seconds since the command began.
pub fn seconds() -> f64 {
    started().1.elapsed().as_secs_f64()
}

/// Start time of the command in UTC, in ISO 8601 format.
pub fn started_utc() -> String {
    iso_8601(started().0.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Date and time in ISO 8601 format, from seconds since the beginning of 1970.
fn iso_8601(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    format!("{:?}", at.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::iso_8601;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Expected values from `date -u -d @SECONDS +%FT%TZ`.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(iso_8601(seconds), expected);
        }
    }
}
