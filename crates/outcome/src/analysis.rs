//! Complete analysis of the outcomes of a trial.

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

/// Options of the outcome analysis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeOptions {
    /// The type of each measure.
    pub types: Vec<OutcomeType>,
    /// Alignment of outcomes to exposure.
    pub alignment: Alignment,
    /// The end of onset, which starts at the first dose, in days.
    pub onset_days: f64,
    /// Options of the hysteresis analysis.
    pub hysteresis: HysteresisOptions,
    /// Whether delay models are fitted.
    pub delay: bool,
}

/// A phase of the course in which outcome and exposure are correlated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Onset: from the first dose, baseline included, to the day in the options or the last dose, whichever is earlier.
    Onset,
    /// Offset: from the patient's last dose onwards.
    Offset,
}

impl Phase {
    /// Both phases.
    pub const ALL: [Self; 2] = [Self::Onset, Self::Offset];

    /// The name of the phase in tables.
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

/// The kind of correlation coefficient between two courses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coefficient {
    /// Pearson's correlation of the visit means.
    Pearson,
    /// Spearman's correlation of the visit means.
    Spearman,
    /// Repeated-measures correlation of the patients' values.
    RepeatedMeasures,
}

impl Coefficient {
    /// The name of the coefficient in tables.
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
    /// The exposure.
    pub exposure: Exposure,
    /// The phase of the course.
    pub phase: Phase,
    /// The kind of coefficient.
    pub coefficient: Coefficient,
    /// The correlation with its interval.
    pub found: Correlation,
    /// Number of patients in the correlation.
    pub patients: usize,
}

/// Results for an outcome in a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOutcome {
    /// Means by visit.
    pub visits: Vec<VisitMean>,
    /// Correlations with exposure; empty without exposure.
    pub correlations: Vec<Correlated>,
    /// Hysteresis; empty without a dose.
    pub hysteresis: Vec<Judged>,
    /// The rate of a first event; `None` for other types of outcome.
    pub events: Option<EventRate>,
    /// Models fitted to the patients; empty if not requested or not estimable.
    pub fits: Vec<OutcomeFit>,
}

impl GroupOutcome {
    /// The choice between the fitted models.
    pub fn choice(&self) -> Choice {
        choose(&self.fits)
    }

    /// The chosen fit, followed by the fits that the data do not distinguish from it; empty if none can be chosen.
    pub fn chosen(&self) -> Vec<&OutcomeFit> {
        let choice = self.choice();
        choice.chosen.into_iter().chain(choice.near).map(|i| &self.fits[i]).collect()
    }
}

/// Results for an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureOutcome {
    /// The patients' values by visit.
    pub aligned: Aligned,
    /// Results by group.
    pub groups: Vec<GroupOutcome>,
    /// The comparison of the arms; `None` if there are fewer than two or the outcome is an event.
    pub arms: Option<ArmComparison>,
}

/// Results of the outcome analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeAnalysis {
    /// The groups.
    pub groups: Vec<Group>,
    /// Results by measure.
    pub measures: Vec<MeasureOutcome>,
}

/// Analyses the outcomes of patients, with results that do not depend on the number of threads.
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
