//! Writing of subjects as a data set.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use omafit_model::{Censoring, Covariates, Dose, Observation, Route, StateRule, Subject};

use super::data_set_file::write_comments;
use super::{Column, Table, TableError, Values};
use crate::output::WholeFile;
use crate::read::is_covariate_name;

/// Covariates that have a column even if no subject has them.
const ALWAYS: [&str; 2] = [Covariates::WEIGHT, Covariates::IGE];

/// Writes subjects as a data set in CSV that [`read`](crate::read) reads back as the same subjects, except for
/// [`Observation::row`], if [`ReadOptions::covariates`](crate::ReadOptions::covariates) names the covariates that all
/// subjects have in addition to `WT` and `IGE`. Each comment becomes a line before the header; the word "simulated" in
/// a comment marks a simulated trial. An existing file is replaced only with `force`.
///
/// # Errors
///
/// [`TableError::Subject`] if a subject cannot be written in this form, [`TableError::Output`] or [`TableError::Write`]
/// if the file cannot be written. No file is left behind then.
pub fn write_data_set(
    path: &Path,
    subjects: &[Subject],
    comments: &[String],
    force: bool,
) -> Result<(), TableError> {
    let table = data_set_table(subjects)?;
    let mut file = WholeFile::create(path, force)?;
    write_comments(&mut file, comments)
        .map_err(|source| TableError::Write { table: table.name().to_owned(), source: source.into() })?;
    table.write_csv(&mut file)?;
    Ok(file.commit()?)
}

/// Table of the data set of some subjects, to be written as Parquet or chunk by chunk.
///
/// The columns are `ID TIME DV AMT EVID MDV CMT DVID RATE II SS CENS LIMIT WT IGE`, and then by name the further
/// covariates that any subject has: chunks of subjects with the same covariates have the same columns. The units are
/// those of [`ReadOptions::default`](crate::ReadOptions::default). `DV` of a censored observation is its limit, and
/// `LIMIT` the other end of its interval, empty if there is none.
///
/// # Errors
///
/// [`TableError::Subject`] if a subject would not be read back unchanged: its ID is empty, has surrounding spaces or
/// line breaks or occurs twice, a number is not finite, its records are not in time order, a dose is not above 0 mg,
/// outlasts its interval at steady state or has a duration that is not a quotient of its amount and a rate, or a
/// covariate has the name of another column.
pub fn data_set_table(subjects: &[Subject]) -> Result<Table, TableError> {
    let mut rows = Rows::of(subjects);
    let mut ids = HashSet::new();
    for subject in subjects {
        let refuse = |reason| TableError::Subject { id: subject.id.clone(), reason };
        let id = subject.id.as_str();
        if id.is_empty() || id.trim() != id || id.contains(['\n', '\r', '\0']) {
            return Err(refuse("its ID is empty or has spaces around it, line breaks or nulls in it"));
        }
        if !ids.insert(id) {
            return Err(refuse("its ID occurs twice"));
        }
        rows.push_subject(subject).map_err(refuse)?;
    }
    rows.table()
}

/// Covariates that have a column in a table of subjects: weight and IgE always, then by name the covariates that any
/// subject has.
pub(crate) fn covariate_names(subjects: &[Subject]) -> impl Iterator<Item = &str> {
    let known: BTreeSet<&str> =
        subjects.iter().flat_map(|subject| subject.covariates.iter().map(|(name, _)| name)).collect();
    ALWAYS.into_iter().chain(known.into_iter().filter(|name| !ALWAYS.contains(name)))
}

/// Reason why a subject would not be read back unchanged.
type Reason = &'static str;

/// Columns of the data set, filled row by row.
#[derive(Default)]
struct Rows {
    id: Vec<String>,
    time: Vec<f64>,
    dv: Vec<f64>,
    amt: Vec<f64>,
    evid: Vec<Option<i64>>,
    cmt: Vec<Option<i64>>,
    dvid: Vec<Option<i64>>,
    rate: Vec<f64>,
    ii: Vec<f64>,
    ss: Vec<Option<i64>>,
    cens: Vec<Option<i64>>,
    limit: Vec<f64>,
    /// Name and values of each covariate, in the order of the columns.
    covariates: Vec<(String, Vec<f64>)>,
}

/// Cells of a row that depend on the kind of record.
struct Event {
    time: f64,
    dv: f64,
    amt: f64,
    evid: i64,
    cmt: i64,
    dvid: i64,
    rate: f64,
    ii: f64,
    ss: i64,
    cens: i64,
    limit: f64,
}

impl Event {
    /// Record without a dose or an observation.
    const fn other(time: f64) -> Self {
        Self {
            time,
            dv: f64::NAN,
            amt: 0.0,
            evid: 2,
            cmt: 1,
            dvid: 0,
            rate: 0.0,
            ii: 0.0,
            ss: 0,
            cens: 0,
            limit: f64::NAN,
        }
    }

    fn observation(observation: &Observation) -> Result<Self, Reason> {
        if !(observation.value.is_finite() && observation.interval_end.is_none_or(f64::is_finite)) {
            return Err("a number is not finite");
        }
        let limit = observation.interval_end.unwrap_or(f64::NAN);
        let dvid = i64::from(observation.dvid());
        let cens = match observation.censoring {
            Censoring::Quantified => 0,
            Censoring::Below => 1,
            Censoring::Above => -1,
        };
        // Compartments as in NONMEM: doses go to the depot (1) or the serum (2), analytes are observed in 2 and above.
        let cmt = dvid + 1;
        Ok(Self { dv: observation.value, evid: 0, cmt, dvid, cens, limit, ..Self::other(observation.time) })
    }

    fn dose(dose: &Dose) -> Result<Self, Reason> {
        let Dose { time, amount_mg, route, duration, before } = *dose;
        if !(amount_mg.is_finite() && duration.is_finite()) {
            return Err("a number is not finite");
        }
        if amount_mg == 0.0 && before == StateRule::Reset {
            return match (route, duration) {
                (Route::Subcutaneous, 0.0) => Ok(Self { evid: 3, ..Self::other(time) }),
                _ => Err("a reset without a dose has a route or a duration"),
            };
        }
        if !(amount_mg > 0.0) {
            return Err("a dose is not above 0 mg");
        }
        let (evid, ss, ii) = match before {
            StateRule::Kept => (1, 0, 0.0),
            StateRule::Reset => (4, 0, 0.0),
            StateRule::SteadyState { interval } => (1, 1, interval),
            StateRule::AddedSteadyState { interval } => (1, 2, interval),
        };
        if ss != 0 && !(ii.is_finite() && ii > 0.0 && duration <= ii) {
            return Err(
                "an interval at steady state is not a number above 0 and at least the dose's duration",
            );
        }
        let cmt = match route {
            Route::Subcutaneous => 1,
            Route::Intravenous => 2,
        };
        let rate = rate(amount_mg, duration)?;
        Ok(Self { amt: amount_mg, evid, cmt, rate, ii, ss, ..Self::other(time) })
    }
}

/// Rate, mg/d, for which the reader's `AMT/RATE` is exactly the duration; 0 for a dose given at once. Some durations
/// are not such a quotient.
fn rate(amount_mg: f64, duration: f64) -> Result<f64, Reason> {
    if duration == 0.0 {
        return Ok(0.0);
    }
    let rate = amount_mg / duration;
    let near = [rate, rate.next_up(), rate.next_down()];
    let exact = |rate: &f64| rate.is_finite() && *rate > 0.0 && amount_mg / rate == duration;
    near.into_iter().find(exact).ok_or("there is no rate that gives the exact duration of a dose")
}

impl Rows {
    /// Starts with no rows, and with all columns that the subjects need.
    fn of(subjects: &[Subject]) -> Self {
        let covariates = covariate_names(subjects).map(|name| (name.to_owned(), Vec::new()));
        Self { covariates: covariates.collect(), ..Self::default() }
    }

    fn push_subject(&mut self, subject: &Subject) -> Result<(), Reason> {
        self.check_covariates(&subject.covariates)?;
        let doses = subject.doses.iter().map(|dose| dose.time);
        let first = doses.chain(subject.observations.iter().map(|o| o.time)).reduce(f64::min);
        let mut now = subject.start;
        if first != Some(subject.start) {
            // No event occurs at the start: a record without an event keeps the time.
            self.push(subject, &mut now, Event::other(subject.start))?;
        }
        let mut observations = subject.observations.iter().peekable();
        for given in 0..=subject.doses.len() {
            while let Some(observation) = observations.next_if(|o| o.doses_before == given) {
                self.push(subject, &mut now, Event::observation(observation)?)?;
            }
            if let Some(dose) = subject.doses.get(given) {
                self.push(subject, &mut now, Event::dose(dose)?)?;
            }
        }
        match observations.next() {
            Some(_) => Err("an observation does not stand where its count of earlier doses says"),
            None => Ok(()),
        }
    }

    fn check_covariates(&self, covariates: &Covariates) -> Result<(), Reason> {
        for (name, value) in covariates.iter() {
            if !value.is_finite() {
                return Err("a covariate is not finite");
            }
            if ALWAYS.contains(&name) && value <= 0.0 {
                return Err("its weight or IgE is not above 0");
            }
            let mut others = self.covariates.iter().filter(|(other, _)| other != name);
            if !is_covariate_name(name) || others.any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err("a covariate has a name that no column of it can have");
            }
        }
        Ok(())
    }

    fn push(&mut self, subject: &Subject, now: &mut f64, event: Event) -> Result<(), Reason> {
        if !event.time.is_finite() {
            return Err("a number is not finite");
        }
        if event.time < *now {
            return Err("its records are not in the order of time");
        }
        *now = event.time;
        self.id.push(subject.id.clone());
        self.time.push(event.time);
        self.dv.push(event.dv);
        self.amt.push(event.amt);
        self.evid.push(Some(event.evid));
        self.cmt.push(Some(event.cmt));
        self.dvid.push(Some(event.dvid));
        self.rate.push(event.rate);
        self.ii.push(event.ii);
        self.ss.push(Some(event.ss));
        self.cens.push(Some(event.cens));
        self.limit.push(event.limit);
        for (name, values) in &mut self.covariates {
            values.push(subject.covariates.get(name).unwrap_or(f64::NAN));
        }
        Ok(())
    }

    fn table(self) -> Result<Table, TableError> {
        let mdv = self.evid.iter().map(|evid| Some(i64::from(*evid != Some(0)))).collect();
        // The limit of a censored observation is in DV, where every program looks for it; a LIMIT beside it makes an
        // interval of it, for Monolix and nlmixr2 too.
        let mut columns = vec![
            Column::new("ID", Values::text(self.id)),
            Column::new("TIME", Values::Float(self.time)),
            Column::new("DV", Values::Float(self.dv)),
            Column::new("AMT", Values::Float(self.amt)),
            Column::new("EVID", Values::Integer(self.evid)),
            Column::new("MDV", Values::Integer(mdv)),
            Column::new("CMT", Values::Integer(self.cmt)),
            Column::new("DVID", Values::Integer(self.dvid)),
            Column::new("RATE", Values::Float(self.rate)),
            Column::new("II", Values::Float(self.ii)),
            Column::new("SS", Values::Integer(self.ss)),
            Column::new("CENS", Values::Integer(self.cens)),
            Column::new("LIMIT", Values::Float(self.limit)),
        ];
        let covariates = self.covariates.into_iter();
        columns.extend(covariates.map(|(name, values)| Column::new(name, Values::Float(values))));
        Table::new("data set", columns)
    }
}
