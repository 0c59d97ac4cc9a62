//! Assembly of the rows of one subject.

use std::collections::{BTreeMap, HashSet};

use omafit_model::{Analyte, Censoring, Covariates, Dose, Observation, Route, StateRule, Subject};

use super::cell::Cell;
use super::checks::Check;
use super::columns::Columns;
use super::compartments::Compartments;
use super::covariate::{Covariate, Known};
use super::dates::SECONDS_A_DAY;
use super::examine::{Course, DoseRow, examine, examine_covariate, is_long_gap};
use super::findings::Findings;
use super::large_doses::LargeDoses;
use super::names::{ColumnRole, Name};
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::record::Additional;
use super::record::{Kind, Record};
use super::watch::Watch;
use crate::trial::{Counts, Excluded};

/// Maximum number of additional doses of a subject; more are taken for a mistake in `ADDL`.
const MOST_ADDITIONAL: u32 = 100_000;

/// Consecutive rows with one ID.
pub(super) struct SubjectRecords<'a> {
    pub id: &'a str,
    pub first_row: u64,
    pub last_row: u64,
    start: Option<f64>,
    /// Time of the first record in seconds, if times are dates.
    origin: Option<f64>,
    /// Time of the previous record, the time as written in the file, and the row.
    last: Option<(f64, &'a str, u64)>,
    /// Covariates, in the order of the covariates that are read.
    covariates: Vec<Covariate<'a>>,
    entries: Vec<Entry>,
    dose_rows: Vec<DoseRow>,
    /// Time of the latest dosing record, and the doses recorded at that time: amount, and whether it is intravenous.
    now: (f64, HashSet<(u64, bool)>),
    /// Additional doses that a reset may still cancel.
    pending: Vec<Dose>,
    /// Time of the last additional dose: of subcutaneous and of intravenous doses.
    last_pending: [Option<f64>; 2],
    /// Number of additional doses of all rows.
    additional: u32,
    cancelled: usize,
    /// Whether every row was understood; only then can missing records be reported.
    pub whole: bool,
}

/// Dose or observation of a subject.
#[derive(Clone, Copy)]
enum Entry {
    /// Additional dose that `ADDL` implies.
    Additional(Dose),
    Dose(Dose),
    Observation(Observation),
}

impl Entry {
    fn time(&self) -> f64 {
        match self {
            Self::Additional(dose) | Self::Dose(dose) => dose.time,
            Self::Observation(observation) => observation.time,
        }
    }

    /// Rank among entries of one time: additional doses come before records, as in NONMEM; records keep their order.
    fn rank(&self) -> u8 {
        match self {
            Self::Additional(_) => 0,
            Self::Dose(_) | Self::Observation(_) => 1,
        }
    }
}

/// Assembled subjects, with counts and findings on them.
#[derive(Default)]
pub(super) struct Gathered {
    pub subjects: Vec<Subject>,
    /// Number of doses of the subjects.
    pub doses_held: usize,
    pub counts: Counts,
    pub excluded: Vec<Excluded>,
    /// Numbers of observations that the options made censored, by analyte.
    pub censored_by_option: BTreeMap<Analyte, Censored>,
    /// Number of subjects for whom each of the covariates that are read was assumed.
    pub assumed: Vec<usize>,
    /// Doses that are implausibly large.
    pub large_doses: LargeDoses,
    /// Probable mistakes.
    pub findings: Findings,
    /// Number of censored observations that lie in an interval.
    pub within: usize,
    /// Compartments of the observations.
    pub compartments: Compartments,
    /// Checks of columns that are not read and across subjects, if they are wanted.
    pub watch: Option<Watch>,
}

/// Numbers of observations censored below and above a limit.
#[derive(Clone, Copy, Default)]
pub(super) struct Censored {
    pub below: usize,
    pub above: usize,
}

impl<'a> SubjectRecords<'a> {
    pub(super) fn new(id: &'a str, row: u64) -> Self {
        Self {
            id,
            first_row: row,
            last_row: row,
            start: None,
            origin: None,
            last: None,
            covariates: Vec::new(),
            entries: Vec::new(),
            dose_rows: Vec::new(),
            now: (f64::NAN, HashSet::new()),
            pending: Vec::new(),
            last_pending: [None; 2],
            additional: 0,
            cancelled: 0,
            whole: true,
        }
    }

    /// Adds the next row.
    pub(super) fn add(
        &mut self,
        record: &Record<'a>,
        (columns, options): (&Columns<'_>, &ReadOptions),
        gathered: &mut Gathered,
        problems: &mut Problems,
    ) {
        self.last_row = record.row;
        let place = Place::row(record.row).id(self.id);
        self.covariates.resize(record.covariates.len(), Covariate::default());
        let cells = record.covariates.iter().zip(&mut self.covariates).zip(columns.covariates());
        for (position, ((cell, covariate), column)) in cells.enumerate() {
            let title = columns.title(ColumnRole::Covariate(position));
            covariate.take(column, *cell, place.column(title), problems);
        }
        let Cell::Number(time, text) = record.time else {
            self.whole = false;
            return;
        };
        let time = if options.dates.is_some() {
            (time - *self.origin.get_or_insert(time)) / SECONDS_A_DAY
        } else {
            time
        };
        if let Some((before, before_text, row)) = self.last
            && time < before
        {
            let why = if record.resets {
                "time does not restart at a reset: let it go on"
            } else {
                "records are in order of time"
            };
            let expected = format!("at least {before_text}, the time of row {row}: {why}");
            problems.found(place.column(columns.title(Name::Time)), text, expected);
            self.whole = false;
        }
        if let Some((before, ..)) = self.last
            && is_long_gap(before, time)
        {
            gathered.findings.add(Check::LongGap, record.row, self.id);
        }
        self.last = Some((time, text, record.row));
        self.start.get_or_insert(time);
        match record.kind {
            Kind::Wrong => self.whole = false,
            Kind::Other => gathered.counts.other_records += 1,
            Kind::Excluded => gathered.excluded.push(Excluded {
                row: record.row,
                id: self.id.to_owned(),
                reason: "MDV is 1".to_owned(),
            }),
            Kind::Observation { observation, by_option, compartment } => {
                let observation = Observation { time, ..observation };
                gathered.compartments.add(observation.analyte, compartment, record.row, self.id);
                let made = &mut gathered.censored_by_option.entry(observation.analyte).or_default();
                match observation.censoring {
                    Censoring::Below if by_option => made.below += 1,
                    Censoring::Above if by_option => made.above += 1,
                    _ => {}
                }
                self.entries.push(Entry::Observation(observation));
            }
            Kind::Dose { dose, additional, cancels, has_value } => {
                let dose = Dose { time, ..dose };
                if has_value {
                    gathered.findings.add(Check::DoseRowWithValue, record.row, self.id);
                }
                if cancels {
                    self.cancel_from(time);
                }
                self.examine_dose(&dose, record.row, &mut gathered.findings);
                if dose.amount_mg > 0.0 {
                    self.dose_rows.push(DoseRow { time, amount_mg: dose.amount_mg, row: record.row });
                }
                self.entries.push(Entry::Dose(dose));
                gathered.large_doses.add(dose.amount_mg, record.row);
                if let Err((name, expected)) = self.add_additional(dose, additional) {
                    problems.report(place.column(columns.title(name)), expected);
                    self.whole = false;
                }
            }
        }
    }

    /// Adds findings on a dose, compared with the doses before it.
    fn examine_dose(&mut self, dose: &Dose, row: u64, findings: &mut Findings) {
        if dose.amount_mg <= 0.0 {
            return;
        }
        if self.now.0 != dose.time {
            self.now.0 = dose.time;
            self.now.1.clear();
        }
        let is_intravenous = dose.route == Route::Intravenous;
        if !self.now.1.insert((dose.amount_mg.to_bits(), is_intravenous)) {
            findings.add(Check::DoseTwice, row, self.id);
        }
        if self.last_pending[usize::from(is_intravenous)].is_some_and(|last| last >= dose.time) {
            findings.add(Check::AdditionalDosesOverNext, row, self.id);
        }
    }

    /// Cancels the additional doses that are still to come.
    fn cancel_from(&mut self, now: f64) {
        let before = self.pending.len();
        self.pending.retain(|dose| dose.time <= now);
        self.cancelled += before - self.pending.len();
        self.last_pending = [None; 2];
        self.entries.extend(self.pending.drain(..).map(Entry::Additional));
    }

    /// Adds additional doses to a dose; the error gives the column that is wrong and the value expected there.
    fn add_additional(&mut self, dose: Dose, additional: Additional) -> Result<(), (Name, String)> {
        let time = |k: u32| dose.time + f64::from(k) * additional.interval_days;
        let last = time(additional.count);
        if !last.is_finite() {
            return Err((Name::Ii, "an interval that leads to finite times".to_owned()));
        }
        self.additional = self.additional.saturating_add(additional.count);
        if self.additional > MOST_ADDITIONAL {
            return Err((Name::Addl, format!("at most {MOST_ADDITIONAL} additional doses of a subject")));
        }
        if additional.count > 0 {
            let known = &mut self.last_pending[usize::from(dose.route == Route::Intravenous)];
            *known = Some(known.map_or(last, |known| known.max(last)));
        }
        let doses = (1..=additional.count).map(|k| Dose { time: time(k), before: StateRule::Kept, ..dose });
        self.pending.extend(doses);
        Ok(())
    }

    /// Adds the assembled subject to `gathered`, or nothing if something is wrong with it, which has then been
    /// reported.
    pub(super) fn finish(
        mut self,
        columns: &Columns<'_>,
        options: &ReadOptions,
        gathered: &mut Gathered,
        problems: &mut Problems,
    ) {
        self.entries.extend(self.pending.drain(..).map(Entry::Additional));
        // The sort is stable, so that records of one time stay in the order of the file.
        self.entries.sort_by(|a, b| a.time().total_cmp(&b.time()).then(a.rank().cmp(&b.rank())));
        let additional = self.entries.iter().filter(|entry| matches!(entry, Entry::Additional(_))).count();
        if options.dates.is_some() {
            self.count_from_first_dose();
        }
        let (doses, mut observations) = split(&self.entries);
        let place = Place::row(self.first_row).id(self.id);
        // A reset without a dose has no amount.
        let first_dose = doses.iter().position(|dose| dose.amount_mg > 0.0);
        observations.retain(|o| self.is_possible(o, first_dose, options, gathered));
        if self.whole && first_dose.is_none() && !options.allow_undosed {
            problems.report(place, "at least one dose of this subject; --allow-undosed takes it without one");
        }
        if self.whole && observations.is_empty() && !options.allow_unobserved {
            problems.report(
                place,
                "at least one observation of this subject; --allow-unobserved takes it without one",
            );
        }
        let (id, row, observed) = (self.id, self.first_row, observations.as_slice());
        let course =
            Course { id, row, observations: observed, doses: &doses, dose_rows: &self.dose_rows, first_dose };
        examine(&course, &mut gathered.findings);
        let pre_dose = pre_dose_total_ige(&observations, first_dose);
        let stand_ins = gathered.counts.ige_from_total;
        let covariates = self.known_covariates(pre_dose, columns, gathered, problems);
        if let (Some(watch), Some(covariates)) = (&mut gathered.watch, &covariates) {
            watch.end(&course, covariates, gathered.counts.ige_from_total == stand_ins);
        }
        if let (Some(covariates), Some(start)) = (covariates, self.start) {
            let counts = &mut gathered.counts;
            let given = doses.iter().filter(|dose| dose.amount_mg > 0.0).count();
            counts.subjects += 1;
            counts.doses += given;
            counts.resets += doses.len() - given;
            counts.additional_doses += additional;
            counts.cancelled_doses += self.cancelled;
            gathered.within += observations.iter().filter(|o| o.interval_end.is_some()).count();
            observations.iter().for_each(|observation| counts.add(observation));
            gathered.doses_held += doses.len();
            gathered.subjects.push(Subject {
                id: self.id.to_owned(),
                covariates,
                start,
                doses,
                observations,
            });
        }
    }

    /// Moves the origin of time to the first dose.
    fn count_from_first_dose(&mut self) {
        let is_dose = |entry: &&Entry| matches!(entry, Entry::Dose(dose) if dose.amount_mg > 0.0);
        let Some(first) = self.entries.iter().find(is_dose).map(Entry::time) else { return };
        self.start = self.start.map(|start| start - first);
        for entry in &mut self.entries {
            match entry {
                Entry::Additional(dose) | Entry::Dose(dose) => dose.time -= first,
                Entry::Observation(observation) => observation.time -= first,
            }
        }
    }

    /// Whether an observation is kept. If the options ask for it, a drug concentration before the first dose is left
    /// out unless it is below the limit of quantification.
    fn is_possible(
        &self,
        observation: &Observation,
        first_dose: Option<usize>,
        options: &ReadOptions,
        gathered: &mut Gathered,
    ) -> bool {
        let Observation { analyte, censoring, doses_before, row, .. } = *observation;
        let is_before = first_dose.is_none_or(|first| doses_before <= first);
        if !options.absent_before_dose.contains(&analyte) || censoring == Censoring::Below || !is_before {
            return true;
        }
        if !options.leave_out_before_dose {
            return true;
        }
        let reason = format!("{} quantified before the first dose", analyte.name());
        gathered.excluded.push(Excluded { row, id: self.id.to_owned(), reason });
        false
    }

    /// Known or assumed covariates of the subject; `None` if one is wrong or missing, which has then been reported.
    fn known_covariates(
        &self,
        pre_dose_total_ige: Option<f64>,
        columns: &Columns<'_>,
        gathered: &mut Gathered,
        problems: &mut Problems,
    ) -> Option<Covariates> {
        let mut known = Some(Covariates::default());
        gathered.assumed.resize(columns.covariates().len(), 0);
        for (position, (covariate, column)) in self.covariates.iter().zip(columns.covariates()).enumerate() {
            let wanted = column.required || column.assumed.is_some();
            let stand_in = pre_dose_total_ige.filter(|_| column.is_ige() && wanted);
            let value = match (covariate.known(), stand_in, column.assumed) {
                (Known::Value(value), _, _) => value,
                (Known::Wrong, _, _) => {
                    known = None;
                    continue;
                }
                (Known::Missing, Some(ige), _) => {
                    gathered.counts.ige_from_total += 1;
                    ige
                }
                (Known::Missing, None, Some(assumed)) => {
                    gathered.assumed[position] += 1;
                    gathered.counts.covariates_assumed += 1;
                    assumed
                }
                (Known::Missing, None, None) if !column.required => continue,
                (Known::Missing, None, None) => {
                    // An IgE may be given in a row that was not understood.
                    if self.whole || !column.is_ige() {
                        let place = Place::row(self.first_row).id(self.id);
                        let title = columns.title(ColumnRole::Covariate(position));
                        problems.report(place.column(title), column.wanting());
                    }
                    known = None;
                    continue;
                }
            };
            examine_covariate(column, value, (self.first_row, self.id), &mut gathered.findings);
            known = known.map(|known| known.with(&column.name, value));
        }
        known
    }
}

fn split(entries: &[Entry]) -> (Vec<Dose>, Vec<Observation>) {
    let (mut doses, mut observations) = (Vec::new(), Vec::new());
    for entry in entries.iter().copied() {
        match entry {
            Entry::Dose(dose) | Entry::Additional(dose) => doses.push(dose),
            Entry::Observation(observation) => {
                observations.push(Observation { doses_before: doses.len(), ..observation });
            }
        }
    }
    (doses, observations)
}

/// Last quantified total IgE before the first dose, or the first one of a subject without doses.
fn pre_dose_total_ige(observations: &[Observation], first_dose: Option<usize>) -> Option<f64> {
    let mut total = observations
        .iter()
        .filter(|o| o.analyte == Analyte::IGE_TOTAL && o.censoring == Censoring::Quantified && o.value > 0.0)
        .filter(|o| first_dose.is_none_or(|first| o.doses_before <= first))
        .map(|o| o.value);
    if first_dose.is_none() { total.next() } else { total.next_back() }
}
