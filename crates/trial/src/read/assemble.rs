//! Assembly of rows into subjects.

use std::collections::HashMap;

use super::block::{Gathered, SubjectRecords};
use super::checks::Check;
use super::columns::Columns;
use super::load::Rows;
use super::names::Name;
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::RawRow;
use super::rejection::Rejection;
use super::row::RowReader;
use super::select::Selection;
use super::watch::Watch;
use crate::trial::Warning;
use omafit_model::Subject;

/// Number of doses at which the subjects so far are handed on: a few rows may stand for many doses.
const DOSES_HELD: usize = 1 << 20;

/// Assembler of the rows of each subject, which reads as far into the file as is requested. Rows that do not fit become
/// problems.
pub(super) struct Assembler<'a> {
    columns: &'a Columns<'a>,
    options: &'a ReadOptions,
    rows: Rows<'a>,
    /// Rows of complete subjects, and how many of these rows have been assembled.
    whole: (Vec<RawRow>, usize),
    /// Rows of the last subject so far, which may continue.
    held: Vec<RawRow>,
    /// First and last row of each subject so far, by ID.
    earlier: HashMap<String, (u64, u64)>,
    pub selection: Selection,
    pub gathered: Gathered,
    /// Number of rows read.
    pub count: u64,
}

impl<'a> Assembler<'a> {
    pub(super) fn new(
        columns: &'a Columns<'a>,
        options: &'a ReadOptions,
        rows: Rows<'a>,
        selection: Selection,
    ) -> Self {
        Self {
            columns,
            options,
            rows,
            whole: (Vec::new(), 0),
            held: Vec::new(),
            earlier: HashMap::new(),
            selection,
            gathered: Gathered::default(),
            count: 0,
        }
    }

    /// Adds checks for mistakes that show in columns that are not read, or across many subjects.
    pub(super) fn watching(mut self, watch: Watch) -> Self {
        self.gathered.watch = Some(watch);
        self
    }

    /// Warnings of probable mistakes in the rows so far, and notes.
    pub(super) fn warnings(&mut self) -> (Vec<Warning>, Vec<String>) {
        let findings = &mut self.gathered.findings;
        self.gathered.compartments.examine(findings);
        let mut plain: HashMap<String, &str> = HashMap::new();
        let mut ids: Vec<(&String, u64)> = self.earlier.iter().map(|(id, (first, _))| (id, *first)).collect();
        ids.sort_unstable_by_key(|(_, row)| *row);
        for (id, row) in ids {
            if plain.insert(plain_id(id), id).is_some() {
                findings.add(Check::IdsAlike, row, id);
            }
        }
        let watch = self.gathered.watch.as_mut();
        let (mut warnings, mut notes) = watch.map_or_else(Default::default, |watch| watch.finish(findings));
        let (found, said) = findings.warnings();
        warnings.extend(found);
        notes.extend(said);
        (warnings, notes)
    }

    /// Next subjects of the file; `None` at the end.
    pub(super) fn next(&mut self, problems: &mut Problems) -> Result<Option<Vec<Subject>>, Rejection> {
        let (mut rows, mut from) = std::mem::take(&mut self.whole);
        if from == rows.len() {
            match self.more(problems)? {
                Some(more) => (rows, from) = (more, 0),
                None => return Ok(None),
            }
        }
        from = self.assemble(&rows, from, problems);
        self.whole = (rows, from);
        self.gathered.counts.excluded = self.gathered.excluded.len();
        self.gathered.doses_held = 0;
        Ok(Some(std::mem::take(&mut self.gathered.subjects)))
    }

    /// Next rows, of complete subjects; `None` at the end.
    fn more(&mut self, problems: &mut Problems) -> Result<Option<Vec<RawRow>>, Rejection> {
        let mut rows = std::mem::take(&mut self.held);
        let held = rows.len();
        match self.rows.next(&self.selection, problems)? {
            Some(mut more) => {
                self.count += more.len() as u64;
                self.selection.keep(&mut more);
                if let Some(watch) = &mut self.gathered.watch {
                    watch.rows(&more);
                }
                match self.columns.wide() {
                    Some(wide) => {
                        rows.extend(more.iter().flat_map(|row| wide.rows(self.columns, self.options, row)));
                    }
                    None => rows.extend(more),
                }
                self.held = rows.split_off(self.last_subject(&rows, held));
            }
            None if rows.is_empty() => return Ok(None),
            None => {}
        }
        Ok(Some(rows))
    }

    /// Reads the remaining rows to the end, to report problems of their form.
    pub(super) fn exhaust(&mut self, problems: &mut Problems) -> Result<(), Rejection> {
        while self.rows.next(&self.selection, problems)?.is_some() {}
        Ok(())
    }

    /// ID of a row, decoded by the codes of its column.
    fn id<'r>(&self, row: &'r RawRow) -> &'r str
    where
        'a: 'r,
    {
        let cell = self.columns.index(Name::Id).and_then(|at| row.cells.get(at)).unwrap_or("").trim();
        self.columns.decoded(Name::Id.into(), cell)
    }

    /// Index at which the rows of the last subject begin; the first `held` rows are known to belong to one subject. A
    /// row without an ID may belong to the subject before it.
    fn last_subject(&self, rows: &[RawRow], held: usize) -> usize {
        let has_id = |row: &RawRow| !self.id(row).is_empty();
        let Some(last) = rows.iter().rposition(has_id) else { return 0 };
        let last_id = self.id(&rows[last]);
        let is_other = |row: &RawRow| has_id(row) && self.id(row) != last_id;
        let new = &rows[held.min(last)..last];
        let after = match new.iter().rposition(is_other) {
            Some(other) => held + other + 1,
            None if rows[..held].iter().find(|row| has_id(row)).is_some_and(is_other) => held,
            None => 0,
        };
        rows[after..].iter().position(has_id).map_or(after, |first| after + first)
    }

    /// Assembles rows from the index `from` until enough doses are held; returns the index at which it stopped.
    fn assemble(&mut self, rows: &[RawRow], from: usize, problems: &mut Problems) -> usize {
        let (columns, options) = (self.columns, self.options);
        let mut current: Option<SubjectRecords<'_>> = None;
        for (at, raw) in rows.iter().enumerate().skip(from) {
            let id = self.id(raw);
            if !id.is_empty() && current.as_ref().is_some_and(|block| block.id != id) {
                self.finish(current.take(), problems);
                if self.gathered.doses_held > DOSES_HELD {
                    return at;
                }
            }
            let record = RowReader { columns, options, problems }.read(raw);
            if record.id.is_empty() {
                // Reported; it may belong to the subject before it.
                if let Some(block) = &mut current {
                    block.whole = false;
                }
                continue;
            }
            let mut block = match current.take() {
                Some(block) if block.id == record.id => block,
                _ => {
                    let mut block = SubjectRecords::new(record.id, record.row);
                    block.whole = self.rows.complete();
                    if let Some((first, last)) = self.earlier.get(record.id) {
                        let place = Place::row(record.row).column(columns.title(Name::Id)).id(record.id);
                        let expected =
                            format!("the rows of a subject together: it has rows {first} to {last} too");
                        problems.found(place, record.id, expected);
                        block.whole = false;
                    }
                    if let Some(watch) = &mut self.gathered.watch {
                        watch.begin(raw);
                    }
                    block
                }
            };
            if let Some(watch) = &mut self.gathered.watch {
                watch.row(raw, &record, &mut self.gathered.findings);
            }
            block.add(&record, (columns, options), &mut self.gathered, problems);
            current = Some(block);
        }
        self.finish(current, problems);
        rows.len()
    }

    fn finish(&mut self, block: Option<SubjectRecords<'_>>, problems: &mut Problems) {
        if let Some(block) = block {
            self.earlier.insert(block.id.to_owned(), (block.first_row, block.last_row));
            block.finish(self.columns, self.options, &mut self.gathered, problems);
        }
    }
}

/// ID in lower case, without spaces, `#` and leading zeros.
fn plain_id(id: &str) -> String {
    let text: String =
        id.chars().filter(|c| !c.is_whitespace() && *c != '#').flat_map(char::to_lowercase).collect();
    let digits = text.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}
