//! Subjects as a data set.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use omafit_model::{Observation, Subject};

use super::{Column, Table, TableError, Values};
use crate::output::WholeFile;

/// Writes subjects as a data set in CSV that [`read`](crate::read) reads back as the same subjects, but for
/// [`Observation::row`]. Each comment becomes a line before the header; "simulated" in one makes it a simulated trial.
/// An existing file is replaced only with `force`.
///
/// # Errors
///
/// [`TableError::Subject`] if a subject cannot be written so, [`TableError::Output`] or [`TableError::Write`] if the
/// file cannot be. Nothing is left behind then.
pub fn write_data_set(
    path: &Path,
    subjects: &[Subject],
    comments: &[String],
    force: bool,
) -> Result<(), TableError> {
    let table = data_set_table(subjects)?;
    let mut file = WholeFile::create(path, force)?;
    for line in comments.iter().flat_map(|comment| comment.split(['\n', '\r'])) {
        writeln!(file, "# {}", line.trim())
            .map_err(|source| TableError::Write { table: table.name().to_owned(), source: source.into() })?;
    }
    table.write_csv(&mut file)?;
    Ok(file.commit()?)
}

/// Subjects as the table of a data set, to be written as Parquet or chunk by chunk.
///
/// # Errors
///
/// [`TableError::Subject`] if a subject would not be read back the same: its ID is empty, has spaces around it or line
/// breaks in it or occurs twice, a number is not finite, or its records are not in the order of time.
pub fn data_set_table(subjects: &[Subject]) -> Result<Table, TableError> {
    let mut rows = Rows::default();
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

#[derive(Default)]
struct Rows {
    id: Vec<String>,
    time: Vec<f64>,
    dv: Vec<f64>,
    amt: Vec<f64>,
    evid: Vec<Option<i64>>,
    dvid: Vec<Option<i64>>,
    wt: Vec<f64>,
    ige: Vec<f64>,
}

enum Event<'a> {
    Start,
    Dose(f64),
    Observation(&'a Observation),
}

impl Rows {
    fn push_subject(&mut self, subject: &Subject) -> Result<(), &'static str> {
        if !subject.covariates.iter().all(|(_, value)| value.is_finite()) {
            return Err("a covariate is not finite");
        }
        let doses = subject.doses.iter().map(|dose| dose.time);
        let first = doses.chain(subject.observations.iter().map(|o| o.time)).reduce(f64::min);
        let mut now = subject.start;
        if first != Some(subject.start) {
            // Nothing happens at the start: a record of its own keeps it.
            self.push(subject, &mut now, subject.start, Event::Start)?;
        }
        let mut observations = subject.observations.iter().peekable();
        for given in 0..=subject.doses.len() {
            while let Some(observation) = observations.next_if(|o| o.doses_before == given) {
                self.push(subject, &mut now, observation.time, Event::Observation(observation))?;
            }
            if let Some(dose) = subject.doses.get(given) {
                self.push(subject, &mut now, dose.time, Event::Dose(dose.amount_mg))?;
            }
        }
        match observations.next() {
            Some(_) => Err("an observation does not stand where its count of earlier doses says"),
            None => Ok(()),
        }
    }

    fn push(
        &mut self,
        subject: &Subject,
        now: &mut f64,
        time: f64,
        event: Event<'_>,
    ) -> Result<(), &'static str> {
        let (dv, amt, evid, dvid) = match event {
            Event::Start => (f64::NAN, 0.0, 2, 0),
            Event::Dose(amount_mg) => (f64::NAN, amount_mg, 1, 0),
            Event::Observation(o) => (o.value, 0.0, 0, i64::from(o.analyte.dvid())),
        };
        if !(time.is_finite() && amt.is_finite() && (evid != 0 || dv.is_finite())) {
            return Err("a number is not finite");
        }
        if time < *now {
            return Err("its records are not in the order of time");
        }
        *now = time;
        self.id.push(subject.id.clone());
        self.time.push(time);
        self.dv.push(dv);
        self.amt.push(amt);
        self.evid.push(Some(evid));
        self.dvid.push(Some(dvid));
        self.wt.push(subject.covariates.weight_kg().unwrap_or(f64::NAN));
        self.ige.push(subject.covariates.ige_ng_ml().unwrap_or(f64::NAN));
        Ok(())
    }

    fn table(self) -> Result<Table, TableError> {
        let mdv = self.evid.iter().map(|evid| Some(i64::from(*evid != Some(0)))).collect();
        // NONMEM's compartments: doses go to the depot, 1; analytes are observed in those that follow.
        let cmt = self.dvid.iter().map(|dvid| dvid.map(|dvid| dvid + 1)).collect();
        Table::new(
            "data set",
            vec![
                Column::new("ID", Values::Text(self.id)),
                Column::new("TIME", Values::Float(self.time)),
                Column::new("DV", Values::Float(self.dv)),
                Column::new("AMT", Values::Float(self.amt)),
                Column::new("EVID", Values::Integer(self.evid)),
                Column::new("MDV", Values::Integer(mdv)),
                Column::new("CMT", Values::Integer(cmt)),
                Column::new("DVID", Values::Integer(self.dvid)),
                Column::new("WT", Values::Float(self.wt)),
                Column::new("IGE", Values::Float(self.ige)),
            ],
        )
    }
}
