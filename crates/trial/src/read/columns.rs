//! Which column of the file is which.

use std::collections::HashMap;

use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::RawTable;

/// The columns that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Id,
    Time,
    Dv,
    Amt,
    Evid,
    Mdv,
    Cmt,
    Dvid,
    Rate,
    Addl,
    Ii,
    Ss,
    Cens,
    Limit,
    Wt,
    Ige,
}

impl Name {
    const ALL: [Self; 16] = [
        Self::Id,
        Self::Time,
        Self::Dv,
        Self::Amt,
        Self::Evid,
        Self::Mdv,
        Self::Cmt,
        Self::Dvid,
        Self::Rate,
        Self::Addl,
        Self::Ii,
        Self::Ss,
        Self::Cens,
        Self::Limit,
        Self::Wt,
        Self::Ige,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::Time => "TIME",
            Self::Dv => "DV",
            Self::Amt => "AMT",
            Self::Evid => "EVID",
            Self::Mdv => "MDV",
            Self::Cmt => "CMT",
            Self::Dvid => "DVID",
            Self::Rate => "RATE",
            Self::Addl => "ADDL",
            Self::Ii => "II",
            Self::Ss => "SS",
            Self::Cens => "CENS",
            Self::Limit => "LIMIT",
            Self::Wt => "WT",
            Self::Ige => "IGE",
        }
    }

    /// What files call such a column when they do not call it by its name.
    const fn synonyms(self) -> &'static [&'static str] {
        match self {
            Self::Id => &["SUBJID", "USUBJID", "SUBJECT", "SUBJECT_ID", "PATIENT", "CID"],
            Self::Time => &["AFRLT", "TAFD", "DAY", "TIME_DAY", "TIME_DAYS"],
            Self::Dv => &["CONC", "VALUE", "AVAL", "Y"],
            Self::Amt => &["DOSE", "AMOUNT"],
            Self::Dvid => &["ANALYTE", "PARAMCD", "YTYPE", "DVNAME"],
            Self::Wt => &["WEIGHT", "BWT", "WTBL", "BW", "WEIGHT_KG"],
            _ => &[],
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text().eq_ignore_ascii_case(text))
    }
}

/// Where each column is.
pub(super) struct Columns<'a> {
    header: &'a [String],
    at: [Option<usize>; Name::ALL.len()],
    /// Whether each column is there that must be, once.
    pub complete: bool,
}

impl<'a> Columns<'a> {
    /// Finds the columns; what is missing, ambiguous or renamed in vain becomes a problem.
    pub(super) fn find(table: &'a RawTable, options: &ReadOptions, problems: &mut Problems) -> Self {
        let header = table.header.as_slice();
        let place = Place::row(table.header_row);
        let before = problems.count();
        let mut columns = Self { header, at: [None; Name::ALL.len()], complete: false };
        report_duplicates(header, place, problems);
        columns.rename(options, place, problems);
        for name in Name::ALL {
            let free = |index: &usize| !columns.is_used(*index);
            let here = |index: &usize| header[*index].eq_ignore_ascii_case(name.text());
            if columns.at[name as usize].is_none() && !is_renamed(options, name) {
                columns.at[name as usize] = (0..header.len()).filter(free).find(here);
            }
        }
        if columns.index(Name::Id).is_none() && report_commented_header(table, problems) {
            return columns;
        }
        for name in Name::ALL {
            if is_required(name, options) && columns.index(name).is_none() && !is_renamed(options, name) {
                let hint = columns.closest_unused(name).map_or_else(
                    || format!("the file has {}", header.join(", ")),
                    |near| format!("did you mean {near}?"),
                );
                problems.amiss(place.column(name.text()), format!("a column of this name; {hint}"));
            }
        }
        columns.complete = problems.count() == before;
        columns
    }

    /// The position of a column, if the file has it.
    pub(super) fn index(&self, name: Name) -> Option<usize> {
        self.at[name as usize]
    }

    /// The column's name as the file writes it.
    pub(super) fn title(&self, name: Name) -> &'a str {
        self.index(name).map_or(name.text(), |index| self.header[index].as_str())
    }

    /// The columns that mean nothing here.
    pub(super) fn unused(&self) -> Vec<&'a str> {
        let unused = (0..self.header.len()).filter(|index| !self.is_used(*index));
        unused.map(|index| self.header[index].as_str()).filter(|name| !name.is_empty()).collect()
    }

    fn is_used(&self, index: usize) -> bool {
        self.at.contains(&Some(index))
    }

    fn rename(&mut self, options: &ReadOptions, place: Place<'_>, problems: &mut Problems) {
        for (ours, theirs) in &options.columns {
            let Some(name) = Name::parse(ours.trim()) else {
                let known = Name::ALL.map(Name::text).join(", ");
                problems.amiss(
                    place,
                    format!("a known column to be given another name, not {ours}; known are {known}"),
                );
                continue;
            };
            match self.header.iter().position(|column| column.eq_ignore_ascii_case(theirs.trim())) {
                Some(index) if self.is_used(index) || self.index(name).is_some() => {
                    problems.amiss(
                        place.column(theirs),
                        "one meaning of a column and one column of a meaning, not two",
                    );
                }
                Some(index) => self.at[name as usize] = Some(index),
                None => problems.amiss(
                    place.column(theirs),
                    format!(
                        "a column of this name, to be read as {}; the file has {}",
                        name.text(),
                        self.header.join(", ")
                    ),
                ),
            }
        }
    }

    fn closest_unused(&self, name: Name) -> Option<&'a str> {
        let unused = self.unused();
        let known = |column: &&str| name.synonyms().iter().any(|other| other.eq_ignore_ascii_case(column));
        let synonym = unused.iter().copied().find(known);
        let tolerance = if name.text().len() > 2 { 2 } else { 1 };
        let near = || {
            let distance = |column: &&str| edit_distance(name.text(), &column.to_ascii_uppercase());
            unused.iter().copied().filter(|c| distance(c) <= tolerance).min_by_key(distance)
        };
        synonym.or_else(near)
    }
}

fn is_required(name: Name, options: &ReadOptions) -> bool {
    match name {
        Name::Id | Name::Time | Name::Dv | Name::Dvid => true,
        Name::Amt => !options.allow_undosed,
        Name::Wt => options.assume_weight_kg.is_none(),
        _ => false,
    }
}

fn is_renamed(options: &ReadOptions, name: Name) -> bool {
    options.columns.keys().any(|ours| Name::parse(ours.trim()) == Some(name))
}

fn report_duplicates(header: &[String], place: Place<'_>, problems: &mut Problems) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, name) in header.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let first = *seen.entry(name.to_ascii_uppercase()).or_insert(index);
        if first != index {
            let expected = format!("one column of this name, not columns {} and {}", first + 1, index + 1);
            problems.amiss(place.column(name), expected);
        }
    }
}

/// A header behind a `#` is a habit of NONMEM's users; here it is a comment, and the first row would be the header.
fn report_commented_header(table: &RawTable, problems: &mut Problems) -> bool {
    let names_id = |line: &&String| line.split(',').any(|name| name.trim().eq_ignore_ascii_case("ID"));
    let comment = table.comments.last().filter(names_id);
    if let Some(comment) = comment {
        let expected =
            format!("the header here, but the comment before, #{comment}, looks like it: remove its #");
        problems.amiss(Place::row(table.header_row), expected);
    }
    comment.is_some()
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(d[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    d[a.len()][b.len()]
}
