//! Reading of outcome tables: ID, TIME, MEASURE, VALUE, and responder status.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use omafit_outcome::{Measurement, OutcomeType};
use serde::{Deserialize, Serialize};

use super::cell::is_missing;
use super::layout::{DecimalMark, Separator};
use super::load::load;
use super::problems::{Place, Problems};
use super::raw::RawRow;
use super::rejection::Rejection;
use super::select::Selection;
use super::units::TimeUnit;
use crate::count;
use crate::trial::{Ignored, Source};

/// Options for reading an outcome table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutcomeReadOptions {
    /// Columns that have another name in the file: omafit's name → the file's name, both without regard to case.
    pub columns: BTreeMap<String, String>,
    /// Unit of the file's times, whose origin is the origin of the run's data.
    pub time_unit: TimeUnit,
    /// Types of measures, by their names; other measures are continuous.
    pub types: BTreeMap<String, OutcomeType>,
    /// Whether the table may contain subjects that are not in the run.
    pub allow_unknown: bool,
    /// Delimiter between the cells of a text file.
    pub separator: Separator,
    /// Decimal mark of the numbers in a text file.
    pub decimal: DecimalMark,
}

/// Outcome table that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeTable {
    /// Name and unit (empty if the table has none) of each measure, in order of first appearance.
    pub measures: Vec<(String, String)>,
    /// Type of each measure.
    pub types: Vec<OutcomeType>,
    /// Subjects, in order of first appearance.
    pub subjects: Vec<OutcomeSubject>,
    /// Notes on how the table was read, for readers of the results.
    pub notes: Vec<String>,
    /// File of the table.
    pub source: Source,
    /// Whether a comment before the header of the file says that its data are simulated.
    pub simulated: bool,
}

/// Outcomes of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeSubject {
    /// ID of the subject.
    pub id: String,
    /// Arm; empty if the table has none.
    pub arm: String,
    /// Responder status as judged by the physician; empty if the table has none.
    pub responder: String,
    /// Measurements of each measure, on the time scale of the run's data, ascending in time.
    pub values: Vec<Vec<Measurement>>,
}

const COLUMNS: [&str; 8] = ["ID", "TIME", "MEASURE", "VALUE", "RESPONDER", "ARM", "UNIT", "DAYS"];
const REQUIRED: usize = 4;
/// Maximum number of measures; if there are more, the column may hold values.
const MOST_MEASURES: usize = 100;

/// Reads an outcome table: CSV with a header, gzipped CSV, Parquet, or a SAS transport file.
///
/// The columns `ID TIME MEASURE VALUE` must be present, `RESPONDER`, `ARM`, `UNIT` and `DAYS` may be; rows are in any
/// order. `ID` is text as in the run's data, whose IDs are `known`. Numbers are finite; a row whose `VALUE` is missing
/// (empty, `.`, `NA`) is left out and counted. `RESPONDER` and `ARM` are texts that do not change within a subject, and
/// `UNIT` is a text that does not change within a measure; a row may leave them empty if another row has them. A
/// subject has a measure only once at a time. `DAYS`, above 0, is the number of days up to `TIME` over which a count
/// was made; a count without it was made over one day.
///
/// # Errors
///
/// [`Rejection`] if the file cannot be read, or [`Rejection::Problems`] with everything that is wrong in it.
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

/// Position of each of [`COLUMNS`] in the file.
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
    /// Index of each measure among the measures, and of each subject among the subjects.
    measure_positions: HashMap<String, usize>,
    positions: HashMap<String, usize>,
    seen: HashMap<(usize, usize, u64), u64>,
    unknown: usize,
    missing: u64,
    /// Number of counts without days.
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

    /// Days over which a value was counted: 1 for a value that is not a count, and for a count without days.
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

    /// Index of a measure; `None` if there are more measures than is plausible.
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

    /// Checks that a text of a subject, or the unit of a measure, does not change.
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
