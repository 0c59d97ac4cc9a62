//! Outcome tables in: ID, TIME, MEASURE, VALUE, and who responded.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use omafit_outcome::{Measurement, OutcomeType};
use serde::{Deserialize, Serialize};

use super::layout::{DecimalMark, Separator};
use super::load::load;
use super::problems::{Place, Problems};
use super::raw::RawRow;
use super::record::is_missing;
use super::rejection::Rejection;
use super::select::Selection;
use super::units::TimeUnit;
use crate::count;
use crate::trial::{Ignored, Source};

/// How an outcome table is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutcomeReadOptions {
    /// Columns that have another name in the file: omafit's name → the file's. Capitals do not matter in either.
    pub columns: BTreeMap<String, String>,
    /// The unit of the file's times, whose origin is that of the run's data.
    pub time_unit: TimeUnit,
    /// The types of measures, by their names; others are continuous.
    pub types: BTreeMap<String, OutcomeType>,
    /// Whether subjects may be in the table that are not in the run.
    pub allow_unknown: bool,
    /// What stands between the cells of a file of text.
    pub separator: Separator,
    /// What stands before the decimals of the numbers in a file of text.
    pub decimal: DecimalMark,
}

/// An outcome table.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeTable {
    /// The measures in the order in which they first appear: name and unit (empty if the table has none).
    pub measures: Vec<(String, String)>,
    /// The types of the measures.
    pub types: Vec<OutcomeType>,
    /// The subjects, in the order in which they first appear.
    pub subjects: Vec<OutcomeSubject>,
    /// What a reader of the results must know of the reading.
    pub notes: Vec<String>,
    /// The file.
    pub source: Source,
    /// Whether the file says, in a comment before its header, that its data are simulated.
    pub simulated: bool,
}

/// The outcomes of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeSubject {
    /// Who.
    pub id: String,
    /// Arm; empty if the table has none.
    pub arm: String,
    /// The physician's word; empty if the table has none.
    pub responder: String,
    /// Of each measure its measurements on the clock of the run's data, ascending in time.
    pub values: Vec<Vec<Measurement>>,
}

const COLUMNS: [&str; 8] = ["ID", "TIME", "MEASURE", "VALUE", "RESPONDER", "ARM", "UNIT", "DAYS"];
const REQUIRED: usize = 4;
/// More measures are none, but perhaps values.
const MOST_MEASURES: usize = 100;

/// Reads an outcome table: CSV with a header, CSV in gzip, Parquet, or a SAS transport file.
///
/// `ID TIME MEASURE VALUE` must be there, `RESPONDER`, `ARM`, `UNIT` and `DAYS` may be; rows in any order. `ID` is text as in the run's
/// data, `known` the run's. Numbers are finite; a row whose `VALUE` is missing (empty, `.`, `NA`) is left out and counted.
/// `RESPONDER` and `ARM` are texts that do not change within a subject, `UNIT` one that does not change within a measure; a
/// row may leave them empty when another has them. A subject has a measure once at a time. `DAYS`, above 0, are those over which a
/// count was made, until `TIME`; of a count without them it is one day.
///
/// # Errors
///
/// [`Rejection`]: the file cannot be read, or [`Rejection::Problems`] with everything that is wrong in it.
pub fn read_outcomes(
    path: &Path,
    options: &OutcomeReadOptions,
    known: &HashSet<&str>,
) -> Result<OutcomeTable, Rejection> {
    let mut problems = Problems::new(path.display().to_string());
    let loaded = load(path, options.separator, &mut problems)?;
    loaded.check_layout(options.separator, options.decimal)?;
    let heading = &loaded.heading;
    let at = find(&heading.header, Place::row(heading.header_row), options, &mut problems);
    problems.refuse()?;
    let mut reader = Reader::new(&heading.header, at, options, known);
    let mut rows = loaded.rows()?;
    let mut selection = Selection::comments();
    while let Some(mut some) = rows.next(&selection, &mut problems)? {
        selection.keep(&mut some);
        for row in &some {
            reader.take(row, &mut problems);
        }
    }
    problems.refuse()?;
    if reader.count == 0 {
        return Err(Rejection::NoRows { path: path.to_owned() });
    }
    let comments = heading.comments.clone();
    let simulated = comments.iter().any(|comment| comment.to_lowercase().contains("simulated"));
    let source =
        Source { path: path.to_owned(), sha256: loaded.sha256.clone(), rows: reader.count, comments };
    let mut table = reader.finish(source, simulated);
    table.notes.extend(selection.ignored().iter().map(Ignored::to_string));
    Ok(table)
}

/// Where each of [`COLUMNS`] is.
fn find(
    header: &[String],
    place: Place<'_>,
    options: &OutcomeReadOptions,
    problems: &mut Problems,
) -> [Option<usize>; COLUMNS.len()] {
    for ours in options.columns.keys() {
        if !COLUMNS.iter().any(|c| c.eq_ignore_ascii_case(ours.trim())) {
            let known = COLUMNS.join(", ");
            problems.report(
                place,
                format!("a known column to be given another name, not {ours}; known are {known}"),
            );
        }
    }
    let mut at = [None; COLUMNS.len()];
    for (k, name) in COLUMNS.into_iter().enumerate() {
        let renamed = options.columns.iter().find(|(ours, _)| ours.trim().eq_ignore_ascii_case(name));
        let title = renamed.map_or(name, |(_, theirs)| theirs.trim());
        let mut here = (0..header.len()).filter(|&i| header[i].eq_ignore_ascii_case(title));
        at[k] = here.next();
        if here.next().is_some() {
            problems.report(place.column(title), "one column of this name");
        }
        if at[k].is_none() && (k < REQUIRED || renamed.is_some()) {
            let there = header.join(", ");
            problems.report(place.column(title), format!("a column of this name; the file has {there}"));
        }
        if at[k].is_some() && at[..k].contains(&at[k]) {
            problems.report(place.column(title), "one meaning of a column, not two");
        }
    }
    at
}

struct Reader<'a> {
    header: &'a [String],
    at: [Option<usize>; COLUMNS.len()],
    options: &'a OutcomeReadOptions,
    known: &'a HashSet<&'a str>,
    measures: Vec<(String, String)>,
    types: Vec<OutcomeType>,
    subjects: Vec<OutcomeSubject>,
    /// Where a measure is among the measures, and a subject among the subjects.
    measure_positions: HashMap<String, usize>,
    positions: HashMap<String, usize>,
    seen: HashMap<(usize, usize, u64), u64>,
    unknown: usize,
    missing: u64,
    /// Counts without days.
    uncounted: u64,
    count: u64,
}

impl<'a> Reader<'a> {
    fn new(
        header: &'a [String],
        at: [Option<usize>; COLUMNS.len()],
        options: &'a OutcomeReadOptions,
        known: &'a HashSet<&'a str>,
    ) -> Self {
        Self {
            header,
            at,
            options,
            known,
            measures: Vec::new(),
            types: Vec::new(),
            subjects: Vec::new(),
            measure_positions: HashMap::new(),
            positions: HashMap::new(),
            seen: HashMap::new(),
            unknown: 0,
            missing: 0,
            uncounted: 0,
            count: 0,
        }
    }

    fn title(&self, column: usize) -> &'a str {
        self.at[column].map_or(COLUMNS[column], |at| self.header[at].as_str())
    }

    fn take(&mut self, row: &RawRow, problems: &mut Problems) {
        self.count += 1;
        let cell = |column: usize| self.at[column].and_then(|at| row.cells.get(at)).unwrap_or("").trim();
        let cells: [&str; COLUMNS.len()] = std::array::from_fn(cell);
        let [id, _, measure, value, ..] = cells;
        let place = Place::row(row.row).id(id);
        let mut sound = true;
        for (column, text) in [(0, id), (2, measure)] {
            if is_missing(text) {
                problems.found(place.column(self.title(column)), text, "a name");
                sound = false;
            }
        }
        let decimal = self.options.decimal;
        let mut number = |column: usize| match decimal.parse(cells[column]) {
            Some(number) if number.is_finite() => Some(number),
            _ => {
                let expected = decimal.expected(cells[column], "a finite number");
                problems.found(place.column(self.title(column)), cells[column], expected);
                None
            }
        };
        let time = number(1);
        let value = if is_missing(value) { None } else { Some(number(3)) };
        sound &= time.is_some() && value != Some(None);
        if !sound {
            return;
        }
        let subject = self.subject(id, place, problems);
        let Some(measure) = self.measure(measure, place, problems) else { return };
        for (column, text) in [(4, cells[4]), (5, cells[5]), (6, cells[6])] {
            self.agree(subject, measure, column, text, place, problems);
        }
        let (Some(time), Some(Some(value))) = (time, value) else {
            self.missing += 1;
            return;
        };
        let kind = self.types[measure];
        if let Some(expected) = kind.expected(value) {
            let expected = format!("{expected} (--type \"{}={kind}\")", self.measures[measure].0);
            problems.found(place.column(self.title(3)), cells[3], expected);
            return;
        }
        let Some(counted) = self.counted(kind, cells[7], place, problems) else { return };
        let days = time / self.options.time_unit.per_day();
        if let Some(before) = self.seen.insert((subject, measure, days.to_bits()), row.row) {
            let expected = format!("a measure once at a time: row {before} has it at the same");
            problems.found(place.column(self.title(1)), cells[1], expected);
            return;
        }
        let values = &mut self.subjects[subject].values;
        if values.len() <= measure {
            values.resize(measure + 1, Vec::new());
        }
        values[measure].push(Measurement { day: days, value: value / counted, days: counted });
    }

    fn subject(&mut self, id: &str, place: Place<'_>, problems: &mut Problems) -> usize {
        if let Some(&at) = self.positions.get(id) {
            return at;
        }
        if !self.known.contains(id) {
            self.unknown += 1;
            if !self.options.allow_unknown {
                let expected = "a subject of the run (--allow-unknown takes others, without exposure)";
                problems.found(place.column(self.title(0)), id, expected);
            }
        }
        let subject = OutcomeSubject {
            id: id.to_owned(),
            arm: String::new(),
            responder: String::new(),
            values: Vec::new(),
        };
        self.subjects.push(subject);
        self.positions.insert(id.to_owned(), self.subjects.len() - 1);
        self.subjects.len() - 1
    }

    /// The days over which a value was counted: 1 of what is no count, and of a count of which they are not given.
    fn counted(
        &mut self,
        kind: OutcomeType,
        cell: &str,
        place: Place<'_>,
        problems: &mut Problems,
    ) -> Option<f64> {
        if !kind.is_count() {
            return Some(1.0);
        }
        if is_missing(cell) {
            self.uncounted += 1;
            return Some(1.0);
        }
        let days = self.options.decimal.parse(cell).filter(|days| days.is_finite() && *days > 0.0);
        if days.is_none() {
            problems.found(place.column(self.title(7)), cell, "days of the count, above 0");
        }
        days
    }

    /// The position of a measure; none where there are more than anybody measures.
    fn measure(&mut self, name: &str, place: Place<'_>, problems: &mut Problems) -> Option<usize> {
        if let Some(&at) = self.measure_positions.get(name) {
            return Some(at);
        }
        let at = self.measures.len();
        if at == MOST_MEASURES {
            let expected = format!("at most {MOST_MEASURES} measures, a name each: is this another column?");
            problems.found(place.column(self.title(2)), name, expected);
            return None;
        }
        self.measures.push((name.to_owned(), String::new()));
        self.types.push(self.options.types.get(name).copied().unwrap_or_default());
        self.measure_positions.insert(name.to_owned(), at);
        Some(at)
    }

    /// What must not change within a subject, or of the unit within a measure.
    fn agree(
        &mut self,
        subject: usize,
        measure: usize,
        column: usize,
        text: &str,
        place: Place<'_>,
        problems: &mut Problems,
    ) {
        if is_missing(text) {
            return;
        }
        let title = self.title(column);
        let (held, within) = match column {
            4 => (&mut self.subjects[subject].responder, "subject"),
            5 => (&mut self.subjects[subject].arm, "subject"),
            _ => (&mut self.measures[measure].1, "measure"),
        };
        if held.is_empty() {
            text.clone_into(held);
        } else if held != text {
            let expected = format!("\"{held}\", as before: it does not change within a {within}");
            problems.found(place.column(title), text, expected);
        }
    }

    fn finish(mut self, source: Source, simulated: bool) -> OutcomeTable {
        for subject in &mut self.subjects {
            subject.values.resize(self.measures.len(), Vec::new());
            subject.values.iter_mut().for_each(|v| v.sort_by(|a, b| a.day.total_cmp(&b.day)));
        }
        let mut notes = Vec::new();
        if self.missing > 0 {
            notes.push(format!("{} outcome rows without a value left out", self.missing));
        }
        if self.unknown > 0 {
            let n = self.unknown;
            notes.push(format!(
                "{n} subjects with outcomes are not in the run: no exposure, means of visits only"
            ));
        }
        if self.uncounted > 0 {
            notes.push(format!(
                "{} without DAYS: taken as counts of one day",
                count(usize::try_from(self.uncounted).unwrap_or(usize::MAX), "count")
            ));
        }
        let unused: Vec<&str> = (0..self.header.len())
            .filter(|&i| !self.at.contains(&Some(i)) && !self.header[i].is_empty())
            .map(|i| self.header[i].as_str())
            .collect();
        if !unused.is_empty() {
            notes.push(format!("columns of the outcomes read as not used: {}", unused.join(", ")));
        }
        let Self { measures, types, subjects, .. } = self;
        OutcomeTable { measures, types, subjects, notes, source, simulated }
    }
}
