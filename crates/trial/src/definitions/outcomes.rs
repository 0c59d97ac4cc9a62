//! Columns of the tables of outcomes and of alternative doses.

use super::Columns;

pub(super) const GROUP: Columns = &[
    ("measure", "", "the outcome"),
    ("unit", "", "its unit"),
    ("arm", "", "the patients' arm; `all`: of all arms"),
    ("responder", "", "their responder status; `all`: of any; `unknown`: of none"),
];

pub(super) const PATIENTS: Columns = &[
    ("ID", "", "the patient"),
    ("arm", "", "its arm"),
    ("responder", "", "its responder status"),
    ("measure", "", "the outcome"),
    ("unit", "", "its unit"),
    (
        "visit",
        "d",
        "nominal day of the visit after the first dose, 0 of the baseline; missing of what is in no visit",
    ),
    ("day", "d", "day of the value after the first dose; of several values their mean day"),
    ("value", "of the measure", "the value, of several values their mean"),
    ("values", "", "how many values that is from"),
    ("change", "of the measure", "value less baseline"),
    ("ige_free", "ng/mL", "free IgE of the visit"),
    ("log_ige_free", "", "natural logarithm of free IgE in ng/mL, of the visit"),
    ("omalizumab_total", "µg/mL", "total omalizumab of the visit"),
    ("omalizumab_ige_ratio", "mol/mol", "total omalizumab to total IgE of the visit"),
    ("reason", "", "why the row is in no visit"),
];

pub(super) const VISITS: Columns = &[
    ("visit", "d", "nominal day of the visit after the first dose"),
    ("n", "", "patients with a value"),
    ("value_mean", "of the measure", "mean of their values"),
    ("value_sd", "of the measure", "standard deviation of the values"),
    ("change_mean", "of the measure", "mean of their changes from baseline"),
    ("change_sd", "of the measure", "standard deviation of the changes"),
    ("change_low", "of the measure", "lower end of the 95 % interval of the mean change"),
    ("change_high", "of the measure", "its upper end"),
    ("n_exposure", "", "patients with exposure"),
    ("ige_free_mean", "ng/mL", "mean of their free IgE"),
    ("log_ige_free_mean", "", "mean of the natural logarithm of free IgE in ng/mL"),
    ("omalizumab_total_mean", "µg/mL", "mean of total omalizumab"),
    ("omalizumab_ige_ratio_mean", "mol/mol", "mean of total omalizumab to total IgE"),
    ("reason", "", "why there is no visit, or no interval"),
];

pub(super) const ARMS: Columns = &[
    ("measure", "", "the outcome"),
    ("unit", "", "its unit"),
    ("visit", "d", "nominal day of the visit after the first dose"),
    ("arm", "", "the arm"),
    ("reference", "", "the arm from which the others differ"),
    ("n", "", "patients with a change at the visit"),
    ("mean", "of the measure", "least-squares mean of the change at the mean baseline"),
    ("mean_se", "of the measure", "its standard error"),
    ("mean_low", "of the measure", "lower end of its 95 % interval"),
    ("mean_high", "of the measure", "upper end"),
    ("difference", "of the measure", "that mean less the reference's"),
    ("difference_se", "of the measure", "its standard error"),
    ("difference_low", "of the measure", "lower end of its 95 % interval"),
    ("difference_high", "of the measure", "upper end"),
    ("df", "", "Satterthwaite's degrees of freedom of the difference"),
    ("p_value", "", "p value of no difference"),
    ("reason", "", "why the arms are not compared"),
];

pub(super) const CORRELATION: Columns = &[
    ("exposure", "", "`ige_free`, `log_ige_free`, `omalizumab_total`, `omalizumab_ige_ratio`"),
    ("phase", "", "`onset`, `offset`"),
    ("coefficient", "", "`pearson` and `spearman` of means of visits, `repeated_measures` of patients"),
    ("r", "", "correlation of the change with the exposure"),
    ("low", "", "lower end of its 95 % interval"),
    ("high", "", "its upper end"),
    ("n", "", "points"),
    ("patients", "", "patients behind them"),
    ("df", "", "degrees of freedom"),
    ("reason", "", "why r or its interval is missing"),
];

pub(super) const HYSTERESIS: Columns = &[
    ("exposure", "", "the exposure; empty of a fact of the course"),
    (
        "fact",
        "",
        "`p_no_delay`, `mean_delay`, `area`, `area_share`, `lag_days`, `lag_correlation`; of the course `day_suppressed`, `day_stabilised`, `days_suppressed_to_stabilised`, `days_last_dose_to_recrossing`, `days_last_dose_to_return`, `days_recrossing_to_return`",
    ),
    (
        "value",
        "of the fact",
        "its value: of delays, lags and days in d; of an area in the unit of exposure times that of the measure",
    ),
    ("low", "of the fact", "lower end of its 95 % interval"),
    ("high", "of the fact", "its upper end"),
    ("defined", "", "the part of the bootstrap replicates that have the fact"),
    ("at_limit", "", "1 where it is at the end of its range"),
    ("direction", "", "`clockwise` or `counter-clockwise`, where a direction is told"),
    ("reason", "", "why there is no value"),
];

pub(super) const MODELS: Columns = &[
    ("type", "", "the type of the outcome, as in `--type`"),
    ("model", "", "the model: effect of exposure, its link, and course in time"),
    ("n", "", "values that it was fitted to"),
    ("patients", "", "their patients"),
    ("estimated", "", "numbers estimated; the length of a chain is one"),
    ("minus2ll", "", "−2 log-likelihood"),
    ("aic", "", "minus2ll + 2·estimated"),
    ("bic", "", "minus2ll + estimated·ln n"),
    ("aic_above_least", "", "aic less that of the lowest of the group"),
    ("bic_above_least", "", "bic less that of the lowest of the group"),
    ("akaike_weight", "", "exp(−aic_above_least/2) as a part of the sum over the fits that converged"),
    ("mean_delay_days", "d", "mean delay of the effect; missing of a model without one"),
    ("mean_delay_low", "d", "lower end of its 95 % interval"),
    ("mean_delay_high", "d", "its upper end"),
    ("mean_delay_at_limit", "", "1 where its rate is at the end of its range"),
    ("converged", "", "1 where the fit converged"),
    ("stop_reason", "", "why the fit ended"),
    ("chosen", "", "1 of the model that is chosen, by BIC"),
    ("not_told_apart", "", "1 where bic is less than 2 above that of the chosen model"),
    (
        "unsettled",
        "",
        "1 of a fit that did not converge and lies below all that did: nothing is chosen past it",
    ),
];

pub(super) const MODEL_PARAMETERS: Columns = &[
    ("model", "", "the model, as in `outcome_models`"),
    ("parameter", "", "the number that was estimated"),
    ("parameter_unit", "", "its unit, and that of what follows; `outcome` is that of the measure"),
    ("estimate", "", "its estimate"),
    ("se", "", "standard error from the second derivatives of the likelihood"),
    ("se_sandwich", "", "standard error from the sandwich"),
    ("low", "", "lower end of the 95 % interval"),
    ("high", "", "its upper end"),
    ("interval", "", "where the interval is from: `curvature` of the likelihood, or its `profile`"),
    ("at_limit", "", "1 where it is at the end of its range"),
];

pub(super) const EXPOSURE: Columns = &[
    ("arm", "", "the patients' arm; `all`: of all arms"),
    ("responder", "", "their responder status; `all`: of any; `unknown`: of none"),
    ("day", "d", "time after the first dose"),
    ("n", "", "patients with exposure at that time"),
    ("log_ige_free_mean", "", "mean of the natural logarithm of free IgE in ng/mL"),
    ("log_ige_free_low", "", "lower end of its 95 % interval"),
    ("log_ige_free_high", "", "its upper end"),
    ("omalizumab_total_mean", "µg/mL", "mean of total omalizumab"),
    ("omalizumab_total_low", "µg/mL", "lower end of its 95 % interval"),
    ("omalizumab_total_high", "µg/mL", "its upper end"),
    ("omalizumab_ige_ratio_mean", "mol/mol", "mean of total omalizumab to total IgE"),
    ("omalizumab_ige_ratio_low", "mol/mol", "lower end of its 95 % interval"),
    ("omalizumab_ige_ratio_high", "mol/mol", "its upper end"),
];

pub(super) const WHAT_IF: Columns = &[
    ("ID", "", "the patient"),
    ("alternative", "", "the other doses"),
    ("status", "", "`ok`; `left_out`: the alternative does not apply, or the fit failed"),
    ("reason", "", "why the patient is left out"),
    ("WT", "kg", "body weight"),
    ("IGE", "ng/mL", "baseline total IgE"),
    ("four_weeks_mg_given", "mg", "dose in four weeks over the days that are other, as given"),
    ("four_weeks_mg", "mg", "the same under the alternative"),
    ("verified", "", "of a dosing table: 1 where the cell of the dose was verified on two sources"),
    ("from_day", "d", "first day that is compared, after the first dose"),
    ("to_day", "d", "the last"),
    ("peak_given", "ng/mL", "highest free IgE of these days, as given"),
    ("peak", "ng/mL", "the same under the alternative"),
    ("peak_lower", "ng/mL", "lower end of its band, of the patient's fit and of an estimated population"),
    ("peak_upper", "ng/mL", "upper end of its band"),
    ("peak_ratio", "", "peak/peak_given"),
    ("probability_over_given", "", "probability that the peak as given is over the target"),
    ("probability_over", "", "the same under the alternative"),
    ("rises", "", "1 where free IgE is over the target and was not as given"),
    ("day_over", "d", "first day over the target after the first dose; missing if never"),
    ("day_over_early", "d", "that of the upper end of the band"),
    ("day_over_late", "d", "that of the lower end of the band"),
    ("days_over_given", "d", "days over the target, as given"),
    ("days_over", "d", "the same under the alternative"),
];

pub(super) const WHAT_IF_TRAJECTORIES: Columns = &[
    ("ID", "", "the patient"),
    ("alternative", "", "the other doses; `as given`: those of the data"),
    ("TIME", "d", "when"),
    ("ige_free", "ng/mL", "free IgE"),
    ("ige_free_lower", "ng/mL", "lower end of its band"),
    ("ige_free_upper", "ng/mL", "upper end of its band"),
    ("omalizumab_total", "µg/mL", "total omalizumab"),
    ("ige_total", "ng/mL", "total IgE"),
    ("dose", "mg", "the dose given from this time to the next"),
];

pub(super) const WHAT_IF_TARGETS: Columns = &[
    ("alternative", "", "the other doses"),
    ("target_ng_ml", "ng/mL", "the target of free IgE"),
    ("patients", "", "patients to whom the alternative applies"),
    ("over_given", "", "those of them whose free IgE is over the target, as given"),
    ("over", "", "the same under the alternative"),
    ("expected_over_given", "", "sum of the probabilities to be over it, as given"),
    ("expected_over", "", "the same under the alternative"),
    ("rise", "", "patients who are over it and were not as given"),
    ("weeks_to_rise", "weeks", "from the first dose to the first day over it, median of those who rise"),
    ("days_over", "d", "days over it, median of those who rise"),
];

pub(super) const WHAT_IF_GROUP: Columns = &[
    ("measure", "", "the outcome"),
    ("unit", "", "its unit"),
    ("responder", "", "the patients' responder status; `all`: of any"),
    ("alternative", "", "the other doses"),
    ("model", "", "the model that was chosen for the outcome, as in `outcome_models`"),
    ("patients", "", "patients to whom the alternative applies"),
];

pub(super) const WHAT_IF_PATIENT: Columns = &[
    ("ID", "", "the patient"),
    ("measure", "", "the outcome"),
    ("unit", "", "its unit"),
    ("responder", "", "responder status whose model is taken: the patient's, or `all`"),
    ("alternative", "", "the other doses"),
    ("model", "", "the model, as in `outcome_models`"),
];

/// Changes under given and alternative doses, with intervals that include the uncertainty of the outcome model, of an
/// estimated population, and of the subjects' parameters.
pub(super) const WHAT_IF_CHANGES: Columns = &[
    (
        "change_given",
        "of the measure",
        "change that the model expects at the end of the treatment that was given, as given; of a group the mean",
    ),
    ("change_given_low", "of the measure", "lower end of its 95 % interval"),
    ("change_given_high", "of the measure", "its upper end"),
    ("change", "of the measure", "the same under the alternative"),
    ("change_low", "of the measure", "lower end of its 95 % interval"),
    ("change_high", "of the measure", "its upper end"),
    ("difference", "of the measure", "change less change_given"),
    ("difference_low", "of the measure", "lower end of its 95 % interval"),
    ("difference_high", "of the measure", "its upper end"),
    (
        "days_to_return_given",
        "d",
        "days after the last dose that was given until the effect of exposure is half of that on its day; missing where it is not within the course",
    ),
    ("days_to_return_given_low", "d", "lower end of its 95 % interval"),
    ("days_to_return_given_high", "d", "its upper end"),
    ("days_to_return", "d", "the same under the alternative, after the last dose that is the same"),
    ("days_to_return_low", "d", "lower end of its 95 % interval"),
    ("days_to_return_high", "d", "its upper end"),
];

pub(super) const WHAT_IF_RISING: Columns = &[
    ("rise", "", "patients whose free IgE rises over the target"),
    ("change_given_of_rising", "of the measure", "mean change of those who rise, as given"),
    ("change_given_of_rising_low", "of the measure", "lower end of its 95 % interval"),
    ("change_given_of_rising_high", "of the measure", "its upper end"),
    ("change_of_rising", "of the measure", "the same under the alternative"),
    ("change_of_rising_low", "of the measure", "lower end of its 95 % interval"),
    ("change_of_rising_high", "of the measure", "its upper end"),
    ("reason", "", "why something is missing"),
];

pub(super) const REASON: Columns = &[("reason", "", "why something is missing")];

pub(super) const MODEL_COVARIANCE: Columns = &[
    ("model", "", "the model that is chosen"),
    ("parameter_1", "", "a number of `outcome_model_parameters`"),
    ("parameter_2", "", "another, or the same"),
    (
        "covariance",
        "",
        "their covariance on the scale of estimation: B, E and P in the unit of the measure, k, C50, g, alpha and kappa on a logistic curve within their ranges (of all but alpha of the logarithm), correlations as inverse hyperbolic tangents, all others as natural logarithms",
    ),
];

pub(super) const EVENTS: Columns = &[
    ("patients", "", "patients at risk after the first dose"),
    ("events", "", "those of them with an event"),
    ("patient_years", "years", "their time at risk, each patient's until its event"),
    ("rate", "1/year", "events in a year at risk"),
    ("rate_low", "1/year", "lower end of its exact 95 % interval"),
    ("rate_high", "1/year", "its upper end"),
    ("rate_ratio", "", "rate of an arm over that of the reference arm"),
    ("rate_ratio_low", "", "lower end of its exact 95 % interval, given both counts"),
    ("rate_ratio_high", "", "its upper end"),
];

pub(super) const CONCLUSIONS: Columns = &[
    (
        "conclusion",
        "",
        "`settles_later`, `goes_with_free_ige_onset`, `goes_with_free_ige_offset`, `returns_later`, `delayed`",
    ),
    ("number", "", "the number that tells"),
    ("value", "of the number", "its value"),
    ("low", "of the number", "lower end of its 95 % interval"),
    ("high", "of the number", "its upper end; missing where it is later than everything"),
    ("p_value", "", "p value of a test"),
    ("test", "", "the test, or where the interval is from"),
    ("holds", "", "1 where the interval lies beyond nothing, or the test refutes the opposite"),
    ("reason", "", "why there is no number"),
];
