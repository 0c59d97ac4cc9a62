//! The rows of one subject, put together.

use omafit_model::{Analyte, Censoring, Covariates, Dose, Observation, Subject};

use super::columns::{Columns, Name};
use super::covariate::{Covariate, Known};
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::record::{Additional, Cell, Kind, Record};
use crate::trial::{Counts, Excluded};

/// The consecutive rows that have the same ID.
pub(super) struct Block<'a> {
    pub id: &'a str,
    pub first_row: u64,
    pub last_row: u64,
    start: Option<f64>,
    last_time: Option<(f64, u64)>,
    weight_kg: Covariate<'a>,
    ige_ng_ml: Covariate<'a>,
    entries: Vec<Entry>,
    additional_doses: usize,
    /// Whether every row was understood: only then can something be said to be missing.
    pub whole: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    time: f64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// A dose that `ADDL` stands for.
    AdditionalDose(f64),
    Dose(f64),
    Observation {
        analyte: Analyte,
        value: f64,
        row: u64,
    },
}

impl Entry {
    /// Additional doses come before the records of the same time, as in NONMEM; the records keep their order.
    fn rank(&self) -> u8 {
        match self.what {
            What::AdditionalDose(_) => 0,
            What::Dose(_) | What::Observation { .. } => 1,
        }
    }
}

/// Where the subjects and what is said of them are gathered.
#[derive(Default)]
pub(super) struct Gathered {
    pub subjects: Vec<Subject>,
    pub counts: Counts,
    pub excluded: Vec<Excluded>,
}

impl<'a> Block<'a> {
    pub(super) fn new(id: &'a str, row: u64) -> Self {
        Self {
            id,
            first_row: row,
            last_row: row,
            start: None,
            last_time: None,
            weight_kg: Covariate::default(),
            ige_ng_ml: Covariate::default(),
            entries: Vec::new(),
            additional_doses: 0,
            whole: true,
        }
    }

    /// Adds the next row.
    pub(super) fn add(
        &mut self,
        record: &Record<'a>,
        columns: &Columns<'_>,
        gathered: &mut Gathered,
        problems: &mut Problems,
    ) {
        self.last_row = record.row;
        let place = Place::row(record.row).id(self.id);
        self.weight_kg.take(record.weight_kg, place.column(columns.title(Name::Wt)), problems);
        self.ige_ng_ml.take(record.ige_ng_ml, place.column(columns.title(Name::Ige)), problems);
        let Cell::Number(time, text) = record.time else {
            self.whole = false;
            return;
        };
        if let Some((before, row)) = self.last_time
            && time < before
        {
            let expected = format!("at least {before}, the time of row {row}: records are in order of time");
            problems.found(place.column(columns.title(Name::Time)), text, expected);
            self.whole = false;
        }
        self.last_time = Some((time, record.row));
        self.start.get_or_insert(time);
        match record.kind {
            Kind::Wrong => self.whole = false,
            Kind::Other => gathered.counts.other_records += 1,
            Kind::Excluded => gathered.excluded.push(Excluded {
                row: record.row,
                id: self.id.to_owned(),
                reason: "MDV is 1".to_owned(),
            }),
            Kind::Observation { analyte, value } => {
                let what = What::Observation { analyte, value, row: record.row };
                self.entries.push(Entry { time, what });
            }
            Kind::Dose { amount_mg, additional } => {
                self.entries.push(Entry { time, what: What::Dose(amount_mg) });
                self.add_additional(time, amount_mg, additional);
                if self.entries.last().is_some_and(|entry| !entry.time.is_finite()) {
                    let column = columns.title(Name::Ii);
                    problems.amiss(place.column(column), "an interval that leads to finite times");
                    self.whole = false;
                }
            }
        }
    }

    fn add_additional(&mut self, time: f64, amount_mg: f64, additional: Additional) {
        let doses = (1..=additional.count).map(|k| Entry {
            time: time + f64::from(k) * additional.interval_days,
            what: What::AdditionalDose(amount_mg),
        });
        self.entries.extend(doses);
        self.additional_doses += additional.count as usize;
    }

    /// The subject, or nothing if something is wrong with it, which has then been reported.
    pub(super) fn finish(
        mut self,
        columns: &Columns<'_>,
        options: &ReadOptions,
        gathered: &mut Gathered,
        problems: &mut Problems,
    ) {
        // Stable, so that records of the same time stay in the order of the file.
        self.entries.sort_by(|a, b| a.time.total_cmp(&b.time).then(a.rank().cmp(&b.rank())));
        let (doses, observations) = split(&self.entries);
        let place = Place::row(self.first_row).id(self.id);
        let undosed = doses.is_empty() && !options.allow_undosed;
        if self.whole && undosed {
            problems.amiss(place, "at least one dose of this subject");
        }
        if self.whole && observations.is_empty() {
            problems.amiss(place, "at least one observation of this subject");
        }
        let mut counts = gathered.counts;
        let weight_kg = match (self.weight_kg.known(), options.assume_weight_kg) {
            (Known::Value(weight), _) => Some(weight),
            (Known::Missing, Some(assumed)) => {
                counts.weight_assumed += 1;
                Some(assumed)
            }
            (Known::Missing, None) => {
                let expected = "a body weight in kg on a row of this subject, or one to assume";
                problems.amiss(place.column(columns.title(Name::Wt)), expected);
                None
            }
            (Known::Wrong, _) => None,
        };
        let pre_dose = pre_dose_total_ige(&observations, doses.is_empty());
        let ige_ng_ml = match (self.ige_ng_ml.known(), pre_dose, options.assume_ige_ng_ml) {
            (Known::Value(ige), _, _) => Some(ige),
            (Known::Missing, Some(ige), _) => {
                counts.ige_from_total += 1;
                Some(ige)
            }
            (Known::Missing, None, Some(assumed)) => {
                counts.ige_assumed += 1;
                Some(assumed)
            }
            (Known::Missing, None, None) => {
                if self.whole {
                    let expected = "a baseline total IgE in ng/mL on a row of this subject, or a total IgE (DVID 2) \
                                    before the first dose, or one to assume";
                    problems.amiss(place.column(columns.title(Name::Ige)), expected);
                }
                None
            }
            (Known::Wrong, _, _) => None,
        };
        if let (Some(weight_kg), Some(ige_ng_ml), Some(start)) = (weight_kg, ige_ng_ml, self.start) {
            counts.subjects += 1;
            counts.doses += doses.len();
            counts.additional_doses += self.additional_doses;
            for observation in &observations {
                counts.observations[observation.analyte.index()] += 1;
            }
            gathered.counts = counts;
            let covariates = Covariates::new(weight_kg, ige_ng_ml);
            gathered.subjects.push(Subject {
                id: self.id.to_owned(),
                covariates,
                start,
                doses,
                observations,
            });
        }
    }
}

fn split(entries: &[Entry]) -> (Vec<Dose>, Vec<Observation>) {
    let (mut doses, mut observations) = (Vec::new(), Vec::new());
    for Entry { time, what } in entries.iter().copied() {
        match what {
            What::Dose(amount_mg) | What::AdditionalDose(amount_mg) => {
                doses.push(Dose::subcutaneous(time, amount_mg))
            }
            What::Observation { analyte, value, row } => {
                let (censoring, doses_before) = (Censoring::Quantified, doses.len());
                observations.push(Observation { time, analyte, value, censoring, doses_before, row });
            }
        }
    }
    (doses, observations)
}

/// The last total IgE before the first dose; of a subject without doses the first one.
fn pre_dose_total_ige(observations: &[Observation], undosed: bool) -> Option<f64> {
    let mut total = observations
        .iter()
        .filter(|o| o.analyte == Analyte::IgeTotal && o.doses_before == 0 && o.value > 0.0)
        .map(|o| o.value);
    if undosed { total.next() } else { total.next_back() }
}
