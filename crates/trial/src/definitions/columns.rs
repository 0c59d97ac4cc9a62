//! The columns of every table: name, unit, definition.

use super::{Columns, outcomes};

/// Every table of a run, with its columns in order.
pub(super) const TABLES: &[(&str, &[Columns])] = &[
    ("parameters", &[PARAMETERS]),
    ("individuals", &[INDIVIDUALS]),
    ("observations", &[OBSERVATIONS]),
    ("trajectories", &[TRAJECTORIES]),
    ("typical", &[TYPICAL]),
    ("parameter_covariance", &[PARAMETER_COVARIANCE]),
    ("suppression", &[SUPPRESSION]),
    ("shrinkage", &[SHRINKAGE]),
    ("diagnostics", &[DIAGNOSTICS]),
    ("correlations", &[CORRELATIONS]),
    ("convergence", &[CONVERGENCE]),
    ("influence", &[INFLUENCE]),
    ("uncertainty", &[UNCERTAINTY]),
    ("likelihood", &[LIKELIHOOD]),
    ("criteria", &[CRITERIA]),
    ("bootstrap", &[DRAWS, BIAS]),
    ("bootstrap_replicates", &[BOOTSTRAP_REPLICATES]),
    ("screening", &[EFFECT, SCREENING]),
    ("search", &[STEP, EFFECT, SEARCH]),
    ("sir", &[DRAWS, EFFECTIVE]),
    ("sir_samples", &[SIR_SAMPLES]),
    ("profile", &[PROFILE]),
    ("profile_points", &[PROFILE_POINTS]),
    ("population_starts", &[POPULATION_STARTS]),
    ("two_stage", &[TWO_STAGE]),
    ("two_stage_omega", &[TWO_STAGE_OMEGA]),
    ("vpc", &[VPC]),
    ("npc", &[NPC]),
    ("npde", &[NPDE]),
    ("outcome_patients", &[outcomes::PATIENTS]),
    ("outcome_visits", &[outcomes::GROUP, outcomes::VISITS]),
    ("outcome_arms", &[outcomes::ARMS]),
    ("outcome_correlation", &[outcomes::GROUP, outcomes::CORRELATION]),
    ("outcome_hysteresis", &[outcomes::GROUP, outcomes::HYSTERESIS]),
    ("outcome_models", &[outcomes::GROUP, outcomes::MODELS]),
    ("outcome_model_parameters", &[outcomes::GROUP, outcomes::MODEL_PARAMETERS]),
    ("outcome_model_covariance", &[outcomes::GROUP, outcomes::MODEL_COVARIANCE]),
    ("outcome_events", &[outcomes::GROUP, outcomes::EVENTS]),
    ("outcome_conclusions", &[outcomes::GROUP, outcomes::CONCLUSIONS]),
    ("outcome_exposure", &[outcomes::EXPOSURE]),
    ("what_if", &[outcomes::WHAT_IF]),
    ("what_if_trajectories", &[outcomes::WHAT_IF_TRAJECTORIES]),
    ("what_if_targets", &[outcomes::WHAT_IF_TARGETS]),
    ("what_if_outcomes", &[outcomes::WHAT_IF_GROUP, outcomes::WHAT_IF_CHANGES, outcomes::WHAT_IF_RISING]),
    ("what_if_outcome_patients", &[outcomes::WHAT_IF_PATIENT, outcomes::WHAT_IF_CHANGES, outcomes::REASON]),
];

const PARAMETERS: Columns = &[
    (
        "name",
        "",
        "the number: a parameter's typical value by its name; `CLx_WT` a covariate's coefficient; `omega2_ka` a variance of η; `corr_CLe_Pe` a correlation of two η; `sigma_…` a standard deviation of the residual error",
    ),
    (
        "unit",
        "",
        "the unit of the estimate, of `se`, `se_s`, `se_sandwich`, `ci_low` and `ci_high`; 1 of none",
    ),
    ("description", "", "what it is, in words"),
    ("estimate", "", "its value"),
    (
        "se",
        "",
        "standard error from R⁻¹, R half the second derivatives of the objective; none of what is fixed or held at an end of its range",
    ),
    ("rse_pct", "%", "100·se/|estimate|"),
    (
        "ci_low",
        "",
        "lower end of the 95 % interval from `se`: of a coefficient on its own scale, of a correlation on Fisher's z, else on the logarithm",
    ),
    ("ci_high", "", "its upper end"),
    ("se_s", "", "standard error from S⁻¹, S the outer products of the subjects' gradients"),
    ("se_sandwich", "", "standard error from R⁻¹SR⁻¹"),
    ("bsv_cv_pct", "%", "of a variance of a log-normal parameter: 100·√(exp ω² − 1)"),
    (
        "bsv_cv_rse_pct",
        "%",
        "its relative standard error, by the derivative: rse_pct·ω²·exp ω²/(2·(exp ω² − 1))",
    ),
    ("shrinkage_sd_pct", "%", "of a variance: 100·(1 − SD(η̂)/ω)"),
    ("shrinkage_var_pct", "%", "of a variance: 100·(1 − var(η̂)/ω²)"),
    ("fixed", "", "1 of what was given, 0 of what was estimated"),
];

const INDIVIDUALS: Columns = &[
    ("ID", "", "the subject"),
    ("status", "", "`ok`; `not_determined`: a minimum that leaves parameters open; `failed`"),
    ("reason", "", "more about the status; of a failed fit its last state"),
    ("iterations", "", "iterations from the start that was taken"),
    ("starts", "", "starts tried"),
    ("n_obs", "", "observations"),
    ("rank", "", "rank of the information of the subject's own data on the estimated parameters"),
    ("condition", "", "condition number of that information"),
    (
        "ofv",
        "",
        "the objective without constants: of NLS Σ(r² + ln σ²), of MAP the FOCE contribution, which adds η̂ᵀΩ⁻¹η̂ + ln|Ω| + ln|JᵀJ + Ω⁻¹|",
    ),
    ("ssq", "", "sum of the squares of the weighted residuals; censored observations are left out"),
    ("minus2ll", "", "−2 log-likelihood of the data, with constants"),
    (
        "effective_parameters",
        "",
        "parameters in effect, tr((JᵀJ + Ω⁻¹)⁻¹JᵀJ); without a prior the number of estimated ones",
    ),
    ("aic", "", "minus2ll + 2·(parameters in effect and residual errors of its own)"),
    ("SE_{fact}", "{unit}", "standard error of the fact"),
    ("{fact}_lower", "{unit}", "lower end of its band, of the run's level"),
    ("{fact}_upper", "{unit}", "upper end of its band"),
    (
        "{fact}",
        "{unit}",
        "how free IgE was held down: `ige_free_baseline`, `ige_free_area`, `ige_free_mean`, `ige_free_lowest`, `ige_free_peak`, `ige_free_trough`, `days_to_target`, `days_below_target`, `days_to_return`; see [Reconstruction](../methods/reconstruction.md)",
    ),
    ("SE_{parameter}", "{unit}", "standard error of the parameter"),
    ("RSE_PCT_{parameter}", "%", "100·SE/|parameter|"),
    ("CI_LOW_{parameter}", "{unit}", "lower end of the 95 % interval: that of η on the parameter's scale"),
    ("CI_HIGH_{parameter}", "{unit}", "its upper end"),
    (
        "PROFILE_LOW_{parameter}",
        "{unit}",
        "with `--profile`: lower end of the interval from the profile of the objective; 0 where the data set no end",
    ),
    ("PROFILE_HIGH_{parameter}", "{unit}", "its upper end; infinite where the data set none"),
    (
        "ETA_{parameter}",
        "",
        "departure η̂ from the typical subject with the same covariates, on the transformed scale: of a log-normal parameter ln(parameter/typical)",
    ),
    (
        "EBV_SHRINK_PCT_{parameter}",
        "%",
        "of MAP: 100·(variance of η given the data)/ω², the subject's part of NONMEM's EBVSHRINK: 0 where the data settle the parameter, 100 where they say nothing, more where the curvature at the estimate is less than the prior's",
    ),
    (
        "SIGMA_ADDITIVE_{analyte}",
        "{unit}",
        "with `--sigma subject`: the additive part of the subject's residual error",
    ),
    ("SIGMA_PROPORTIONAL_{analyte}", "", "its proportional part"),
    (
        "SIGMA_{analyte}",
        "",
        "the subject's residual error where it has one part: of a log-normal one the standard deviation of the logarithm",
    ),
    ("n", "", "observations that goodness of fit is of: quantified and above zero"),
    ("rmse_log", "", "root mean square of ln DV − ln IPRED"),
    ("r2_log", "", "1 − Σ(ln DV − ln IPRED)²/Σ(ln DV − mean ln DV)²"),
    ("wres_mean", "", "mean of IWRES"),
    ("wres_sd", "", "standard deviation of IWRES"),
    ("runs_p", "", "p value of the runs test on the signs of the residuals"),
    ("n_{analyte}", "", "`n` of one analyte"),
    ("rmse_log_{analyte}", "", "`rmse_log` of one analyte"),
    ("r2_log_{analyte}", "", "`r2_log` of one analyte"),
    ("wres_mean_{analyte}", "", "`wres_mean` of one analyte"),
    ("wres_sd_{analyte}", "", "`wres_sd` of one analyte"),
    ("runs_p_{analyte}", "", "`runs_p` of one analyte"),
    ("weak_directions", "", "combinations of parameters that the subject's own data leave weak"),
    (
        "{parameter}",
        "{unit}",
        "the parameter's estimate; of one that is not estimated the value for the subject's covariates",
    ),
    ("{covariate}", "{unit}", "the covariate, as read"),
];

const OBSERVATIONS: Columns = &[
    ("ID", "", "the subject"),
    ("TIME", "d", "when"),
    ("DVID", "", "the analyte: 1 total omalizumab, 2 total IgE, 3 free IgE"),
    ("analyte", "", "the analyte's name"),
    (
        "DV",
        "of the analyte",
        "the observation, or the limit of quantification that it is beyond: omalizumab µg/mL, IgE ng/mL",
    ),
    ("CENS", "", "1 below the limit, −1 above it, 0 quantified"),
    (
        "LIMIT",
        "of the analyte",
        "the other end of a censored value's interval, or that limit where there is none; missing of a quantified observation",
    ),
    ("PRED", "of the analyte", "prediction for the typical subject with the same covariates"),
    ("IPRED", "of the analyte", "prediction of the subject's own fit"),
    ("RES", "of the analyte", "DV − PRED"),
    ("WRES", "", "residual weighted by the population's covariance, linearised at η = 0"),
    ("IRES", "of the analyte", "DV − IPRED"),
    (
        "IWRES",
        "",
        "(ln DV − ln IPRED)/σ of a log-normal error, (DV − IPRED)/g of a normal one of standard deviation g",
    ),
    ("CWRES", "", "conditional weighted residual, linearised at η̂"),
    ("NPDE", "", "normalised prediction distribution error; needs simulations"),
    ("TAD", "d", "time since the last dose; missing before the first"),
    ("row", "", "line of the data set"),
];

const TRAJECTORIES: Columns = &[
    ("ID", "", "the subject"),
    ("TIME", "d", "when"),
    ("{output}_lower", "{unit}", "lower end of its band, of the run's level"),
    ("{output}_upper", "{unit}", "upper end of its band"),
    (
        "{output}",
        "{unit}",
        "value of an output of the model, such as `omalizumab_total`, `ige_total`, `ige_free`, `omalizumab_free`, `complex`",
    ),
    ("dose_mg", "mg", "the dose given from this time to the next"),
];

const TYPICAL: Columns = &[
    ("ID", "", "the subject"),
    ("TIME", "d", "when"),
    ("{output}", "{unit}", "that of the typical subject with the same covariates and doses"),
];

const SUPPRESSION: Columns = &[
    ("ID", "", "the subject"),
    ("SE_{fact}", "{unit}", "standard error of the fact"),
    ("{fact}_lower", "{unit}", "lower end of its band"),
    ("{fact}_upper", "{unit}", "upper end of its band"),
    (
        "{fact}",
        "{unit}",
        "the facts of `individuals`, of another grid, level or target (`omafit reconstruct`)",
    ),
];

const SHRINKAGE: Columns = &[
    ("parameter", "", "the estimated parameter"),
    ("n", "", "subjects that were fitted"),
    ("omega_sd", "", "ω, the standard deviation of η in the population"),
    ("eta_mean", "", "mean of η̂ over the subjects"),
    ("eta_mean_p", "", "p value of Student's test that it is zero"),
    ("eta_sd", "", "standard deviation of η̂"),
    ("shrinkage_sd_pct", "%", "100·(1 − SD(η̂)/ω)"),
    ("shrinkage_var_pct", "%", "100·(1 − var(η̂)/ω²)"),
];

const DIAGNOSTICS: Columns = &[
    ("residual", "", "IWRES, WRES, CWRES or NPDE"),
    ("analyte", "", "of which analyte; `all` of all together"),
    ("n", "", "how many"),
    ("mean", "", "their mean"),
    ("mean_p", "", "p value of Student's test that it is 0"),
    ("sd", "", "their standard deviation"),
    ("variance_p", "", "p value of the χ² test that the variance is 1"),
    ("outside_196", "", "the part beyond ±1.96"),
    ("anderson_darling", "", "Anderson–Darling statistic of normality, mean and variance estimated"),
    ("normality_p", "", "its p value"),
    ("time_slope", "1/d", "slope on time"),
    ("time_p", "", "p value of Student's test that it is 0"),
    ("pred_slope", "", "slope on ln PRED"),
    ("pred_p", "", "p value of Student's test that it is 0"),
];

const PARAMETER_COVARIANCE: Columns = &[
    ("parameter_1", "", "a number of `parameters` with a standard error"),
    ("parameter_2", "", "another, or the same"),
    ("covariance", "", "covariance of the two estimates from R⁻¹, in the product of their units"),
];

const CORRELATIONS: Columns = &[
    ("ID", "", "the subject"),
    ("parameter_1", "", "an estimated parameter"),
    ("parameter_2", "", "another"),
    (
        "correlation",
        "",
        "correlation of the estimates of their logarithms; missing where one is not determined",
    ),
];

const CONVERGENCE: Columns = &[
    ("iteration", "", "its number"),
    ("ofv", "", "the objective"),
    (
        "{coordinate}",
        "",
        "an estimated number on the scale on which it is estimated: logarithms (between bounds logits) of typical values, coefficients as they are, logarithms of residual errors (`sigma_…`), all by their names in `parameters`; elements of Cholesky's factor of Ω (`omega_ka`, `omega_CLe_Pe`), on its diagonal their logarithms: of independent η `omega_ka` is ω, whose square is `omega2_ka` in `parameters`",
    ),
];

const UNCERTAINTY: Columns = &[
    ("name", "", "the number, as in `parameters`"),
    ("unit", "", "its unit, and that of what follows"),
    ("estimate", "", "its estimate"),
    (
        "asymptotic_low",
        "",
        "lower end of the 95 % interval from R⁻¹, the curvature of the objective: `ci_low` of `parameters`",
    ),
    ("asymptotic_high", "", "its upper end"),
    ("sandwich_low", "", "lower end of the 95 % interval from R⁻¹SR⁻¹, on the scale of that from R⁻¹"),
    ("sandwich_high", "", "its upper end"),
    ("sir_low", "", "after `omafit sir`: lower end of the interval of its percentiles"),
    ("sir_high", "", "its upper end"),
    ("sir_effective_samples", "", "how many samples of equal weight it is from"),
    ("bootstrap_low", "", "after `omafit bootstrap`: lower end of the interval of its percentiles"),
    ("bootstrap_high", "", "its upper end"),
    ("bootstrap_n", "", "how many replicates it is from"),
    (
        "profile_low",
        "",
        "after `omafit profile`: lower end of the interval from the profile of the objective",
    ),
    ("profile_high", "", "its upper end"),
];

const DRAWS: Columns = &[
    ("name", "", "the number, as in `parameters`"),
    ("unit", "", "its unit, and that of what follows"),
    ("estimate", "", "its estimate from all subjects"),
    (
        "mean",
        "",
        "its mean over the draws: of a bootstrap the replicates that converged, else the samples of all rounds by their weights",
    ),
    ("se", "", "their standard deviation: the standard error"),
    ("rse_pct", "%", "100·se/|estimate|"),
    ("median", "", "their median"),
    (
        "ci_low",
        "",
        "lower end of the interval of their percentiles, of the coverage that was asked for (95 %)",
    ),
    ("ci_high", "", "its upper end"),
    ("n", "", "how many draws have a value of it"),
    ("ci_low_mcse", "", "Monte-Carlo standard error of the lower end: by how much it differs between seeds"),
    ("ci_high_mcse", "", "that of the upper end"),
];

const EFFECTIVE: Columns =
    &[("effective_samples", "", "how many samples of equal weight say as much: (Σw)²/Σw²")];

const BIAS: Columns = &[
    ("bias", "", "mean − estimate"),
    (
        "n_not_determined",
        "",
        "replicates that converged whose subjects do not determine the number: they are left out of its row",
    ),
];

const BOOTSTRAP_REPLICATES: Columns = &[
    ("replicate", "", "its number, from 0"),
    (
        "status",
        "",
        "`ok`; `not_converged`: it has estimates, which `bootstrap` leaves out; `failed`: it has none",
    ),
    ("reason", "", "why the estimation ended"),
    ("ofv", "", "the objective of FOCE of the subjects that were drawn"),
    (
        "{number}",
        "as in `parameters`",
        "the number from these subjects; missing where they do not determine it",
    ),
];

const EFFECT: Columns = &[
    ("parameter", "", "the parameter"),
    ("covariate", "", "the covariate that may have an effect on it"),
    ("form", "", "the form of the effect"),
];

const SCREENING: Columns = &[
    (
        "slope",
        "",
        "slope of η̂, of the model without the candidates, on the covariate, of a power on its logarithm; missing of a categorical one",
    ),
    (
        "p_value",
        "",
        "that it is zero: by Student's test, of a categorical one by one-way analysis of variance",
    ),
    ("searched", "", "1 of what was searched, 0 of what the screening left out"),
];

const STEP: Columns = &[
    ("step", "", "the step, from 0, the fit without candidates"),
    ("direction", "", "`start`; `forward`: the effect was added; `backward`: it was removed"),
];

const SEARCH: Columns = &[
    ("ofv", "", "the objective of FOCE of the fit"),
    ("decrease", "", "the objective without the effect less that with it"),
    ("freedom", "", "coefficients of the effect"),
    ("p_value", "", "of a decrease by so much or more, under χ² with that many degrees of freedom"),
    ("chosen", "", "1 of the fit from which the next step went on"),
    ("status", "", "`ok`; `not_converged` and `failed`: the fit was out of consideration"),
    ("reason", "", "why the fit ended"),
];

const SIR_SAMPLES: Columns = &[
    ("round", "", "the round, from 1"),
    ("dofv", "", "the objective less that at the estimates; missing where it cannot be computed"),
    (
        "log_weight",
        "",
        "logarithm of the importance, up to a constant: exp(−dofv/2) over the density of the mixture of all rounds' proposals",
    ),
    ("kept", "", "1 of what the last round resampled: of equal weight, for simulations with uncertainty"),
    ("{number}", "as in `parameters`", "the number of the sample"),
];

const INFLUENCE: Columns = &[
    ("ID", "", "the subject that is left out"),
    (
        "method",
        "",
        "`one_step`: one step of Newton's method from the estimates with all; `exact`: a fit of the others",
    ),
    ("status", "", "`ok`, or why there are no estimates without it"),
    ("not_determined", "", "numbers that the others do not determine: without the subject they do not exist"),
    ("distance", "", "√(ΔᵀRΔ) of the change Δ of all estimates: how many standard errors they go together"),
    ("covariance_ratio", "", "√(|R|/|R − Rᵢ|): how much wider the region of confidence is without it"),
    ("most_moved", "", "the number that moves most of its standard errors"),
    ("most_moved_se", "", "by how many"),
    ("SHIFT_{number}", "", "change of the number without the subject, in standard errors"),
    (
        "WITHOUT_{number}",
        "as in `parameters`",
        "the number without the subject; missing where the others do not determine it",
    ),
];

const LIKELIHOOD: Columns = &[
    ("ID", "", "the subject"),
    (
        "ofv",
        "",
        "its −2 log-likelihood with the η integrated out, without the constants that FOCE leaves out",
    ),
    ("monte_carlo_se", "", "of importance sampling: its Monte-Carlo standard error"),
    ("effective_samples", "", "of importance sampling: how many draws of equal weight would say as much"),
    (
        "pareto_k",
        "",
        "of importance sampling: Pareto k̂ of the weights; above 0.7 their mean and its standard error are not to be trusted",
    ),
    ("unsolved", "", "of importance sampling: draws at which the model could not be solved"),
];

const PROFILE: Columns = &[
    ("name", "", "the number of the population"),
    ("unit", "", "its unit"),
    ("estimate", "", "its estimate"),
    ("level", "", "coverage of the interval"),
    (
        "low",
        "",
        "lower end: where the objective, least over all other numbers, has risen by the quantile of χ²",
    ),
    ("high", "", "its upper end; infinite where the objective never rises so far"),
];

const PROFILE_POINTS: Columns = &[
    ("name", "", "the number of the population"),
    ("value", "", "where it was held"),
    ("rise", "", "by how much the objective is higher there than at the estimates"),
];

const POPULATION_STARTS: Columns = &[
    ("start", "", "number of the start; 0 is the model's own values"),
    ("ofv", "", "the objective of FOCE where the estimation from it ended"),
    ("converged", "", "1 where it converged"),
    ("kept", "", "1 of the start whose estimates the run has"),
    ("reason", "", "why it ended, or failed"),
];

const CRITERIA: Columns = &[
    (
        "method",
        "",
        "how the η were integrated out of the population's likelihood: `linear`, `laplace`, `is` (importance sampling)",
    ),
    ("ofv", "", "−2 log-likelihood of the population without the constants that NONMEM leaves out"),
    ("minus2ll", "", "the same with all constants, of the data as given"),
    ("monte_carlo_se", "", "Monte-Carlo standard error of all of them; missing where nothing is drawn"),
    (
        "estimated",
        "",
        "numbers of the population that were estimated, p; missing of a population that was given",
    ),
    ("aic", "", "minus2ll + 2p"),
    ("bic", "", "minus2ll + p·ln(subjects)"),
    (
        "bicc",
        "",
        "minus2ll + p_R·ln(subjects) + p_F·ln(observations); p_R belong to random effects, p_F do not",
    ),
    ("subjects", "", "subjects with an observation"),
    ("observations", "", "their observations, censored ones too"),
];

const TWO_STAGE: Columns = &[
    ("parameter", "", "the estimated parameter"),
    ("n_naive", "", "subjects behind it"),
    ("eta_mean_naive", "", "mean of the subjects' η"),
    ("eta_mean_se_naive", "", "its standard error"),
    ("typical_naive", "of the parameter", "the typical value that this mean makes"),
    ("omega_sd_naive", "", "standard deviation of η"),
    ("n_global", "", "the same of the global method, which corrects for the estimates' variance"),
    ("eta_mean_global", "", "mean of η"),
    ("eta_mean_se_global", "", "its standard error"),
    ("typical_global", "of the parameter", "the typical value that this mean makes"),
    ("omega_sd_global", "", "standard deviation of η"),
];

const TWO_STAGE_OMEGA: Columns = &[
    ("parameter_1", "", "a parameter"),
    ("parameter_2", "", "another, or the same"),
    ("covariance_naive", "", "covariance of their η"),
    ("correlation_naive", "", "its correlation"),
    ("covariance_global", "", "covariance of their η by the global method"),
    ("correlation_global", "", "its correlation"),
];

const VPC: Columns = &[
    ("analyte", "", "of which analyte"),
    ("stratum", "", "of which subjects; `all` of all"),
    ("corrected", "", "1 where values are corrected for prediction"),
    ("bin", "", "the bin, from 0"),
    ("time_from", "d", "its first time after the first dose"),
    ("time_median", "d", "the median time of its observations"),
    ("time_to", "d", "its last time"),
    ("n", "", "its observations"),
    (
        "statistic",
        "",
        "`p05`, `p50`, …: percentiles; `below`, `above`: parts beyond a limit of quantification",
    ),
    ("observed", "of the analyte", "that of the observations; a part has no unit"),
    ("simulated_low", "of the analyte", "lower end of the band of the same over the simulated trials"),
    ("simulated_median", "of the analyte", "its median"),
    ("simulated_high", "of the analyte", "upper end of the band"),
];

const NPC: Columns = &[
    ("analyte", "", "of which analyte"),
    ("interval", "", "coverage of the prediction interval"),
    ("n", "", "observations"),
    ("expected", "", "the part expected beyond each end"),
    ("below", "", "the part of the observations below the interval"),
    ("below_low", "", "lower end of the band of that part over the simulated trials"),
    ("below_median", "", "its median"),
    ("below_high", "", "upper end of the band"),
    ("above", "", "the part of the observations above the interval"),
    ("above_low", "", "lower end of the band of that part over the simulated trials"),
    ("above_median", "", "its median"),
    ("above_high", "", "upper end of the band"),
];

const NPDE: Columns = &[
    ("ID", "", "the subject"),
    ("TIME", "d", "when"),
    ("DVID", "", "the analyte: 1 total omalizumab, 2 total IgE, 3 free IgE"),
    ("NPDE", "", "normalised prediction distribution error of the last check"),
    ("row", "", "line of the data set"),
];
