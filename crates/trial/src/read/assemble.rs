//! Rows to subjects.

use std::collections::HashMap;

use super::block::{Block, Gathered};
use super::checks::Check;
use super::columns::{Columns, Name};
use super::load::Rows;
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::RawRow;
use super::record::RowReader;
use super::rejection::Rejection;
use super::select::Selection;
use super::watch::Watch;
use crate::trial::Warning;
use omafit_model::Subject;

/// Puts the rows of each subject together, as far into the file as it is asked to. What does not fit becomes a problem.
pub(super) struct Assembler<'a> {
    columns: &'a Columns<'a>,
    options: &'a ReadOptions,
    rows: Rows<'a>,
    /// Rows of the last subject so far, which may go on.
    held: Vec<RawRow>,
    /// First and last row of each subject so far.
    earlier: HashMap<String, (u64, u64)>,
    pub selection: Selection,
    pub gathered: Gathered,
    /// Rows read.
    pub count: u64,
}

impl<'a> Assembler<'a> {
    pub(super) fn new(
        columns: &'a Columns<'a>,
        options: &'a ReadOptions,
        rows: Rows<'a>,
        selection: Selection,
    ) -> Self {
        let (held, earlier, gathered) = (Vec::new(), HashMap::new(), Gathered::default());
        Self { columns, options, rows, held, earlier, selection, gathered, count: 0 }
    }

    /// Looks for mistakes that show in columns that are not read, and in many subjects together, too.
    pub(super) fn watching(mut self, watch: Watch) -> Self {
        self.gathered.watch = Some(watch);
        self
    }

    /// Probable mistakes in the rows so far, and notes.
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

    /// The subjects of some rows more; `None` at the end.
    pub(super) fn next(&mut self, problems: &mut Problems) -> Result<Option<Vec<Subject>>, Rejection> {
        let mut rows = std::mem::take(&mut self.held);
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
                self.held = rows.split_off(self.last_subject(&rows));
            }
            None if rows.is_empty() => return Ok(None),
            None => {}
        }
        self.assemble(&rows, problems);
        self.gathered.counts.excluded = self.gathered.excluded.len();
        Ok(Some(std::mem::take(&mut self.gathered.subjects)))
    }

    /// Reads on to the end for the sake of what is wrong with the rows' form.
    pub(super) fn exhaust(&mut self, problems: &mut Problems) -> Result<(), Rejection> {
        while self.rows.next(&self.selection, problems)?.is_some() {}
        Ok(())
    }

    /// Where the rows of the last subject begin. A row without an ID may belong to the subject before it.
    fn last_subject(&self, rows: &[RawRow]) -> usize {
        let id = |row: &RawRow| {
            self.columns.index(Name::Id).and_then(|at| row.cells.get(at)).unwrap_or("").trim().to_owned()
        };
        let Some(last) = rows.iter().rposition(|row| !id(row).is_empty()) else { return 0 };
        let last_id = id(&rows[last]);
        let others = rows[..last].iter().rposition(|row| {
            let id = id(row);
            !id.is_empty() && id != last_id
        });
        let after = others.map_or(0, |other| other + 1);
        rows[after..].iter().position(|row| !id(row).is_empty()).map_or(after, |first| after + first)
    }

    fn assemble(&mut self, rows: &[RawRow], problems: &mut Problems) {
        let (columns, options) = (self.columns, self.options);
        let mut current: Option<Block<'_>> = None;
        for raw in rows {
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
                previous => {
                    self.finish(previous, problems);
                    let mut block = Block::new(record.id, record.row);
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
    }

    fn finish(&mut self, block: Option<Block<'_>>, problems: &mut Problems) {
        if let Some(block) = block {
            self.earlier.insert(block.id.to_owned(), (block.first_row, block.last_row));
            block.finish(self.columns, self.options, &mut self.gathered, problems);
        }
    }
}

/// An ID without capitals, spaces, leading zeros and a `#` before it.
fn plain_id(id: &str) -> String {
    let text: String =
        id.chars().filter(|c| !c.is_whitespace() && *c != '#').flat_map(char::to_lowercase).collect();
    let digits = text.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}
