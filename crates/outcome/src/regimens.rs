//! Agreement of the doses of a trial with the dosing tables, as read and under other units.

use crate::dosing_table::{DosingTable, DosingTableError};
use omafit_model::Subject;
use omafit_model::units::{IGE_NG_ML_PER_NM, NG_PER_IU};
use serde::Serialize;

const DAYS_A_WEEK: f64 = 7.0;
const DAYS_OF_FOUR_WEEKS: f64 = 28.0;
const HOURS_A_DAY: f64 = 24.0;
const POUNDS_A_KG: f64 = 2.204_622_621_8;
/// Relative deviation allowed of an interval from that of a table, because visits have windows.
const WINDOW: f64 = 0.25;
/// Smallest number of subjects for a comparison with the tables.
const FEWEST: usize = 5;
/// Fraction of the subjects in agreement above which a table is that of the trial, and fraction below which it is not.
const AGREES: f64 = 0.75;
const DISAGREES: f64 = 0.4;

/// A wrong unit that would explain the doses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// `IGE` is in IU/mL and was read in ng/mL.
    IgeInIu,
    /// `IGE` is in ng/mL and was read in IU/mL.
    IgeInNgMl,
    /// `IGE` is in nM and was read in ng/mL.
    IgeInNanomolar,
    /// Body weight is in pounds.
    WeightInPounds,
    /// Times are in hours and were read in days.
    TimeInHours,
    /// Times are in days and were read in hours.
    TimeInDays,
}

impl Slip {
    const ALL: [Self; 6] = [
        Self::IgeInIu,
        Self::IgeInNgMl,
        Self::IgeInNanomolar,
        Self::WeightInPounds,
        Self::TimeInHours,
        Self::TimeInDays,
    ];

    /// The factors on body weight, IgE and intervals that correct the unit.
    fn factors(self) -> [f64; 3] {
        match self {
            Self::IgeInIu => [1.0, NG_PER_IU, 1.0],
            Self::IgeInNgMl => [1.0, 1.0 / NG_PER_IU, 1.0],
            Self::IgeInNanomolar => [1.0, IGE_NG_ML_PER_NM, 1.0],
            Self::WeightInPounds => [1.0 / POUNDS_A_KG, 1.0, 1.0],
            Self::TimeInHours => [1.0, 1.0, 1.0 / HOURS_A_DAY],
            Self::TimeInDays => [1.0, 1.0, HOURS_A_DAY],
        }
    }
}

/// Agreement of subjects' doses with a dosing table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableAgreement {
    /// The table.
    pub table: String,
    /// Number of subjects with body weight, IgE and at least two doses.
    pub subjects: usize,
    /// Number of these subjects whose first dose and interval are those of the table.
    pub agreeing: usize,
    /// Number of agreeing subjects whose table cell was not verified on two sources.
    pub unverified: usize,
}

impl TableAgreement {
    /// A remark on agreement by cells that were not verified, to follow the name of the table; empty if there is none.
    ///
    /// ```
    /// use omafit_outcome::TableAgreement;
    /// let found = TableAgreement { table: "eu_asthma_6y".into(), subjects: 9, agreeing: 8, unverified: 2 };
    /// assert_eq!(found.status(), " (2 of them by cells that are not verified)");
    /// ```
    pub fn status(&self) -> String {
        match self.unverified {
            0 => String::new(),
            n => format!(" ({n} of them by cells that are not verified)"),
        }
    }

    fn part(&self) -> f64 {
        self.agreeing as f64 / self.subjects as f64
    }
}

/// Comparison of the doses of a trial with the dosing tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Regimens {
    /// The table with which most subjects' doses agree.
    pub closest: TableAgreement,
    /// Dose in four weeks of each subject, mg per kg and IU/mL.
    pub mg_per_kg_iu: Vec<f64>,
    /// A wrong unit under which the doses would agree with a table although they do not as read, with that agreement.
    pub slip: Option<(Slip, TableAgreement)>,
}

/// The regimen of a subject: dose (mg), median interval (days), body weight (kg), IgE (IU/mL).
fn regimen(subject: &Subject) -> Option<[f64; 4]> {
    let doses: Vec<_> = subject.doses.iter().filter(|d| d.amount_mg > 0.0).collect();
    let mut days: Vec<f64> =
        doses.windows(2).map(|pair| pair[1].time - pair[0].time).filter(|days| *days > 0.0).collect();
    days.sort_unstable_by(f64::total_cmp);
    let interval = *days.get(days.len() / 2)?;
    let iu_ml = subject.covariates.ige_ng_ml()? / NG_PER_IU;
    Some([doses.first()?.amount_mg, interval, subject.covariates.weight_kg()?, iu_ml])
}

/// Counts the regimens that agree with a table, with weight, IgE and interval multiplied by factors.
fn agreement(table: &DosingTable, regimens: &[[f64; 4]], [kg, iu, days]: [f64; 3]) -> TableAgreement {
    let verified = |&[mg, interval, weight, ige]: &[f64; 4]| {
        let told = table.regimen(weight * kg, ige * iu).ok()?;
        let weeks = interval * days / DAYS_A_WEEK;
        let agrees = told.dose_mg == mg && (weeks / told.interval_weeks - 1.0).abs() < WINDOW;
        agrees.then_some(told.verified)
    };
    let agreeing: Vec<bool> = regimens.iter().filter_map(verified).collect();
    TableAgreement {
        table: table.name().to_owned(),
        subjects: regimens.len(),
        agreeing: agreeing.len(),
        unverified: agreeing.iter().filter(|verified| !**verified).count(),
    }
}

/// The regimens of subjects, collected one subject at a time.
#[derive(Clone, Debug, Default)]
pub struct RegimenTally(Vec<[f64; 4]>);

impl RegimenTally {
    /// Adds a subject; subjects without body weight, IgE or a second dose have no regimen.
    pub fn add(&mut self, subject: &Subject) {
        self.0.extend(regimen(subject));
    }

    /// Compares the doses with all tables; `None` with too few subjects.
    ///
    /// # Errors
    /// When the tables shipped cannot be read.
    pub fn compare(&self) -> Result<Option<Regimens>, DosingTableError> {
        compared(&self.0)
    }
}

/// Compares the doses of subjects with all tables; `None` with too few subjects that have body weight, IgE and two
/// doses.
///
/// # Errors
/// When the tables shipped cannot be read.
pub fn regimens(subjects: &[Subject]) -> Result<Option<Regimens>, DosingTableError> {
    let mut tally = RegimenTally::default();
    subjects.iter().for_each(|subject| tally.add(subject));
    tally.compare()
}

fn compared(all: &[[f64; 4]]) -> Result<Option<Regimens>, DosingTableError> {
    if all.len() < FEWEST {
        return Ok(None);
    }
    let names = DosingTable::names()?;
    let tables = names.iter().map(|name| DosingTable::named(name)).collect::<Result<Vec<_>, _>>()?;
    let closest = |factors: [f64; 3]| {
        // Of equally close tables the first.
        let each = tables.iter().map(|table| agreement(table, all, factors));
        each.reduce(|best, next| if next.agreeing > best.agreeing { next } else { best })
    };
    let Some(as_read) = closest([1.0; 3]) else { return Ok(None) };
    let slips = Slip::ALL.into_iter().filter_map(|slip| Some((slip, closest(slip.factors())?)));
    let slip = slips
        .filter(|(_, found)| as_read.part() <= DISAGREES && found.part() >= AGREES)
        .reduce(|best, next| if next.1.agreeing > best.1.agreeing { next } else { best });
    let rate = |[mg, days, kg, iu]: &[f64; 4]| mg * DAYS_OF_FOUR_WEEKS / days / (kg * iu);
    Ok(Some(Regimens { closest: as_read, mg_per_kg_iu: all.iter().map(rate).collect(), slip }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::{Covariates, Dose};

    fn trial(kg: f64, ige: f64, time: f64) -> Vec<Subject> {
        dosed("us_asthma_12y", [45.0, 60.0], kg, ige, time)
    }

    /// Up to thirty subjects dosed by a table, from the given lowest body weight and IgE, with weight, IgE and times
    /// multiplied by factors as if in other units.
    fn dosed(table: &str, [lightest, lowest]: [f64; 2], kg: f64, ige: f64, time: f64) -> Vec<Subject> {
        let table = DosingTable::named(table).unwrap();
        let one = |k: u32| {
            let (weight, iu) = (lightest + 5.0 * f64::from(k % 10), lowest + 17.0 * f64::from(k));
            let told = table.regimen(weight, iu).ok()?;
            let dose =
                |n: u32| Dose::subcutaneous(time * 7.0 * told.interval_weeks * f64::from(n), told.dose_mg);
            let covariates = Covariates::new(weight * kg, iu * NG_PER_IU * ige);
            Some(Subject::planned(
                k,
                covariates,
                (0..4).map(dose).collect(),
                &[omafit_model::Analyte::IGE_FREE],
                &[1.0],
            ))
        };
        (0..30).filter_map(one).collect()
    }

    #[test]
    fn doses_by_a_table_agree_with_it_and_tell_a_slip() {
        let slip =
            |kg, ige, time| regimens(&trial(kg, ige, time)).unwrap().unwrap().slip.map(|(slip, _)| slip);
        assert_eq!(slip(1.0, 1.0, 1.0), None);
        assert_eq!(slip(2.204_622_6, 1.0, 1.0), Some(Slip::WeightInPounds));
        assert_eq!(slip(1.0, 1.0 / NG_PER_IU, 1.0), Some(Slip::IgeInIu));
        assert_eq!(slip(1.0, NG_PER_IU, 1.0), Some(Slip::IgeInNgMl));
        assert_eq!(slip(1.0, 1.0 / IGE_NG_ML_PER_NM, 1.0), Some(Slip::IgeInNanomolar));
        assert_eq!(slip(1.0, 1.0, 24.0), Some(Slip::TimeInHours));
        assert_eq!(slip(1.0, 1.0, 1.0 / 24.0), Some(Slip::TimeInDays));
        let found = regimens(&trial(1.0, 1.0, 1.0)).unwrap().unwrap();
        assert_eq!(found.closest.agreeing, found.closest.subjects);
        // The rule behind the table: at least 0.016 mg/kg per IU/mL in four weeks.
        assert!(
            found.mg_per_kg_iu.iter().all(|rate| (0.014..0.06).contains(rate)),
            "{:?}",
            found.mg_per_kg_iu
        );
    }

    #[test]
    fn cells_that_are_not_verified_are_counted() {
        let all = dosed("eu_asthma_6y", [20.0, 30.0], 1.0, 1.0, 1.0);
        let of = |subjects: &[Subject]| regimens(subjects).unwrap().unwrap().closest;
        let found = of(&all);
        assert_eq!((found.table.as_str(), found.subjects, found.agreeing), ("eu_asthma_6y", 30, 30));
        // From 20 to 65 kg; the last two, with 506 and 523 IU/mL, are above 500.
        assert_eq!(found.status(), " (2 of them by cells that are not verified)");
        let found = of(&all[..28]);
        assert_eq!((found.agreeing, found.unverified, found.status()), (28, 0, String::new()));
    }

    #[test]
    fn few_subjects_and_doses_by_no_table_say_nothing() {
        assert_eq!(regimens(&trial(1.0, 1.0, 1.0)[..4]).unwrap(), None);
        let fixed = |mut subject: Subject| {
            subject.doses.iter_mut().for_each(|dose| dose.amount_mg = 123.0);
            subject
        };
        let subjects: Vec<Subject> = trial(1.0, 1.0, 1.0).into_iter().map(fixed).collect();
        let found = regimens(&subjects).unwrap().unwrap();
        assert_eq!((found.closest.agreeing, found.slip), (0, None));
    }
}
