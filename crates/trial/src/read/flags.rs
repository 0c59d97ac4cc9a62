//! Columns of flags that are not read, although their names suggest that some rows are exceptional.

use super::cell::is_missing;
use super::columns::Columns;
use super::raw::{Heading, RawRow};
use super::select::Selection;
use crate::present::count;
use crate::trial::Warning;

/// Names of columns that usually mark rows to be left out.
const LEAVE_OUT: [&str; 11] =
    ["C", "COM", "COMMENT", "EXCL", "EXCLF", "EXCLFL", "EXCLUDE", "EXCLUDED", "OMIT", "DROP", "FLAG"];
/// Names of columns that usually mark values below a limit of quantification.
const BELOW: [&str; 6] = ["BLQFL", "BLQFN", "BLOQ", "BQL", "LLOQFL", "BLQFLAG"];
/// Cells that do not mark their row.
const UNMARKED: [&str; 6] = ["0", "N", "NO", "F", "FALSE", "0.0"];
/// Maximum numbers of rows and of flags that are listed.
const LISTED: usize = 5;

/// Column of flags that is not read.
struct FlagColumn {
    at: usize,
    name: String,
    is_below: bool,
    rows: usize,
    first_rows: Vec<u64>,
    /// First distinct flags.
    flags: Vec<String>,
}

/// Columns of flags in a file.
pub(super) struct Flags(Vec<FlagColumn>);

impl Flags {
    /// Finds the columns of flags that are neither read nor used to select rows.
    pub(super) fn new(heading: &Heading, columns: &Columns<'_>, selection: &Selection) -> Self {
        let of = |(at, name): (usize, &String)| {
            let is = |names: &[&str]| names.iter().any(|flag| flag.eq_ignore_ascii_case(name));
            let is_below = is(&BELOW);
            let is_flags = (is_below || is(&LEAVE_OUT)) && !columns.is_used(at) && !selection.reads(at);
            is_flags.then(|| FlagColumn {
                at,
                name: name.clone(),
                is_below,
                rows: 0,
                first_rows: Vec::new(),
                flags: Vec::new(),
            })
        };
        Self(heading.header.iter().enumerate().filter_map(of).collect())
    }

    /// Counts the flagged rows.
    pub(super) fn add(&mut self, rows: &[RawRow]) {
        for column in &mut self.0 {
            for row in rows {
                let cell = row.cells.get(column.at).unwrap_or("").trim();
                if is_missing(cell) || UNMARKED.iter().any(|unmarked| unmarked.eq_ignore_ascii_case(cell)) {
                    continue;
                }
                column.rows += 1;
                if column.first_rows.len() < LISTED {
                    column.first_rows.push(row.row);
                }
                if column.flags.len() < LISTED && !column.flags.iter().any(|flag| flag == cell) {
                    column.flags.push(cell.to_owned());
                }
            }
        }
    }

    /// Warnings, one for each column in which rows are flagged.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let warning = |column: &FlagColumn| {
            let FlagColumn { name, rows, first_rows, flags, .. } = column;
            let listed: Vec<String> = first_rows.iter().map(u64::to_string).collect();
            let more = if *rows > first_rows.len() { ", …" } else { "" };
            let (marked, listed, first) = (flags.join(", "), listed.join(", "), &flags[0]);
            let (verb, noun) = if *rows == 1 { ("was", "row") } else { ("were", "rows") };
            let help = if column.is_below {
                format!(
                    "--column BLQ={name} reads the flags, with limits from a column LLOQ or --lloq ANALYTE=LIMIT"
                )
            } else {
                format!("--ignore '{name}={first}' leaves such rows out, --accept '{name}!={first}' as well")
            };
            let rows = count(*rows, "row");
            let text = format!(
                "column {name}: {rows} marked {marked} {verb} read like the others ({noun} {listed}{more}); {help}"
            );
            Warning { check: "flagged_row".to_owned(), text }
        };
        self.0.iter().filter(|column| column.rows > 0).map(warning).collect()
    }
}
