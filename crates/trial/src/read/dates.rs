//! Dates and times of day in seconds.

use chrono::{NaiveDate, NaiveTime, Timelike as _};
use serde::{Deserialize, Serialize};

/// Number of seconds in a day.
pub(super) const SECONDS_A_DAY: f64 = 86_400.0;

/// Format of dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// Year, month, day, as in ISO 8601: 2024-03-01.
    Iso,
    /// Day, month, year: 01/03/2024 or 01.03.2024.
    Dmy,
    /// Month, day, year: 03/01/2024.
    Mdy,
    /// Day, name of the month, year, as in SAS: 01MAR2024.
    Sas,
}

impl DateFormat {
    /// Example of a date in this format.
    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::Iso => "2024-03-01",
            Self::Dmy => "01/03/2024",
            Self::Mdy => "03/01/2024",
            Self::Sas => "01MAR2024",
        }
    }

    fn date(self, text: &str) -> Option<NaiveDate> {
        if self == Self::Sas {
            return NaiveDate::parse_from_str(text, "%d%b%Y").ok();
        }
        let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
        let [a, b, c] = parts.try_into().ok()?;
        let [year, month, day] = match self {
            Self::Iso | Self::Sas => [a, b, c],
            Self::Dmy => [c, b, a],
            Self::Mdy => [c, a, b],
        };
        // A year of two digits could be of any century.
        let is_number = |part: &&str| part.bytes().all(|b| b.is_ascii_digit());
        if year.len() != 4 || ![year, month, day].iter().all(is_number) {
            return None;
        }
        NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// Seconds from the beginning of 1970 to a date and a time of day, in whatever time zone they are.
    pub(super) fn seconds(self, date: &str, clock: &str) -> Option<f64> {
        let days = self.date(date)?.signed_duration_since(NaiveDate::default()).num_days();
        Some(days as f64 * SECONDS_A_DAY + time_of_day(clock)?)
    }

    /// Seconds from the beginning of 1970 to the date and time of day in one text, separated by a `T`, a blank or, in
    /// SAS format, a colon.
    pub(super) fn seconds_of_both(self, text: &str) -> Option<f64> {
        let apart = text.split_once(['T', ' ']).or_else(|| match self {
            Self::Sas => text.split_once(':'),
            _ => None,
        });
        let (date, clock) = apart?;
        self.seconds(date, clock)
    }
}

/// Seconds from midnight to a time of day such as 08:30, 08:30:15 or 08:30:15.5; a `Z` may follow.
fn time_of_day(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('Z');
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())?;
    Some(f64::from(time.num_seconds_from_midnight()) + f64::from(time.nanosecond()) * 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // By `date -u -d '2024-02-29 08:30:15' +%s`.
        let expected = Some(1_709_195_415.0);
        assert_eq!(DateFormat::Iso.seconds_of_both("2024-02-29T08:30:15"), expected);
        assert_eq!(DateFormat::Iso.seconds_of_both("2024-02-29 08:30:15Z"), expected);
        assert_eq!(DateFormat::Dmy.seconds("29/02/2024", "08:30:15"), expected);
        assert_eq!(DateFormat::Dmy.seconds("29.2.2024", "08:30:15"), expected);
        assert_eq!(DateFormat::Mdy.seconds("02/29/2024", "08:30:15"), expected);
        assert_eq!(DateFormat::Sas.seconds_of_both("29FEB2024:08:30:15"), expected);
        assert_eq!(DateFormat::Iso.seconds("1970-01-01", "00:00"), Some(0.0));
        assert_eq!(DateFormat::Iso.seconds("1969-12-31", "23:59:59.5"), Some(-0.5));
        for wrong in
            ["2023-02-29T08:30", "29-02-24T08:30", "2024-02-29", "2024-02T08:30", "2024-02-29T25:00", "8:30"]
        {
            assert_eq!(DateFormat::Iso.seconds_of_both(wrong), None, "{wrong}");
        }
    }
}
