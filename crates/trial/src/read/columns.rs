//! Assignment of the file's columns to the roles that are read.

use std::collections::{BTreeMap, HashMap};

use super::covariate::CovariateColumn;
use super::names::{ColumnRole, Name};
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::Heading;
use super::wide::Wide;

/// Names that files use for a column instead of its standard name.
fn synonyms(name: &str) -> &'static [&'static str] {
    match name {
        "ID" => &["SUBJID", "USUBJID", "SUBJECT", "SUBJECT_ID", "PATIENT", "CID"],
        "TIME" => &["AFRLT", "TAFD", "DAY", "TIME_DAY", "TIME_DAYS"],
        "DV" => &["CONC", "VALUE", "AVAL", "Y"],
        "AMT" => &["DOSE", "AMOUNT"],
        "DVID" => &["ANALYTE", "PARAMCD", "YTYPE", "DVNAME"],
        "BLQ" => &["BLQFL", "BLQFN", "BLOQ", "BQL"],
        "LLOQ" => &["ALLOQ"],
        "WT" => &["WEIGHT", "BWT", "WTBL", "BW", "WEIGHT_KG"],
        _ => &[],
    }
}

/// Position of the column of each role.
pub(super) struct Columns<'a> {
    header: &'a [String],
    wide: Option<&'a Wide>,
    covariates: &'a [CovariateColumn],
    /// Positions of the columns of records, then of the covariates.
    at: Vec<Option<usize>>,
    /// Codes of each column, by the texts of the file, in the order of the positions.
    codes: Vec<Option<&'a BTreeMap<String, String>>>,
    /// Whether each required column is present once.
    pub complete: bool,
}

impl<'a> Columns<'a> {
    /// Finds the columns; a column that is missing, ambiguous or wrongly renamed becomes a problem.
    pub(super) fn find(
        heading: &'a Heading,
        covariates: &'a [CovariateColumn],
        options: &'a ReadOptions,
        problems: &mut Problems,
    ) -> Self {
        let header = heading.header.as_slice();
        let place = Place::row(heading.header_row);
        let before = problems.count();
        let at = vec![None; Name::ALL.len() + covariates.len()];
        let codes = vec![None; at.len()];
        let wide = heading.wide.as_ref();
        let mut columns = Self { header, wide, covariates, at, codes, complete: false };
        report_duplicates(&header[..wide.map_or(header.len(), Wide::width)], place, problems);
        for (name, index) in wide.into_iter().flat_map(Wide::added) {
            columns.at[position(name.into())] = Some(index);
        }
        columns.rename(options, place, problems);
        for meaning in columns.meanings() {
            let name = columns.name(meaning);
            let free = |index: &usize| !columns.is_used(*index);
            let here = |index: &usize| header[*index].eq_ignore_ascii_case(name);
            let is_unused = options.unused.iter().any(|unused| unused.eq_ignore_ascii_case(name))
                || (meaning.is(Name::Date) && options.dates.is_none());
            if columns.index(meaning).is_none() && !is_renamed(options, name) && !is_unused {
                let standard = options.standard.map_or(&[][..], |standard| standard.names(name));
                let called = |theirs: &&str| {
                    (0..header.len()).filter(free).find(|i| header[*i].eq_ignore_ascii_case(theirs))
                };
                let found = standard.iter().find_map(called);
                let found = found.or_else(|| (0..header.len()).filter(free).find(here));
                columns.at[position(meaning)] = found;
            }
        }
        columns.encode(options, place, problems);
        if columns.index(Name::Id).is_none() && report_commented_header(heading, problems) {
            return columns;
        }
        for meaning in columns.meanings() {
            let name = columns.name(meaning);
            if columns.is_required(meaning, options)
                && columns.index(meaning).is_none()
                && !is_renamed(options, name)
            {
                let hint = columns.closest_unused(name).map_or_else(
                    || format!("the file has {}", header.join(", ")),
                    |near| format!("did you mean {near}?"),
                );
                problems.report(place.column(name), format!("a column of this name; {hint}"));
            }
        }
        columns.complete = problems.count() == before;
        columns
    }

    /// The wide layout of the rows, if they have one.
    pub(super) fn wide(&self) -> Option<&'a Wide> {
        self.wide
    }

    /// The covariates that are read.
    pub(super) fn covariates(&self) -> &'a [CovariateColumn] {
        self.covariates
    }

    /// The position of a column, if the file has it.
    pub(super) fn index(&self, meaning: impl Into<ColumnRole>) -> Option<usize> {
        self.at[position(meaning.into())]
    }

    /// The position of a covariate's column, if the covariate is read and the file has it.
    pub(super) fn covariate(&self, name: &str) -> Option<usize> {
        let at = self.covariates.iter().position(|column| column.name == name)?;
        self.index(ColumnRole::Covariate(at))
    }

    /// Whether a covariate is read from a column.
    pub(super) fn is_covariate(&self, index: usize) -> bool {
        self.at[Name::ALL.len()..].contains(&Some(index))
    }

    /// Name of a column in the file, or its standard name if the file does not have it.
    pub(super) fn title(&self, meaning: impl Into<ColumnRole>) -> &'a str {
        let meaning = meaning.into();
        self.index(meaning).map_or_else(|| self.name(meaning), |index| self.header[index].as_str())
    }

    /// Decoded text of a cell: the text that its code stands for, or the text itself.
    pub(super) fn decoded<'c>(&self, meaning: ColumnRole, text: &'c str) -> &'c str
    where
        'a: 'c,
    {
        self.codes[position(meaning)].and_then(|codes| codes.get(text)).map_or(text, String::as_str)
    }

    /// Finds the codes of each column; codes of a column that is not read become a problem.
    fn encode(&mut self, options: &'a ReadOptions, place: Place<'_>, problems: &mut Problems) {
        for (ours, codes) in &options.codes {
            let called = |meaning: &ColumnRole| self.name(*meaning).eq_ignore_ascii_case(ours);
            match self.meanings().find(called).filter(|meaning| self.index(*meaning).is_some()) {
                Some(meaning) => self.codes[position(meaning)] = Some(codes),
                None => problems.report(
                    place.column(ours),
                    "a column of this name, whose texts have codes in the mapping",
                ),
            }
        }
    }

    /// Names of the columns that are not read.
    pub(super) fn unused(&self) -> Vec<&'a str> {
        let unused = (0..self.header.len()).filter(|index| !self.is_used(*index));
        unused.map(|index| self.header[index].as_str()).filter(|name| !name.is_empty()).collect()
    }

    fn meanings(&self) -> impl Iterator<Item = ColumnRole> + use<> {
        let covariates = (0..self.covariates.len()).map(ColumnRole::Covariate);
        Name::ALL.into_iter().map(ColumnRole::Record).chain(covariates)
    }

    /// Standard name of a column.
    fn name(&self, meaning: ColumnRole) -> &'a str {
        match meaning {
            ColumnRole::Record(name) => name.text(),
            ColumnRole::Covariate(position) => self.covariates[position].name.as_str(),
        }
    }

    /// Whether a column is read.
    pub(super) fn is_used(&self, index: usize) -> bool {
        self.at.contains(&Some(index)) || self.wide.is_some_and(|wide| wide.reads(index))
    }

    fn is_required(&self, meaning: ColumnRole, options: &ReadOptions) -> bool {
        match meaning {
            ColumnRole::Record(Name::Id | Name::Time | Name::Dv) => true,
            ColumnRole::Record(Name::Dvid) => options.only_analyte().is_none(),
            ColumnRole::Record(Name::Amt) => !options.allow_undosed,
            ColumnRole::Record(_) => false,
            ColumnRole::Covariate(position) => self.covariates[position].needs_column(),
        }
    }

    fn rename(&mut self, options: &ReadOptions, place: Place<'_>, problems: &mut Problems) {
        for (ours, theirs) in &options.columns {
            let called = |meaning: &ColumnRole| self.name(*meaning).eq_ignore_ascii_case(ours.trim());
            let Some(meaning) = self.meanings().find(called) else {
                let known: Vec<&str> = self.meanings().map(|meaning| self.name(meaning)).collect();
                let known = known.join(", ");
                problems.report(
                    place,
                    format!("a known column to be given another name, not {ours}; known are {known}"),
                );
                continue;
            };
            match self.header.iter().position(|column| column.eq_ignore_ascii_case(theirs.trim())) {
                Some(index) if self.is_used(index) || self.index(meaning).is_some() => {
                    problems.report(
                        place.column(theirs),
                        "one meaning of a column and one column of a meaning, not two",
                    );
                }
                Some(index) => self.at[position(meaning)] = Some(index),
                None => problems.report(
                    place.column(theirs),
                    format!(
                        "a column of this name, to be read as {}; the file has {}",
                        self.name(meaning),
                        self.header.join(", ")
                    ),
                ),
            }
        }
    }

    fn closest_unused(&self, name: &str) -> Option<&'a str> {
        let unused = self.unused();
        let known = |column: &&str| synonyms(name).iter().any(|other| other.eq_ignore_ascii_case(column));
        let synonym = unused.iter().copied().find(known);
        let tolerance = if name.len() > 2 { 2 } else { 1 };
        let near = || {
            let distance =
                |column: &&str| edit_distance(&name.to_ascii_uppercase(), &column.to_ascii_uppercase());
            unused.iter().copied().filter(|c| distance(c) <= tolerance).min_by_key(distance)
        };
        synonym.or_else(near)
    }
}

fn position(meaning: ColumnRole) -> usize {
    match meaning {
        ColumnRole::Record(name) => name as usize,
        ColumnRole::Covariate(position) => Name::ALL.len() + position,
    }
}

fn is_renamed(options: &ReadOptions, name: &str) -> bool {
    options.columns.keys().any(|ours| ours.trim().eq_ignore_ascii_case(name))
}

fn report_duplicates(header: &[String], place: Place<'_>, problems: &mut Problems) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, name) in header.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let first = *seen.entry(name.to_ascii_uppercase()).or_insert(index);
        if first != index {
            let expected = format!("one column of this name, not columns {} and {}", first + 1, index + 1);
            problems.report(place.column(name), expected);
        }
    }
}

/// Reports a header behind a `#`, as NONMEM users often write it: it is a comment here, and the first row would be
/// taken for the header.
fn report_commented_header(heading: &Heading, problems: &mut Problems) -> bool {
    let names_id =
        |line: &&String| line.split([',', ';', '\t']).any(|name| name.trim().eq_ignore_ascii_case("ID"));
    let comment = heading.comments.last().filter(names_id);
    if let Some(comment) = comment {
        let expected =
            format!("the header here, but the comment before, #{comment}, looks like it: remove its #");
        problems.report(Place::row(heading.header_row), expected);
    }
    comment.is_some()
}

/// Number of insertions, deletions, substitutions and swaps of neighbouring letters that turn one word into the other.
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
