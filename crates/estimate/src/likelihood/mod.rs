//! The likelihood of one observation given its prediction, with all derivatives that the estimation methods need.
//!
//! With f the prediction, g its standard deviation, and p and F the density and distribution function of the
//! standardised residual z ([`ResidualDistribution`]: normal, or Student's t), the −2 log-likelihood ℓ is, up to
//! constants:
//!
//! ```text
//! log-normal          −2 ln p(z) + ln σ²,   z = (ln y − ln f)/σ
//! normal              −2 ln p(z) + ln g²,   z = (y − f)/g,   g² = a² + (b·f)²
//! between L and U     −2 ln (F(z₂) − F(z₁)),   z₁ of L and z₂ of U likewise
//! ```
//!
//! A value below a limit U has z₁ = −∞, a value above a limit L has z₂ = ∞ ([`IntervalTerm`]).
//!
//! A variance that depends on the prediction is part of the likelihood, not a fixed weight. For least squares each
//! observation is one row r with slope √w, so that r·√w is the gradient of the likelihood and w its information; for
//! log-normal values with normally distributed residuals r² is the likelihood itself.
//!
//! A prediction of exactly zero, such as a drug concentration before the first dose, is observed as zero under a
//! log-normal or proportional error: the value lies below every limit with probability one, adds nothing to ℓ and has
//! no derivatives.

mod censoring;
mod density;

use censoring::{IntervalTerm, information};
pub(crate) use density::StandardisedDensity;
use omafit_model::{
    Censoring, ErrorModel, Observation, PerAnalyte, PopulationModel, Residual, ResidualDistribution, Subject,
};

/// Distribution of the observations of one analyte around their predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorDistribution {
    /// Scale and magnitude of the error.
    pub error: ErrorModel,
    /// Distribution of the standardised residual on the scale of `error`.
    pub shape: ResidualDistribution,
}

impl From<&Residual> for ErrorDistribution {
    fn from(residual: &Residual) -> Self {
        Self { error: residual.error, shape: residual.distribution }
    }
}

/// The residual error of each analyte that the model predicts.
pub type ResidualErrors = PerAnalyte<ErrorDistribution>;

/// The residual errors in a model.
pub fn residual_errors(model: &PopulationModel) -> ResidualErrors {
    model.residuals().iter().map(|(analyte, residual)| (analyte, residual.into())).collect()
}

/// The −2 log-likelihood ℓ of an observation and its information w on the prediction f, with their derivatives.
///
/// s denotes the logarithms of the standard deviations of the error: σ alone for a log-normal error, the additive and
/// the proportional standard deviation for a normal error. Entries for an absent standard deviation are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LikelihoodTerm {
    /// ℓ without the −2 log-density of a standardised residual of zero (ln 2π for the normal distribution) and without
    /// the ln σ² of a log-normal error, neither of which depends on the structural parameters.
    pub value: f64,
    /// First derivative ½·∂ℓ/∂f.
    pub slope: f64,
    /// Second derivative ½·∂²ℓ/∂f².
    pub bend: f64,
    /// Information w: half the expected second derivative ∂²ℓ/∂f²; for a censored observation, half the second
    /// derivative with z taken as linear in f. Never negative; for Student's t, smaller for an outlier.
    pub information: f64,
    /// Derivative ½·∂ℓ/∂s, with ln σ² included in ℓ.
    pub by_s: [f64; 2],
    /// Mixed derivative ½·∂²ℓ/∂f∂s.
    pub slope_by_s: [f64; 2],
    /// Derivative ∂w/∂f of the information.
    pub information_by_f: f64,
    /// Derivative ∂w/∂s of the information.
    pub information_by_s: [f64; 2],
    /// Derivative ∂ ln g/∂s of the scale.
    pub shares: [f64; 2],
}

impl LikelihoodTerm {
    /// Whether the observation has probability one at this prediction and so carries no information.
    pub fn is_certain(&self) -> bool {
        self.value == 0.0 && self.information == 0.0 && self.slope == 0.0
    }
}

/// The standardised residual z and its derivatives, with the derivatives of ln g.
#[derive(Clone, Copy)]
struct Standardised {
    z: f64,
    by_f: f64,
    by_f_twice: f64,
    by_s: [f64; 2],
    by_f_s: [f64; 2],
    /// Derivative ∂ ln g/∂s; below, (ln g)′ and (ln g)″ with respect to f, and ∂(ln g)′/∂s.
    shares: [f64; 2],
    log_g: [f64; 2],
    log_g_by_f_s: [f64; 2],
}

impl Standardised {
    /// The residual of an interval end, without derivatives if it is infinite, as for the logarithm of zero.
    fn of_end(error: ErrorModel, f: f64, end: f64) -> Self {
        if end.is_finite() && (end > 0.0 || !error.is_log()) {
            return Self::new(error, f, end);
        }
        Self {
            z: if end > 0.0 { f64::INFINITY } else { f64::NEG_INFINITY },
            by_f: 0.0,
            by_f_twice: 0.0,
            by_s: [0.0; 2],
            by_f_s: [0.0; 2],
            shares: [0.0; 2],
            log_g: [0.0; 2],
            log_g_by_f_s: [0.0; 2],
        }
    }

    fn new(error: ErrorModel, f: f64, y: f64) -> Self {
        match error {
            ErrorModel::LogNormal { sd } => {
                let (z, slope) = ((y.ln() - f.ln()) / sd, -1.0 / (sd * f));
                Self {
                    z,
                    by_f: slope,
                    by_f_twice: -slope / f,
                    by_s: [-z, 0.0],
                    by_f_s: [-slope, 0.0],
                    shares: [1.0, 0.0],
                    log_g: [0.0; 2],
                    log_g_by_f_s: [0.0; 2],
                }
            }
            ErrorModel::Normal { additive, proportional } => {
                let g = error.sd(f);
                let z = (y - f) / g;
                // (ln g)′ = b²f/g².
                let b = proportional / g * (proportional / g);
                let by_log = b * f;
                let first = (additive / g).powi(2);
                let second = if additive > 0.0 { (proportional * f / g).powi(2) } else { 1.0 };
                let slope = -1.0 / g - z * by_log;
                let turn = 2.0 * by_log * first;
                Self {
                    z,
                    by_f: slope,
                    by_f_twice: -2.0 * slope * by_log - z * (b - by_log * by_log),
                    by_s: [-z * first, -z * second],
                    by_f_s: [-slope * first + z * turn, -slope * second - z * turn],
                    shares: [first, second],
                    log_g: [by_log, b - 2.0 * by_log * by_log],
                    log_g_by_f_s: [-turn, turn],
                }
            }
        }
    }
}

/// Ratio of a prediction to the upper limit of a censored value below which derivatives in f would leave floating-point
/// range and are set to zero.
const NOTHING: f64 = 1e-100;
/// Value of the length of an interval of z times √(ψ² + |ψ′|) below which the interval counts as a value at its
/// midpoint: the density hardly bends within it, the next term of the expansion is below 1e-7 of −2 log-likelihood, and
/// derivatives with respect to the ends would cancel.
const NARROW: f64 = 1e-3;

/// The likelihood of `observation` at the prediction `f`; `None` where it is undefined: for a prediction that is not
/// finite, and for a prediction of zero under a log-normal or proportional error if the value is quantified, above a
/// limit, or in an interval above zero.
pub fn likelihood_term(observation: &Observation, law: ErrorDistribution, f: f64) -> Option<LikelihoodTerm> {
    let ends = observation.ends();
    let is_censored = observation.censoring != Censoring::Quantified;
    if !law.error.allows(f) {
        let certain = is_censored && ends[0] <= 0.0 && f <= 0.0 && f.is_finite();
        return certain.then(LikelihoodTerm::default);
    }
    Some(if is_censored { censored_term(ends, law, f) } else { quantified_term(observation.value, law, f) })
}

/// The likelihood of the value `y`.
fn quantified_term(y: f64, law: ErrorDistribution, f: f64) -> LikelihoodTerm {
    let ErrorDistribution { error, shape } = law;
    let Standardised { z, by_f, by_f_twice, by_s, by_f_s, shares, log_g, log_g_by_f_s } =
        Standardised::new(error, f, y);
    let (slope, bend) = (shape.score(z), shape.slope_of_score(z));
    let (on_location, turn) = (shape.curvature_on_location(z), shape.slope_of_curvature_on_location(z));
    let on_scale = shape.information_on_scale();
    // The information of a quantified value on its location and, if the variance depends on f, on its scale.
    let (by_location, location_by_f, of_scale) = match error {
        ErrorModel::LogNormal { .. } => (by_f, by_f_twice, 0.0),
        ErrorModel::Normal { .. } => {
            let g = error.sd(f);
            (1.0 / g, -log_g[0] / g, 2.0 * g.ln())
        }
    };
    let square = by_location * by_location;
    LikelihoodTerm {
        value: shape.deviance(z) + of_scale,
        slope: slope * by_f + log_g[0],
        bend: bend * by_f * by_f + slope * by_f_twice + log_g[1],
        information: on_location * square + on_scale * log_g[0] * log_g[0],
        by_s: std::array::from_fn(|k| slope * by_s[k] + shares[k]),
        slope_by_s: std::array::from_fn(|k| bend * by_f * by_s[k] + slope * by_f_s[k] + log_g_by_f_s[k]),
        information_by_f: turn * by_f * square
            + 2.0 * on_location * by_location * location_by_f
            + 2.0 * on_scale * log_g[0] * log_g[1],
        information_by_s: std::array::from_fn(|k| {
            (turn * by_s[k] - 2.0 * on_location * shares[k]) * square
                + 2.0 * on_scale * log_g[0] * log_g_by_f_s[k]
        }),
        shares,
    }
}

/// The likelihood of a value known to lie between `ends`.
fn censored_term(ends: [f64; 2], law: ErrorDistribution, f: f64) -> LikelihoodTerm {
    let ErrorDistribution { error, shape } = law;
    let at = ends.map(|end| Standardised::of_end(error, f, end));
    let z = at.each_ref().map(|at| at.z);
    if is_narrow(shape, z) {
        return narrow_term(ends, law, f);
    }
    let term = IntervalTerm::new(shape, z);
    let value = term.value;
    let shares = at[usize::from(z[1].is_finite())].shares;
    let of = |part: &dyn Fn(&Standardised) -> f64| at.each_ref().map(part);
    let by_s = [of(&|at| at.by_s[0]), of(&|at| at.by_s[1])];
    if term.is_flat() {
        return LikelihoodTerm { value, shares, ..LikelihoodTerm::default() };
    }
    if error.is_log() && f < NOTHING * ends[1] && ends[1].is_finite() {
        return LikelihoodTerm {
            value,
            by_s: by_s.map(|by| term.along(by)),
            shares,
            ..LikelihoodTerm::default()
        };
    }
    let (by_f, by_f_twice) = (of(&|at| at.by_f), of(&|at| at.by_f_twice));
    let by_f_s = [of(&|at| at.by_f_s[0]), of(&|at| at.by_f_s[1])];
    let slope = term.along(by_f);
    let bend = term.twice(by_f, by_f) + term.along(by_f_twice);
    let slope_by_s: [f64; 2] = std::array::from_fn(|k| term.twice(by_f, by_s[k]) + term.along(by_f_s[k]));
    let (information, is_square) = term.information(by_f);
    let moved = |by: [f64; 2], by_f_and: [f64; 2], slope_by: f64| {
        if is_square {
            2.0 * slope * slope_by
        } else {
            term.thrice(by_f, by) + 2.0 * term.twice(by_f, by_f_and)
        }
    };
    LikelihoodTerm {
        value,
        slope,
        bend,
        information,
        by_s: by_s.map(|by| term.along(by)),
        slope_by_s,
        information_by_f: moved(by_f, by_f_twice, bend),
        information_by_s: std::array::from_fn(|k| moved(by_s[k], by_f_s[k], slope_by_s[k])),
        shares,
    }
}

fn is_narrow(shape: ResidualDistribution, [lower, upper]: [f64; 2]) -> bool {
    let middle = 0.5 * (lower + upper);
    let bend = shape.score(middle).powi(2) + shape.slope_of_score(middle).abs();
    (upper - lower) * bend.sqrt() < NARROW
}

/// The likelihood of a value between `ends` that are close together: the density at their midpoint times the length of
/// the interval. The information is that of an interval, with the length in z as scale, so that it is continuous as
/// intervals widen.
fn narrow_term(ends: [f64; 2], law: ErrorDistribution, f: f64) -> LikelihoodTerm {
    let ErrorDistribution { error, shape } = law;
    let (middle, constant) = narrow(ends, law);
    let term = quantified_term(middle, law, f);
    let Standardised { z, by_f, by_f_twice, by_s, by_f_s, log_g, log_g_by_f_s, .. } =
        Standardised::new(error, f, middle);
    let (first, second) = (shape.slope_of_score(z), shape.bend_of_score(z));
    let (information, is_square) = information(shape, first * by_f * by_f + log_g[0] * log_g[0], term.slope);
    let moved = |z_by: f64, by_f_and: f64, log_g_by: f64, slope_by: f64| {
        if is_square {
            2.0 * term.slope * slope_by
        } else {
            second * z_by * by_f * by_f + 2.0 * first * by_f * by_f_and + 2.0 * log_g[0] * log_g_by
        }
    };
    LikelihoodTerm {
        value: term.value + constant,
        information,
        information_by_f: moved(by_f, by_f_twice, log_g[1], term.bend),
        information_by_s: std::array::from_fn(|k| {
            moved(by_s[k], by_f_s[k], log_g_by_f_s[k], term.slope_by_s[k])
        }),
        ..term
    }
}

/// The midpoint of a narrow interval, and −2 ln of its length times the part of the density that [`quantified_term`]
/// leaves out.
fn narrow([lower, upper]: [f64; 2], law: ErrorDistribution) -> (f64, f64) {
    let of_zero = law.shape.deviance_of_zero();
    match law.error {
        ErrorModel::LogNormal { sd } => {
            let length = (upper / lower).ln();
            (lower * (0.5 * length).exp(), of_zero + 2.0 * (sd / length).ln())
        }
        ErrorModel::Normal { .. } => (0.5 * (lower + upper), of_zero - 2.0 * (upper - lower).ln()),
    }
}

/// The weighted residual of an observation, (y − f)/g on the scale of the error; NaN for a censored observation.
pub fn weighted_residual(observation: &Observation, error: ErrorModel, prediction: f64) -> f64 {
    match observation.censoring {
        Censoring::Quantified => Standardised::new(error, prediction, observation.value).z,
        Censoring::Below | Censoring::Above => f64::NAN,
    }
}

/// The part of −2 log-likelihood that [`LikelihoodTerm::value`] leaves out: ln σ² of a log-normal error and, with
/// `full`, the −2 log-density of a standardised residual of zero and, for a log-normal error, ln y² from the change of
/// variable.
pub fn constant(observation: &Observation, law: ErrorDistribution, full: bool) -> f64 {
    if observation.censoring != Censoring::Quantified {
        return 0.0;
    }
    let of_zero = if full { law.shape.deviance_of_zero() } else { 0.0 };
    match law.error {
        ErrorModel::LogNormal { sd } => {
            of_zero + 2.0 * sd.ln() + if full { 2.0 * observation.value.ln() } else { 0.0 }
        }
        ErrorModel::Normal { .. } => of_zero,
    }
}

/// The constants of the subjects' −2 log-likelihood that the objective function of a population leaves out, as in
/// NONMEM: for each quantified observation, ln 2π (in general, the −2 log-density of a standardised residual of zero)
/// and, for a log-normal error, ln y².
pub(crate) fn left_out(model: &PopulationModel, subjects: &[Subject]) -> f64 {
    let errors = residual_errors(model);
    let laws = subjects
        .iter()
        .flat_map(|subject| &subject.observations)
        .filter_map(|o| Some((o, *errors.get(o.analyte)?)));
    laws.map(|(o, law)| constant(o, law, true) - constant(o, law, false)).sum()
}

/// The −2 log-likelihood of an observation as a function of ln g at a fixed prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ScaleTerm {
    /// −2 log-likelihood, without the ln g² of a quantified value.
    pub value: f64,
    /// Half the derivative of −2 log-likelihood with respect to ln g, including that of ln g².
    pub slope: f64,
    /// Information on ln g.
    pub curvature: f64,
    /// Derivative ∂ ln g/∂ ln of each standard deviation of the error.
    pub shares: [f64; 2],
}

impl ScaleTerm {
    /// The term of a censored value; `information` is the information on ln g with the derivative of z taken as
    /// constant.
    fn censored(value: f64, slope: f64, information: f64, shares: [f64; 2]) -> Self {
        let observed = information - slope;
        Self { value, slope, curvature: if observed > 0.0 { observed } else { slope * slope }, shares }
    }
}

/// The likelihood of `observation` as a function of the size of its error at the prediction `f`; `None` if it does not
/// depend on the error or is undefined.
pub(crate) fn scale_term(observation: &Observation, law: ErrorDistribution, f: f64) -> Option<ScaleTerm> {
    if !law.error.allows(f) {
        return None;
    }
    let ErrorDistribution { error, shape } = law;
    let quantified = |y: f64| {
        let Standardised { z, shares, .. } = Standardised::new(error, f, y);
        let (slope, curvature) = (1.0 - shape.score(z) * z, shape.information_on_scale());
        ScaleTerm { value: shape.deviance(z), slope, curvature, shares }
    };
    if observation.censoring == Censoring::Quantified {
        return Some(quantified(observation.value));
    }
    let ends = observation.ends();
    let at = ends.map(|end| Standardised::of_end(error, f, end));
    let z = at.each_ref().map(|at| at.z);
    if is_narrow(shape, z) {
        let (middle, constant) = narrow(ends, law);
        let of_scale = if error.is_log() { 0.0 } else { 2.0 * error.sd(f).ln() };
        let z = Standardised::new(error, f, middle).z;
        let ScaleTerm { value, slope, shares, .. } = quantified(middle);
        let twice = information(shape, shape.slope_of_score(z) * z * z + 1.0, slope).0;
        return Some(ScaleTerm::censored(value + of_scale + constant, slope, twice, shares));
    }
    let term = IntervalTerm::new(shape, z);
    let by = z.map(|z| if z.is_finite() { -z } else { 0.0 });
    let shares = at[usize::from(z[1].is_finite())].shares;
    Some(ScaleTerm::censored(term.value, term.along(by), term.information(by).0, shares))
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::Analyte;

    fn observed(value: f64, censoring: Censoring) -> Observation {
        Observation { value, censoring, ..Observation::planned(0.0, Analyte::IGE_FREE, 0) }
    }

    /// A value, and observations below it, above it, between it and half of it, between it and twice of it, and barely
    /// below it.
    fn every_kind(y: f64) -> [Observation; 6] {
        let ended = |censoring, end| Observation { interval_end: Some(end), ..observed(y, censoring) };
        [
            observed(y, Censoring::Quantified),
            observed(y, Censoring::Below),
            observed(y, Censoring::Above),
            ended(Censoring::Below, 0.5 * y),
            ended(Censoring::Above, 2.0 * y),
            ended(Censoring::Below, (1.0 - 1e-9) * y),
        ]
    }

    const SHAPES: [ResidualDistribution; 3] = [
        ResidualDistribution::Normal,
        ResidualDistribution::StudentT { df: 4.0 },
        ResidualDistribution::StudentT { df: 1.5 },
    ];
    const ERRORS: [ErrorModel; 4] = [
        ErrorModel::LogNormal { sd: 0.3 },
        ErrorModel::Normal { additive: 2.0, proportional: 0.0 },
        ErrorModel::Normal { additive: 0.0, proportional: 0.25 },
        ErrorModel::Normal { additive: 1.5, proportional: 0.2 },
    ];

    fn laws() -> impl Iterator<Item = ErrorDistribution> {
        SHAPES.into_iter().flat_map(|shape| ERRORS.map(|error| ErrorDistribution { error, shape }))
    }

    /// The density, on the scale of the error, of an observation with median `f`.
    fn density_on_scale(law: ErrorDistribution, f: f64, x: f64) -> f64 {
        let of_z = |z: f64| match law.shape {
            ResidualDistribution::Normal => (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt(),
            ResidualDistribution::StudentT { df } => {
                let gamma = statrs::function::gamma::gamma;
                gamma(0.5 * (df + 1.0)) / gamma(0.5 * df) / (df * std::f64::consts::PI).sqrt()
                    * (1.0 + z * z / df).powf(-0.5 * (df + 1.0))
            }
        };
        match law.error {
            ErrorModel::LogNormal { sd } => of_z((x - f.ln()) / sd) / sd,
            ErrorModel::Normal { additive, proportional } => {
                let g = (additive * additive + (proportional * f).powi(2)).sqrt();
                of_z((x - f) / g) / g
            }
        }
    }

    fn on_scale(law: ErrorDistribution, y: f64) -> f64 {
        if law.error.is_log() { y.ln() } else { y }
    }

    #[test]
    fn it_is_the_density_written_out() {
        for law in laws() {
            for (f, y) in [(10.0, 12.0), (3.0, 0.7), (40.0, 39.0)] {
                let o = observed(y, Censoring::Quantified);
                let found = likelihood_term(&o, law, f).unwrap().value + constant(&o, law, true);
                let jacobian = if law.error.is_log() { y } else { 1.0 };
                let density = density_on_scale(law, f, on_scale(law, y)) / jacobian;
                assert!((found + 2.0 * density.ln()).abs() < 1e-12, "{law:?}");
            }
        }
    }

    #[test]
    fn a_censored_value_is_the_integral_of_the_density() {
        for law in laws() {
            for (f, limit) in [(10.0, 12.0), (3.0, 1.5), (20.0, 16.0)] {
                // Simpson's rule in t with z = sinh t: at 22 the heaviest tail has 1e-14 left.
                let (middle, scale) = (on_scale(law, f), law.error.sd(f));
                let at = |t: f64| density_on_scale(law, f, middle + scale * t.sinh()) * scale * t.cosh();
                let integral = |from: f64, to: f64| {
                    let n = 20_000;
                    let h = (to - from) / f64::from(n);
                    let inner: f64 =
                        (1..n).map(|i| at(from + f64::from(i) * h) * f64::from(2 + 2 * (i % 2))).sum();
                    h / 3.0 * (at(from) + inner + at(to))
                };
                let cut = ((on_scale(law, limit) - middle) / scale).asinh();
                let below = likelihood_term(&observed(limit, Censoring::Below), law, f).unwrap().value;
                assert!((below + 2.0 * integral(-22.0, cut).ln()).abs() < 1e-9, "{law:?} {f} {limit}");
                let above = likelihood_term(&observed(limit, Censoring::Above), law, f).unwrap().value;
                assert!((above + 2.0 * integral(cut, 22.0).ln()).abs() < 1e-9, "{law:?} {f} {limit}");
            }
        }
    }

    #[test]
    fn every_derivative_agrees_with_high_precision() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/censored_density.json");
        let reference: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = reference["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 288);
        for case in cases {
            let number = |key: &str| case[key].as_f64();
            let shape =
                number("df").map_or(ResidualDistribution::Normal, |df| ResidualDistribution::StudentT { df });
            let [s1, s2] = [number("exp_s1").unwrap_or(0.0), number("exp_s2").unwrap_or(0.0)];
            let error = match case["error"].as_str().unwrap() {
                "log_normal" => ErrorModel::LogNormal { sd: s1 },
                _ => ErrorModel::Normal { additive: s1, proportional: s2 },
            };
            let censoring = match case["censoring"].as_str().unwrap() {
                "quantified" => Censoring::Quantified,
                "below" | "between" => Censoring::Below,
                _ => Censoring::Above,
            };
            let (f, law) = (number("f").unwrap(), ErrorDistribution { error, shape });
            let o =
                Observation { interval_end: number("lower"), ..observed(number("y").unwrap(), censoring) };
            let found = likelihood_term(&o, law, f).unwrap();
            // A narrow interval equals a value at its midpoint up to the square of its length.
            let [low, high] = o.ends().map(|end| Standardised::of_end(error, f, end).z);
            let is_short = o.interval_end.is_some() && is_narrow(shape, [low, high]);
            let square = if is_short { (high - low).powi(2) * (1.0 + low * low) } else { 1e-12 };
            let found_at = found;
            let near = |key: &str, found: f64, tolerance: f64| {
                let Some(expected) = number(key) else { return };
                let gap = (found - expected).abs();
                // Near a residual of one, and far out under Student's t, two terms cancel.
                let least = match key {
                    // In a short interval three terms cancel.
                    "information_by_f" if o.interval_end.is_some() => 1e-12 * found_at.information,
                    "information_by_s1" | "information_by_s2" if is_short => square * found_at.information,
                    "by_s1" | "by_s2" => 2e-15,
                    "by_f_s1" | "by_f_s2" => square * (2.0 * found_at.slope).abs(),
                    _ => 1e-290,
                };
                assert!(gap <= tolerance * expected.abs() + least, "{key} of {case}: {found}");
            };
            near("value", found.value + constant(&o, law, false), 1e-11);
            near("by_f", 2.0 * found.slope, 1e-10);
            near("by_f_twice", 2.0 * found.bend, 1e-9);
            near("by_s1", 2.0 * found.by_s[0], 1e-10);
            near("by_s2", 2.0 * found.by_s[1], 1e-10);
            near("by_f_s1", 2.0 * found.slope_by_s[0], 1e-9);
            near("by_f_s2", 2.0 * found.slope_by_s[1], 1e-9);
            // For Student's t the information is a different, always positive one.
            if shape == ResidualDistribution::Normal {
                near("information", found.information, 1e-9);
                near("information_by_f", found.information_by_f, 1e-8);
                near("information_by_s1", found.information_by_s[0], 1e-8);
                near("information_by_s2", found.information_by_s[1], 1e-8);
            }
        }
    }

    #[test]
    fn information_changes_as_its_differences_say() {
        let sized = |error: ErrorModel, by: [f64; 2]| match error {
            ErrorModel::LogNormal { sd } => ErrorModel::LogNormal { sd: sd * by[0].exp() },
            ErrorModel::Normal { additive, proportional } => ErrorModel::Normal {
                additive: additive * by[0].exp(),
                proportional: proportional * by[1].exp(),
            },
        };
        for law in laws() {
            for (f, y) in [(10.0, 12.5), (3.0, 0.7), (60.0, 0.5), (0.5, 60.0)] {
                for o in every_kind(y) {
                    let at = |f: f64, by: [f64; 2]| {
                        likelihood_term(&o, ErrorDistribution { error: sized(law.error, by), ..law }, f)
                            .unwrap()
                            .information
                    };
                    let slope = |of: &dyn Fn(f64) -> f64| {
                        let h = 1e-5;
                        (8.0 * (of(h) - of(-h)) - (of(2.0 * h) - of(-2.0 * h))) / (12.0 * h)
                    };
                    let found = likelihood_term(&o, law, f).unwrap();
                    let by_log_f = slope(&|h| at(f * h.exp(), [0.0; 2]));
                    let scale = 1e-6 * (found.information + by_log_f.abs());
                    assert!((found.information_by_f * f - by_log_f).abs() <= scale, "{law:?} {o:?} {f}");
                    for k in 0..2 {
                        let moved = |h: f64| at(f, std::array::from_fn(|j| if j == k { h } else { 0.0 }));
                        let gap = (found.information_by_s[k] - slope(&moved)).abs();
                        assert!(gap < scale + 1e-300, "{law:?} {o:?} {f} {k}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_lies_below_a_limit_and_is_never_quantified() {
        let log = ErrorDistribution {
            error: ErrorModel::LogNormal { sd: 0.3 },
            shape: ResidualDistribution::Normal,
        };
        let part =
            ErrorDistribution { error: ErrorModel::Normal { additive: 0.0, proportional: 0.2 }, ..log };
        for law in [log, part] {
            let below = likelihood_term(&observed(0.05, Censoring::Below), law, 0.0).unwrap();
            assert_eq!(below, LikelihoodTerm::default());
            assert!(below.is_certain());
            assert!(likelihood_term(&observed(0.05, Censoring::Quantified), law, 0.0).is_none());
            assert!(likelihood_term(&observed(0.05, Censoring::Above), law, 0.0).is_none());
            assert!(likelihood_term(&observed(0.05, Censoring::Below), law, f64::NAN).is_none());
        }
        // With an additive part, any value may be observed at a prediction of zero.
        let both =
            ErrorDistribution { error: ErrorModel::Normal { additive: 0.1, proportional: 0.2 }, ..log };
        assert!(likelihood_term(&observed(0.05, Censoring::Quantified), both, 0.0).is_some());
        // A prediction close to zero is as certain, and its derivatives are finite.
        for f in [1e-90, 1e-200, 1e-320] {
            let term = likelihood_term(&observed(0.05, Censoring::Below), log, f).unwrap();
            assert!(term.is_certain(), "{term:?}");
        }
    }

    #[test]
    fn slopes_are_those_of_differences_far_into_the_tails() {
        for law in laws() {
            for (f, y) in [(10.0, 12.0), (3.0, 0.7), (60.0, 0.5), (0.5, 60.0), (10.0, 150.0)] {
                for o in every_kind(y) {
                    let value = |f: f64| likelihood_term(&o, law, f).unwrap().value;
                    let h = 1e-4 * f;
                    let difference = (8.0 * (value(f + h) - value(f - h))
                        - (value(f + 2.0 * h) - value(f - 2.0 * h)))
                        / (24.0 * h);
                    let found = likelihood_term(&o, law, f).unwrap();
                    let gap = (found.slope - difference).abs();
                    assert!(
                        gap < 1e-6 * difference.abs() + 1e-9,
                        "{law:?} {o:?} {f}: {} {difference}",
                        found.slope
                    );
                    assert!(found.information >= 0.0 && found.information.is_finite());
                    let slope = |f: f64| likelihood_term(&o, law, f).unwrap().slope;
                    let difference = (8.0 * (slope(f + h) - slope(f - h))
                        - (slope(f + 2.0 * h) - slope(f - 2.0 * h)))
                        / (12.0 * h);
                    let gap = (found.bend - difference).abs();
                    assert!(
                        gap < 1e-6 * difference.abs() + 1e-9,
                        "{law:?} {o:?} {f}: {} {difference}",
                        found.bend
                    );
                    // A nonzero gradient always comes with a positive curvature.
                    assert!(found.information > 0.0 || found.slope.abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn a_narrow_interval_is_a_value_times_its_length() {
        for law in laws() {
            for (f, y) in [(10.0, 12.0), (3.0, 2.0), (20.0, 31.0)] {
                let of = |part: f64| {
                    let end = Some((1.0 - part) * y);
                    let o = Observation { interval_end: end, ..observed(y, Censoring::Below) };
                    likelihood_term(&o, law, f).unwrap()
                };
                let part = 1e-7;
                let value = observed((1.0 - 0.5 * part) * y, Censoring::Quantified);
                let density = likelihood_term(&value, law, f).unwrap();
                let expected = density.value + constant(&value, law, true);
                assert!((of(part).value - (expected - 2.0 * (part * y).ln())).abs() < 1e-7, "{law:?} {f}");
                // On both sides of the width from which on the interval is integrated.
                let sd = law.error.sd(f) / if law.error.is_log() { 1.0 } else { y };
                let z = weighted_residual(&value, law.error, f);
                let bend = law.shape.score(z).powi(2) + law.shape.slope_of_score(z).abs();
                let edge = NARROW * sd / bend.sqrt();
                let (narrow, wide) = (of(0.97 * edge), of(1.03 * edge));
                let longer = 2.0 * (1.03_f64 / 0.97).ln();
                let near = |a: f64, b: f64, of: f64| (a - b).abs() < 1e-3 * of.abs();
                assert!((narrow.value - longer - wide.value).abs() < 1e-4 * z.abs() + 1e-7, "{law:?} {f}");
                assert!(near(narrow.slope, wide.slope, density.slope), "{law:?} {f}");
                assert!(near(narrow.bend, wide.bend, density.bend), "{law:?} {f}");
                assert!(near(narrow.information, wide.information, wide.information), "{law:?} {f}");
            }
        }
    }

    #[test]
    fn the_scales_likelihood_is_that_of_the_value() {
        for law in laws() {
            for (f, y) in [(10.0, 12.0), (3.0, 0.7), (60.0, 40.0)] {
                for o in every_kind(y) {
                    let at = |h: f64| {
                        let grown = match law.error {
                            ErrorModel::LogNormal { sd } => ErrorModel::LogNormal { sd: sd * h.exp() },
                            ErrorModel::Normal { additive, proportional } => ErrorModel::Normal {
                                additive: additive * h.exp(),
                                proportional: proportional * h.exp(),
                            },
                        };
                        scale_term(&o, ErrorDistribution { error: grown, ..law }, f).unwrap()
                    };
                    let h = 1e-4;
                    let difference = (8.0 * (at(h).value - at(-h).value)
                        - (at(2.0 * h).value - at(-2.0 * h).value))
                        / (24.0 * h);
                    // The ln g² of a quantified value is left out of `value`, and half its derivative is one.
                    let is_value = o.censoring == Censoring::Quantified;
                    let expected = difference + if is_value { 1.0 } else { 0.0 };
                    let found = at(0.0).slope;
                    assert!(
                        (found - expected).abs() < 1e-7 * expected.abs() + 1e-8,
                        "{law:?} {o:?}: {found} {expected}"
                    );
                    if !is_value {
                        let own = likelihood_term(&o, law, f).unwrap();
                        assert!((at(0.0).value - own.value).abs() < 1e-9 * own.value.abs());
                        assert!((found - (own.by_s[0] + own.by_s[1])).abs() < 1e-9 * found.abs() + 1e-12);
                    }
                }
            }
        }
    }
}
