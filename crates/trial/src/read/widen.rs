//! Rows of a wide layout as rows of observations.

use csv::StringRecord;

use super::cell::{is_missing, parse_flag};
use super::columns::Columns;
use super::names::Name;
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::{Heading, RawRow};
use super::wide::{Source, Wide};

/// Names of columns that would apply to all analytes of a row.
const AMBIGUOUS: [&str; 6] = ["DV", "DVID", "CENS", "LIMIT", "BLQ", "LLOQ"];
/// Columns of a dosing record.
const DOSING: [Name; 6] = [Name::Amt, Name::Cmt, Name::Rate, Name::Addl, Name::Ii, Name::Ss];

/// Heading of the rows that [`Wide::rows`] makes, or the file's own heading if its layout is not wide.
pub(super) fn spread(heading: &Heading, options: &ReadOptions, problems: &mut Problems) -> Heading {
    let mut spread = heading.clone();
    if options.wide.is_empty() {
        return spread;
    }
    let place = Place::row(heading.header_row);
    let position =
        |name: &str| heading.header.iter().position(|other| other.eq_ignore_ascii_case(name.trim()));
    let mut find = |name: &String| {
        let found = position(name);
        if found.is_none() {
            let has = heading.header.join(", ");
            problems.report(
                place.column(name),
                format!("a column of this name, which the mapping has under [wide]; the file has {has}"),
            );
        }
        found
    };
    let mut sources = Vec::new();
    for analyte in omafit_model::analytes() {
        let Some(columns) = options.wide.get(analyte.name()) else { continue };
        let (below, lloq) = (columns.below.as_ref().map(&mut find), columns.lloq.as_ref().map(&mut find));
        if let Some(value) = find(&columns.value) {
            sources.push(Source { analyte, value, below: below.flatten(), lloq: lloq.flatten() });
        }
    }
    let is_unused = |name: &str| options.unused.iter().any(|unused| unused.eq_ignore_ascii_case(name));
    let adds_event = position("EVID").is_none() || is_unused("EVID");
    let wide = Wide { sources, width: heading.header.len(), adds_event };
    for name in AMBIGUOUS {
        if position(name).is_some_and(|at| !wide.reads(at)) && !is_unused(name) {
            let expected =
                "no such column beside those of the analytes of a wide layout; `unused` leaves it out";
            problems.report(place.column(name), expected);
        }
    }
    let titles = |of: &dyn Fn(&Source) -> Option<usize>| {
        let names = wide.sources.iter().filter_map(of).map(|at| heading.header[at].as_str());
        names.collect::<Vec<_>>().join("/")
    };
    let values = titles(&|source| Some(source.value));
    spread.header.extend([values.clone(), values, titles(&|s| s.below), titles(&|s| s.lloq)]);
    if wide.adds_event {
        spread.header.push("EVID".to_owned());
    }
    spread.wide = Some(wide);
    spread
}

/// Event in a row of a wide layout, apart from observations.
#[derive(Clone, Copy)]
enum Event<'a> {
    /// No event.
    None,
    /// Other event (`EVID` 2), without observations either.
    Other(&'a str),
    /// Dose, reset, or wrong `EVID`, which is reported when it is read.
    Given(&'a str),
}

impl Wide {
    /// Rows of observations from a row of the file, in the order of the analytes, followed by a row of the other event
    /// that it records.
    pub(super) fn rows(&self, columns: &Columns<'_>, options: &ReadOptions, row: &RawRow) -> Vec<RawRow> {
        let cell = |at: usize| row.cells.get(at).unwrap_or("").trim();
        let event = self.event(columns, options, row);
        let is_observed = |source: &&Source| {
            // A wrong flag is reported when it is read.
            let is_flagged = |at: usize| parse_flag(cell(at)) != Some(false);
            !is_missing(cell(source.value)) || source.below.is_some_and(is_flagged)
        };
        let observed: Vec<&Source> = match event {
            Event::Other(_) => Vec::new(),
            Event::None | Event::Given(_) => self.sources.iter().filter(is_observed).collect(),
        };
        let made = |source: Option<&Source>, evid: &str| {
            let mut cells: Vec<&str> = row.cells.iter().collect();
            cells.resize(self.width, "");
            let of = |at: Option<usize>| at.map_or("", cell);
            cells.push(of(source.map(|s| s.value)));
            cells.push(source.map_or("", |s| s.analyte.name()));
            cells.push(of(source.and_then(|s| s.below)));
            cells.push(of(source.and_then(|s| s.lloq)));
            if self.adds_event {
                cells.push("");
            }
            let mut put = |name: Name, text| {
                if let Some(cell) = columns.index(name).and_then(|at| cells.get_mut(at)) {
                    *cell = text;
                }
            };
            put(Name::Evid, evid);
            if let (Some(_), Event::Given(_)) = (source, event) {
                DOSING.into_iter().for_each(|name| put(name, ""));
                put(Name::Mdv, "0");
            }
            RawRow { row: row.row, cells: StringRecord::from(cells), is_comment: row.is_comment }
        };
        let mut rows: Vec<RawRow> = observed.iter().map(|source| made(Some(source), "0")).collect();
        match event {
            Event::Other(evid) | Event::Given(evid) => rows.push(made(None, evid)),
            Event::None if rows.is_empty() => rows.push(made(None, "2")),
            Event::None => {}
        }
        rows
    }

    fn event<'r>(&self, columns: &Columns<'_>, options: &ReadOptions, row: &'r RawRow) -> Event<'r> {
        let cell = |name: Name| columns.index(name).and_then(|at| row.cells.get(at)).unwrap_or("").trim();
        if self.adds_event {
            let amount = cell(Name::Amt);
            let is_none = is_missing(amount) || options.decimal.parse(amount) == Some(0.0);
            return if is_none { Event::None } else { Event::Given("1") };
        }
        let evid = cell(Name::Evid);
        match options.decimal.parse(evid) {
            Some(0.0) => Event::None,
            Some(2.0) => Event::Other(evid),
            _ => Event::Given(evid),
        }
    }
}
