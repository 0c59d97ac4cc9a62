//! Probable mistakes in single rows and subjects, counted by kind while a file is read.

use std::collections::BTreeMap;

use crate::trial::Warning;

/// Rows of a kind that are named.
const NAMED: usize = 5;

/// A kind of probable mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    DoseTwice,
    ObservationTwice,
    DoseRowWithValue,
    AdditionalDosesOverNext,
    BelowWithinProfile,
    DrugBeforeDose,
    NoConcentrations,
    LongGap,
    MissingCode,
    UnlikelyWeight,
    CompartmentDisagrees,
    IdsAlike,
    EveryDoseSteady,
}

impl Check {
    /// The name of the check in the guide.
    const fn name(self) -> &'static str {
        match self {
            Self::DoseTwice => "dose_twice",
            Self::ObservationTwice => "observation_twice",
            Self::DoseRowWithValue => "dose_row_with_value",
            Self::AdditionalDosesOverNext => "additional_doses_over_next",
            Self::BelowWithinProfile => "below_within_profile",
            Self::DrugBeforeDose => "drug_before_dose",
            Self::NoConcentrations => "no_concentrations",
            Self::LongGap => "long_gap",
            Self::MissingCode => "missing_code",
            Self::UnlikelyWeight => "unlikely_weight",
            Self::CompartmentDisagrees => "compartment_disagrees",
            Self::IdsAlike => "ids_alike",
            Self::EveryDoseSteady => "every_dose_steady",
        }
    }

    /// Whether it is as often meant as not.
    const fn is_note(self) -> bool {
        matches!(self, Self::NoConcentrations)
    }

    /// The sentence about so many cases, before where they are.
    fn says(self, n: usize) -> String {
        let plural = |one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
        match self {
            Self::DoseTwice => plural(
                "dose stands twice, at one time and of one amount, and is given twice",
                "doses stand twice, at one time and of one amount, and are given twice",
            ),
            Self::ObservationTwice => plural(
                "observation is of a time at which its analyte was observed already",
                "observations are of times at which their analyte was observed already",
            ),
            Self::DoseRowWithValue => plural(
                "row of a dose has a DV, which is not read: an observation needs a row of its own (EVID 0)",
                "rows of doses have a DV, which is not read: an observation needs a row of its own (EVID 0)",
            ),
            Self::AdditionalDosesOverNext => plural(
                "dose is given while additional ones (ADDL) of a dose before are still to be given, and so are they",
                "doses are given while additional ones (ADDL) of a dose before are still to be given, and so are they",
            ),
            Self::BelowWithinProfile => plural(
                "concentration is below the limit between two quantified ones of the same dose",
                "concentrations are below the limit between two quantified ones of the same dose",
            ),
            Self::DrugBeforeDose => plural(
                "subject has omalizumab before the first dose above 20 % of its maximum",
                "subjects have omalizumab before the first dose above 20 % of their maximum",
            ),
            Self::NoConcentrations => plural(
                "subject was treated and has no observation of omalizumab",
                "subjects were treated and have no observation of omalizumab",
            ),
            Self::LongGap => plural(
                "record comes more than 1000 days after the one before it",
                "records come more than 1000 days after the one before them",
            ),
            Self::MissingCode => plural(
                "covariate has a value that often stands for a missing one (-1, -9, -99, -999, -9999, 999 or 9999): --missing -99 reads it as missing",
                "covariates have a value that often stands for a missing one (-1, -9, -99, -999, -9999, 999 or 9999): --missing -99 reads it as missing",
            ),
            Self::UnlikelyWeight => plural(
                "subject has a body weight below 2 or above 200 kg",
                "subjects have a body weight below 2 or above 200 kg",
            ),
            Self::CompartmentDisagrees => plural(
                "observation has another CMT than most of its DVID",
                "observations have another CMT than most of their DVID",
            ),
            Self::EveryDoseSteady => plural(
                "subject has SS 1 on each of several doses, each of which replaces all before it by its own steady state: --unused SS,II \
                 reads none of them",
                "subjects have SS 1 on each of several doses, each of which replaces all before it by its own steady state: --unused \
                 SS,II reads none of them",
            ),
            Self::IdsAlike => plural(
                "subject has an ID that differs from another's in capitals, spaces or leading zeros only",
                "subjects have an ID that differs from another's in capitals, spaces or leading zeros only",
            ),
        }
    }
}

/// The cases of one kind.
#[derive(Clone, Debug, Default)]
struct Cases {
    count: usize,
    /// Row and ID of the first.
    first: Vec<(u64, String)>,
}

/// The cases of every kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    cases: BTreeMap<(Check, String), Cases>,
}

impl Findings {
    /// Adds a case in a row of a subject.
    pub(super) fn add(&mut self, check: Check, row: u64, id: &str) {
        self.add_to(check, "", row, id);
    }

    /// Adds a case of a column, with which others are counted together.
    pub(super) fn add_to(&mut self, check: Check, column: &str, row: u64, id: &str) {
        let cases = self.cases.entry((check, column.to_owned())).or_default();
        cases.count += 1;
        if cases.first.len() < NAMED {
            cases.first.push((row, id.to_owned()));
        }
    }

    /// A warning a kind, and the sentences of those kinds that are by design as often as by mistake.
    pub(super) fn warnings(&self) -> (Vec<Warning>, Vec<String>) {
        let warning = |((check, column), cases): (&(Check, String), &Cases)| {
            let at: Vec<String> =
                cases.first.iter().map(|(row, id)| format!("row {row} of ID {id}")).collect();
            let more = match cases.count - cases.first.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let column = if column.is_empty() { String::new() } else { format!("column {column}: ") };
            let text = format!("{column}{} ({}{more})", check.says(cases.count), at.join(", "));
            Warning { check: check.name().to_owned(), text }
        };
        let (notes, warnings): (Vec<_>, Vec<_>) =
            self.cases.iter().partition(|((check, _), _)| check.is_note());
        (
            warnings.into_iter().map(warning).collect(),
            notes.into_iter().map(|case| warning(case).text).collect(),
        )
    }
}
