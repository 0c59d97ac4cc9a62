//! Pairs of columns with the same content, such as `RACE` and `RACEN`: each value of one column goes with one value of
//! the other.

use std::collections::HashMap;

use super::cell::is_missing;
use super::columns::Columns;
use super::findings::NAMED;
use super::names::Name;
use super::nominal::NAMES as NOMINAL_TIMES;
use super::problem::Shown;
use super::raw::{Heading, RawRow};
use crate::present::count;
use crate::trial::Warning;

/// Suffixes that a column's name adds to the name of the column that it codes or decodes.
const SUFFIXES: [&str; 9] = ["N", "C", "CD", "NM", "NUM", "NAME", "CODE", "TXT", "DESC"];
/// Pairs of columns with other names, both of which may be numeric. Pairs in which a value may rightly go with several
/// values are left out.
const KNOWN: [(&str, &str); 9] = [
    ("USUBJID", "ID"),
    ("USUBJID", "NMID"),
    ("STUDYID", "STUDY"),
    ("STUDYID", "STUDYN"),
    ("PARAMCD", "DVID"),
    ("PARAM", "DVID"),
    ("ANALYTE", "DVID"),
    ("DVNAME", "DVID"),
    ("SITEID", "SITEN"),
];
/// Names of columns of quantities, whose texts and counts have such suffixes too.
const QUANTITIES: [&str; 20] = [
    "TIME", "DV", "AMT", "RATE", "ADDL", "II", "LIMIT", "LLOQ", "DATE", "DOSE", "AGE", "WT", "HT", "BMI",
    "IGE", "CRCL", "DAY", "CONC", "VALUE", "AVAL",
];
/// Start of the name of an unscheduled visit, which has no number of its own.
const UNSCHEDULED: &str = "UNSCH";
/// Maximum number of distinct pairs of values in columns that code each other, and maximum number of partners of one
/// value.
const MOST: usize = 200_000;
const PARTNERS: usize = 100;

/// Two values that occur in the same rows.
struct Seen {
    values: [String; 2],
    rows: usize,
    first_row: u64,
    id: String,
}

/// Two columns, and the pairs of values in them.
struct Pair {
    at: [usize; 2],
    names: [String; 2],
    /// Whether both columns may be numeric.
    is_known: bool,
    seen: Vec<Seen>,
    /// Positions in `seen`, by the first value.
    by_first: HashMap<String, Vec<usize>>,
    last: usize,
}

/// Pairs of columns in a file.
pub(super) struct Pairs {
    id: Option<usize>,
    pairs: Vec<Pair>,
}

impl Pairs {
    /// Finds the pairs of columns by the names in the header.
    pub(super) fn new(heading: &Heading, columns: &Columns<'_>) -> Self {
        let header = &heading.header;
        let is = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        // A column that is read as ID or DVID counts as such, whatever its name in the file.
        let called = |at: usize, name: &str| match name {
            "ID" => columns.index(Name::Id) == Some(at),
            "DVID" => columns.index(Name::Dvid) == Some(at),
            _ => is(&header[at], name),
        };
        let mut pairs: Vec<Pair> = Vec::new();
        for a in 0..header.len() {
            for b in (0..header.len()).filter(|b| *b != a) {
                let (first, second) = (&header[a], &header[b]);
                let is_quantity = QUANTITIES.iter().chain(&NOMINAL_TIMES).any(|name| is(name, first));
                let has_suffix = second
                    .get(..first.len())
                    .filter(|start| !first.is_empty() && is(start, first) && !is_quantity)
                    .is_some_and(|start| SUFFIXES.iter().any(|s| is(s, &second[start.len()..])));
                let is_known = KNOWN.iter().any(|(one, other)| called(a, one) && called(b, other));
                if has_suffix || is_known {
                    pairs.push(Pair {
                        at: [a, b],
                        names: [first.clone(), second.clone()],
                        is_known,
                        seen: Vec::new(),
                        by_first: HashMap::new(),
                        last: 0,
                    });
                }
            }
        }
        Self { id: columns.index(Name::Id), pairs }
    }

    /// Counts the pairs of values in rows.
    pub(super) fn add(&mut self, rows: &[RawRow]) {
        for pair in &mut self.pairs {
            rows.iter().for_each(|row| pair.add(row, self.id));
        }
        self.pairs.retain(|pair| pair.seen.len() <= MOST);
    }

    /// Warnings, one for each pair of columns in which a value goes with two values.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.pairs.iter().filter_map(Pair::warning).collect()
    }
}

impl Pair {
    fn add(&mut self, row: &RawRow, id: Option<usize>) {
        let cell = |at: usize| row.cells.get(at).unwrap_or("").trim();
        let [a, b] = self.at.map(cell);
        if self.seen.len() > MOST || is_missing(a) || is_missing(b) || is_unscheduled(a) || is_unscheduled(b)
        {
            return;
        }
        // Consecutive rows mostly have the same values.
        let is_last = self.seen.get(self.last).is_some_and(|seen| seen.values[0] == a && seen.values[1] == b);
        if !is_last {
            let known = self.by_first.get(a);
            let at = known.and_then(|all| all.iter().find(|at| self.seen[**at].values[1] == b).copied());
            self.last = at.unwrap_or(self.seen.len());
            if at.is_none() {
                self.by_first.entry(a.to_owned()).or_default().push(self.last);
                let id = id.map_or("", cell).to_owned();
                let values = [a, b].map(str::to_owned);
                self.seen.push(Seen { values, rows: 0, first_row: row.row, id });
            }
            if self.by_first[a].len() > PARTNERS {
                // The columns do not code each other: the pair is not examined any further.
                self.seen.clear();
                self.at = [usize::MAX; 2];
                return;
            }
        }
        self.seen[self.last].rows += 1;
    }

    /// Position, for each value on a side, of the pair of values with that value that has the most rows.
    fn usual(&self, side: usize) -> HashMap<&str, usize> {
        let mut usual: HashMap<&str, usize> = HashMap::new();
        for (at, seen) in self.seen.iter().enumerate() {
            let known = usual.entry(seen.values[side].as_str()).or_insert(at);
            if self.seen[*known].rows < seen.rows {
                *known = at;
            }
        }
        usual
    }

    fn warning(&self) -> Option<Warning> {
        let is_number = |side: usize| self.seen.iter().all(|seen| seen.values[side].parse::<f64>().is_ok());
        if !self.is_known && is_number(0) && is_number(1) {
            return None;
        }
        let usual = [self.usual(0), self.usual(1)];
        let conflict = |(at, seen): (usize, &Seen)| {
            let side = (0..2).find(|side| usual[*side][seen.values[*side].as_str()] != at)?;
            Some((side, usual[side][seen.values[side].as_str()], at))
        };
        let conflicts: Vec<(usize, usize, usize)> =
            self.seen.iter().enumerate().filter_map(conflict).collect();
        let rows: usize = conflicts.iter().map(|(_, _, at)| self.seen[*at].rows).sum();
        let all: usize = self.seen.iter().map(|seen| seen.rows).sum();
        // Where most rows disagree, the columns are not codes of each other.
        if conflicts.is_empty() || 2 * rows > all {
            return None;
        }
        let told = |(side, usual, at): &(usize, usize, usize)| {
            let (usual, seen) = (&self.seen[*usual], &self.seen[*at]);
            let other = 1 - side;
            format!(
                "{} {} goes with {} {} in {} and with {} in {} (row {} of ID {})",
                Shown(&self.names[*side]),
                Shown(&seen.values[*side]),
                Shown(&self.names[other]),
                Shown(&usual.values[other]),
                count(usual.rows, "row"),
                Shown(&seen.values[other]),
                count(seen.rows, "row"),
                seen.first_row,
                Shown(&seen.id),
            )
        };
        let mut listed: Vec<String> = conflicts.iter().take(NAMED).map(told).collect();
        if conflicts.len() > NAMED {
            listed.push(format!("and {} more", conflicts.len() - NAMED));
        }
        let [a, b] = &self.names;
        let text = format!(
            "columns {0} and {1} are not one to one: {2}; --unused {1} compares them no more",
            Shown(a),
            Shown(b),
            listed.join("; ")
        );
        Some(Warning { check: "pair_disagrees".to_owned(), text })
    }
}

fn is_unscheduled(cell: &str) -> bool {
    cell.get(..UNSCHEDULED.len()).is_some_and(|start| start.eq_ignore_ascii_case(UNSCHEDULED))
}
