//! Rows to subjects.

use std::collections::HashMap;

use super::block::{Block, Gathered};
use super::columns::{Columns, Name};
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::RawTable;
use super::record::RowReader;

/// Puts the rows of each subject together. What does not fit becomes a problem.
pub(super) fn assemble(
    table: &RawTable,
    columns: &Columns<'_>,
    options: &ReadOptions,
    problems: &mut Problems,
) -> Gathered {
    let mut gathered = Gathered::default();
    let mut earlier: HashMap<&str, (u64, u64)> = HashMap::new();
    let mut current: Option<Block<'_>> = None;
    for raw in &table.rows {
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
                if let Some(previous) = previous {
                    earlier.insert(previous.id, (previous.first_row, previous.last_row));
                    previous.finish(columns, options, &mut gathered, problems);
                }
                let mut block = Block::new(record.id, record.row);
                block.whole = table.complete;
                if let Some((first, last)) = earlier.get(record.id) {
                    let place = Place::row(record.row).column(columns.title(Name::Id)).id(record.id);
                    let expected =
                        format!("the rows of a subject together: it has rows {first} to {last} too");
                    problems.found(place, record.id, expected);
                    block.whole = false;
                }
                block
            }
        };
        block.add(&record, columns, &mut gathered, problems);
        current = Some(block);
    }
    if let Some(block) = current {
        block.finish(columns, options, &mut gathered, problems);
    }
    gathered.counts.excluded = gathered.excluded.len();
    gathered
}
