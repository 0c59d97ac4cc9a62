//! Dose and outcome: dosing tables, target attainment, what-if simulation, virtual trials, and the relation of symptoms
//! to exposure.

mod analysis;
mod arms;
mod attainment;
mod chords;
mod conclusions;
mod correlation;
mod crossing;
mod delay;
mod dose_rule;
mod dosing_table;
mod events;
mod expected;
mod exposure;
mod exposure_means;
mod exposure_solution;
mod hysteresis;
mod innovate;
mod measure;
mod mmrm;
mod outcome_replay;
mod patient;
mod regimens;
mod response;
mod summary;
mod virtual_trial;
mod visits;
mod what_if;

pub use analysis::{
    Coefficient, Correlated, GroupOutcome, MeasureOutcome, OutcomeAnalysis, OutcomeOptions, Phase, analyse,
};
pub use arms::{ArmComparison, compare_arms};
pub use attainment::{Attained, Attainment, Place, attainment};
pub use conclusions::{Concluded, Conclusion, conclusions};
pub use correlation::{Correlation, pearson, repeated_measures, spearman};
pub use delay::{
    Choice, DelayData, DelayModel, DelayTest, Direction, Driver, IntervalBy, Link, MOST_CATEGORIES,
    MeanDelay, OutcomeEstimate, OutcomeFit, OutcomeModel, Parameter, Structure, TimeCourse, choose, fit_all,
    fit_patients, test_delay,
};
pub use dose_rule::{DoseRule, DoseRuleError};
pub use dosing_table::{DosingTable, DosingTableError, NotInTable, Regimen};
pub use events::EventRate;
pub use expected::{FittedOutcome, principal};
pub use exposure::{CourseColumns, Exposure, ExposureCourse, Window};
pub use exposure_means::{ExposureMean, exposure_means};
pub use exposure_solution::{NoExposure, TOLERANCE};
pub use hysteresis::{Fact, HysteresisOptions, Judged, RETURNED, STABILISED, hysteresis};
pub use innovate::{FOLLOW_UP_DAYS, IGE, PATIENTS, TREATMENT_DAYS, VISITS, WEIGHT, innovate};
pub use measure::{Measurement, OutcomeType};
pub use mmrm::{Contrast, Mmrm, MmrmError, Repeated, mmrm};
pub use outcome_replay::{
    ExpectedChange, FollowedOutcome, GroupChanges, PatientChanges, UncertainExposure, WithInterval,
};
pub use patient::{Group, Patient, groups};
pub use regimens::{RegimenTally, Regimens, Slip, TableAgreement, regimens};
pub use response::{MadeUp, make_up, true_exposure};
pub use summary::Summary;
pub use virtual_trial::{Baseline, CutLogNormal, Design, Dosing, VirtualTrialError, like, patient};
pub use visits::{
    Aligned, Alignment, MOST_VISITS, OutcomeBaseline, OutsideVisits, Visit, VisitMean, VisitRule, align,
    visit_means,
};
pub use what_if::{Alternative, Held, NotReplayed, Replayed, held};
