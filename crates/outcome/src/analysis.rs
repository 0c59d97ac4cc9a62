//! Everything that is asked of the outcomes of a trial.

use crate::arms::{ArmComparison, compare_arms, reference_arm};
use crate::correlation::{Correlation, pearson, repeated_measures, spearman};
use crate::delay::{Choice, DelayData, OutcomeFit, choose, fit_all};
use crate::events::{EventRate, event_rates};
use crate::exposure::Exposure;
use crate::hysteresis::{HysteresisOptions, Judged, hysteresis};
use crate::measure::OutcomeType;
use crate::patient::{Group, Patient, groups};
use crate::visits::{Aligned, Alignment, Visit, VisitMean, align, visit_means};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeOptions {
    /// The type of each measure.
    pub types: Vec<OutcomeType>,
    /// How outcomes are aligned to exposure.
    pub alignment: Alignment,
    /// Onset is from the first dose to this day, in days.
    pub onset_days: f64,
    /// How hysteresis is judged.
    pub hysteresis: HysteresisOptions,
    /// Whether delay models are fitted.
    pub delay: bool,
}

/// A part of the course over which outcome and exposure are correlated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From the first dose, the baseline included, to the day that the options say, or to the last dose if that is before.
    Onset,
    /// From the patient's last dose on.
    Offset,
}

impl Phase {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Onset, Self::Offset];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Onset => "onset",
            Self::Offset => "offset",
        }
    }

    fn holds(self, visit: &Visit, last_dose: f64, onset_days: f64) -> bool {
        match self {
            Self::Onset => visit.visit <= onset_days && visit.day <= last_dose,
            Self::Offset => visit.day >= last_dose,
        }
    }
}

/// How two courses are correlated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coefficient {
    /// Pearson's, of the means of visits.
    Pearson,
    /// Spearman's, of the means of visits.
    Spearman,
    /// The repeated-measures correlation of the patients.
    RepeatedMeasures,
}

impl Coefficient {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pearson => "pearson",
            Self::Spearman => "spearman",
            Self::RepeatedMeasures => "repeated_measures",
        }
    }
}

/// A correlation of an exposure with the change of an outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlated {
    /// Of which exposure.
    pub exposure: Exposure,
    /// When.
    pub phase: Phase,
    /// How.
    pub coefficient: Coefficient,
    /// The correlation.
    pub found: Correlation,
    /// The patients behind it.
    pub patients: usize,
}

/// What was found of an outcome in a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOutcome {
    /// Means by visit.
    pub visits: Vec<VisitMean>,
    /// Correlations; none without exposure.
    pub correlations: Vec<Correlated>,
    /// Hysteresis; none without a dose.
    pub hysteresis: Vec<Judged>,
    /// The rate of a first event; `None` of other outcomes.
    pub events: Option<EventRate>,
    /// Models fitted to the patients; empty if they were not asked for or cannot be fitted.
    pub fits: Vec<OutcomeFit>,
}

impl GroupOutcome {
    /// The choice between the fits.
    pub fn choice(&self) -> Choice {
        choose(&self.fits)
    }

    /// The fit that is chosen, and after it those that the data do not tell apart from it; empty if none can be.
    pub fn chosen(&self) -> Vec<&OutcomeFit> {
        let choice = self.choice();
        choice.chosen.into_iter().chain(choice.near).map(|i| &self.fits[i]).collect()
    }
}

/// What was found of an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureOutcome {
    /// The patients by visit.
    pub aligned: Aligned,
    /// By group.
    pub groups: Vec<GroupOutcome>,
    /// The arms compared; `None` where there is one only.
    pub arms: Option<ArmComparison>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeAnalysis {
    /// The groups.
    pub groups: Vec<Group>,
    /// By measure.
    pub measures: Vec<MeasureOutcome>,
}

/// Analyses the outcomes of patients. The same for any number of threads.
pub fn analyse(patients: &[Patient], options: &OutcomeOptions) -> OutcomeAnalysis {
    let groups = groups(patients);
    let of_measure = |(measure, kind): (usize, &OutcomeType)| {
        let aligned = align(patients, measure, *kind, &options.alignment);
        let reference = reference_arm(patients);
        let rates = event_rates(patients, measure, *kind, &groups, reference.as_deref());
        let each = groups.par_iter().zip(rates);
        let groups = each.map(|(group, rate)| of_group(patients, &aligned, group, rate, options)).collect();
        let arms = if *kind == OutcomeType::Event { None } else { compare_arms(patients, &aligned) };
        MeasureOutcome { aligned, groups, arms }
    };
    let measures = options.types.par_iter().enumerate().map(of_measure).collect();
    OutcomeAnalysis { groups, measures }
}

fn of_group(
    patients: &[Patient],
    aligned: &Aligned,
    group: &Group,
    events: Option<EventRate>,
    options: &OutcomeOptions,
) -> GroupOutcome {
    let fits = if options.delay {
        fit_all(&DelayData::new(patients, aligned, group, Exposure::IgeFree))
    } else {
        Vec::new()
    };
    GroupOutcome {
        visits: visit_means(aligned, group, |_| true),
        correlations: correlations(patients, aligned, group, options.onset_days),
        hysteresis: hysteresis(patients, aligned, group, &fits, &options.hysteresis),
        events,
        fits,
    }
}

fn correlations(patients: &[Patient], aligned: &Aligned, group: &Group, onset_days: f64) -> Vec<Correlated> {
    let mut found = Vec::new();
    for phase in Phase::ALL {
        let wanted = |v: &Visit| {
            let last = patients[v.patient].last_dose;
            !v.exposure[0].is_nan() && last.is_some_and(|last| phase.holds(v, last, onset_days))
        };
        let rows: Vec<&Visit> = aligned
            .visits
            .iter()
            .filter(|v| group.members.binary_search(&v.patient).is_ok() && wanted(v))
            .collect();
        let mut who: Vec<usize> = rows.iter().map(|v| v.patient).collect();
        who.dedup();
        if who.is_empty() {
            continue;
        }
        let means = visit_means(aligned, group, wanted);
        for (k, exposure) in Exposure::ALL.into_iter().enumerate() {
            let points: Vec<(f64, f64)> = means.iter().map(|m| (m.exposure[k].mean, m.change.mean)).collect();
            let own: Vec<(usize, f64, f64)> =
                rows.iter().map(|v| (v.patient, v.exposure[k], v.change)).collect();
            let all = [
                (Coefficient::Pearson, pearson(&points)),
                (Coefficient::Spearman, spearman(&points)),
                (Coefficient::RepeatedMeasures, repeated_measures(&own)),
            ];
            let patients = who.len();
            found.extend(all.map(|(coefficient, found)| Correlated {
                exposure,
                phase,
                coefficient,
                found,
                patients,
            }));
        }
    }
    found
}
