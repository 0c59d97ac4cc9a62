//! The derivatives of a subject's part of the objective of FOCE over the population: its exact gradient, with û moving along.
//!
//! In the letters of [`super::conditional`], f'' the second derivatives of f to v, s the logarithms of the residual
//! standard deviations, C = LH⁻¹Lᵀ, T = d ln|H|/dv, a_u = (∂²G/∂u²)⁻¹LᵀT and a = L·a_u:
//!
//! ```text
//! dF/dv = Σ ℓ'·f' + T − aᵀ·∂²Σℓ/∂η∂v
//! dF/ds = Σ ∂ℓ/∂s + Σ ∂w/∂s·f'ᵀCf' − aᵀ·Σ ∂ℓ'/∂s·f'
//! dF/dL = dF/dη·uᵀ + 2·MLH⁻¹ − Σ ℓ'·f'·a_uᵀ
//! ```
//!
//! The information is that of the model made linear at η̂, whose observations are normal with the covariance
//! V = JΩJᵀ + W⁻¹: 2·J'ᵀV⁻¹J' of v, tr(V⁻¹·∂V·V⁻¹·∂V) of Ω and s.

use super::conditional::{ConditionalError, FactoredModel, subject_problem};
use super::space::{Coordinate, Space, covariance_by_factor};
use crate::differentiated::Differentiated;
use crate::likelihood::{Law, LikelihoodTerm, likelihood_term};
use crate::problem::SubjectError;
use crate::shape::Shape;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{Analyte, Censoring, Observation, PopulationModel, Subject};
use serde::{Deserialize, Serialize};

/// How a subject's part changes with the population's vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Change {
    /// dF over the vector.
    pub gradient: Vec<f64>,
    /// The expected second derivatives of F over the vector, column by column.
    pub information: Vec<f64>,
    /// dû over the vector: the u for each number.
    response: Vec<Vec<f64>>,
    /// Half the curvature of G at û less H, row by row.
    pub missing: Vec<f64>,
}

impl Change {
    /// The expected second derivatives of F.
    pub fn expected(&self) -> DMatrix<f64> {
        let n = self.gradient.len();
        DMatrix::from_column_slice(n, n, &self.information)
    }

    /// Where û goes from `u` when the vector has `moved`, to first order.
    pub fn foresee(&self, u: &[f64], moved: &[f64]) -> Vec<f64> {
        let mut u = u.to_vec();
        for (response, moved) in self.response.iter().zip(moved) {
            for (u, by) in u.iter_mut().zip(response) {
                *u += by * moved;
            }
        }
        u
    }
}

/// The change of a subject's part with a population's vector, at its û.
///
/// # Errors
/// When the second derivatives cannot be computed, or the curvature at û is not that of a minimum.
pub(super) fn change(
    population: &FactoredModel,
    space: &Space,
    subject: &Subject,
    u: &[f64],
    rtol: f64,
) -> Result<Change, ConditionalError> {
    let FactoredModel { model, factor } = population;
    let solved = Solved::new(model, subject, &population.eta(u), rtol)?;
    let n = u.len();
    let etas: Vec<usize> = model.variable().iter().map(|i| solved.position(*i)).collect();
    let over: Vec<DVector<f64>> = solved.observations.iter().map(|o| o.over(&etas)).collect();
    let mut information = DMatrix::zeros(n, n);
    for (o, slope) in solved.observations.iter().zip(&over) {
        information.ger(o.term.information, slope, slope, 1.0);
    }
    let seen = &information * factor;
    let whitened = DMatrix::identity(n, n) + factor.tr_mul(&seen);
    let inverse = Cholesky::new(whitened.clone()).ok_or(ConditionalError::NotPositive("H"))?.inverse();
    let covariance = factor * &inverse * factor.transpose();
    // Σℓ: first and second derivatives over v; d ln|H|/dv.
    let wide = solved.inputs.len();
    let mut slope = DVector::zeros(wide);
    let mut bend = DMatrix::zeros(wide, wide);
    let mut determinant = DVector::zeros(wide);
    for (o, over) in solved.observations.iter().zip(&over) {
        slope.axpy(2.0 * o.term.slope, &o.slope, 1.0);
        bend.ger(2.0 * o.term.bend, &o.slope, &o.slope, 1.0);
        bend += &o.bend * (2.0 * o.term.slope);
        let along = &covariance * over;
        determinant.axpy(o.term.information_by_f * along.dot(over), &o.slope, 1.0);
        for m in 0..wide {
            let turn: f64 = etas.iter().zip(along.iter()).map(|(&k, c)| c * o.bend[(k, m)]).sum();
            determinant[m] += 2.0 * o.term.information * turn;
        }
    }
    let by_eta = DVector::from_iterator(n, etas.iter().map(|&k| determinant[k]));
    let bend_of_eta = DMatrix::from_fn(n, n, |i, j| bend[(etas[i], etas[j])]);
    let curvature = factor.tr_mul(&(bend_of_eta * factor)) + DMatrix::identity(n, n) * 2.0;
    let missing = &curvature * 0.5 - &whitened;
    let curvature = Cholesky::new(curvature).ok_or(ConditionalError::NotPositive("the curvature at η̂"))?;
    let a_u = curvature.solve(&factor.tr_mul(&by_eta));
    let a = factor * &a_u;
    let by_v = DVector::from_fn(wide, |m, _| {
        let moved: f64 = etas.iter().zip(a.iter()).map(|(&k, a)| a * bend[(k, m)]).sum();
        slope[m] + determinant[m] - moved
    });
    let by_factor = DMatrix::from_fn(n, n, |row, column| by_v[etas[row]] * u[column])
        + &seen * &inverse * 2.0
        - DMatrix::from_fn(n, n, |row, column| slope[etas[row]] * a_u[column]);
    let scale = |row: usize, column: usize| if row == column { factor[(row, row)] } else { 1.0 };
    let sigma =
        |analyte: Analyte| solved.observations.iter().zip(&over).filter(move |(o, _)| o.analyte == analyte);
    let shift = |c: &Coordinate| space.shift(model, subject, &solved.typical, *c);
    let gradient = |c: &Coordinate| match *c {
        Coordinate::Cholesky { row, column } => scale(row, column) * by_factor[(row, column)],
        Coordinate::Sigma { analyte, part } => sigma(analyte)
            .map(|(o, over)| {
                let square = over.dot(&(&covariance * over));
                2.0 * o.term.by_s[part] + o.term.information_by_s[part] * square
                    - 2.0 * a.dot(over) * o.term.slope_by_s[part]
            })
            .sum(),
        Coordinate::Typical { .. } | Coordinate::Coefficient { .. } => {
            shift(c).map_or(0.0, |(parameter, by)| by * by_v[solved.position(parameter)])
        }
    };
    // −∂²G/∂u over each number, which the curvature turns into dû.
    let push = |c: &Coordinate| match *c {
        Coordinate::Cholesky { row, column } => {
            let mut sum = factor
                .tr_mul(&DVector::from_iterator(n, etas.iter().map(|&k| -u[column] * bend[(k, etas[row])])));
            sum[column] -= slope[etas[row]];
            sum * scale(row, column)
        }
        Coordinate::Sigma { analyte, part } => {
            let mut sum = DVector::zeros(n);
            sigma(analyte).for_each(|(o, over)| sum.axpy(-2.0 * o.term.slope_by_s[part], over, 1.0));
            factor.tr_mul(&sum)
        }
        Coordinate::Typical { .. } | Coordinate::Coefficient { .. } => {
            let Some((parameter, by)) = shift(c) else { return DVector::zeros(n) };
            let at = solved.position(parameter);
            factor.tr_mul(&DVector::from_iterator(n, etas.iter().map(|&k| -by * bend[(k, at)])))
        }
    };
    let omega_by = |row: usize, column: usize| covariance_by_factor(factor, row, column);
    let coordinates = space.coordinates();
    let response = |c| curvature.solve(&push(c)).as_slice().to_vec();
    Ok(Change {
        gradient: coordinates.iter().map(gradient).collect(),
        response: coordinates.iter().map(response).collect(),
        missing: missing.as_slice().to_vec(),
        information: expected(&solved, &over, &covariance, coordinates, &shift, &omega_by)
            .as_slice()
            .to_vec(),
    })
}

/// The expected second derivatives of the linear model's −2 log-likelihood over the vector.
fn expected(
    solved: &Solved,
    over: &[DVector<f64>],
    covariance: &DMatrix<f64>,
    coordinates: &[Coordinate],
    shift: &dyn Fn(&Coordinate) -> Option<(usize, f64)>,
    omega_by: &dyn Fn(usize, usize) -> DMatrix<f64>,
) -> DMatrix<f64> {
    let (rows, n, wide) = (over.len(), covariance.nrows(), solved.inputs.len());
    // Rows on the scale of their errors, √W·J and √W·J'; √W⁻¹·V⁻¹·√W⁻¹ = I − √W·JCJᵀ·√W.
    let roots: Vec<f64> = solved.observations.iter().map(|o| o.term.information.sqrt()).collect();
    let jacobian = DMatrix::from_fn(rows, n, |row, k| roots[row] * over[row][k]);
    let all = DMatrix::from_fn(rows, wide, |row, k| roots[row] * solved.observations[row].slope[k]);
    let precise = DMatrix::identity(rows, rows) - &jacobian * covariance * jacobian.transpose();
    let by_v = all.tr_mul(&(&precise * &all)) * 2.0;
    let seen = &precise * &jacobian;
    let direct = jacobian.tr_mul(&seen);
    // ∂V over each number of Ω and s, as J·M·Jᵀ or as the diagonal of ∂ ln V. The information of a censored observation is no
    // variance, and its part of the information on s is the square of its score.
    enum Spread {
        Between(DMatrix<f64>),
        Within(DVector<f64>, DVector<f64>),
        None,
    }
    let spreads: Vec<Spread> = coordinates
        .iter()
        .map(|c| match *c {
            Coordinate::Cholesky { row, column } => Spread::Between(omega_by(row, column)),
            Coordinate::Sigma { analyte, part } => {
                let of = |is_quantified: bool, by: &dyn Fn(&LikelihoodTerm) -> f64| {
                    let of = |o: &Observed| {
                        let there = o.analyte == analyte && o.is_quantified == is_quantified;
                        if there { by(&o.term) } else { 0.0 }
                    };
                    DVector::from_iterator(rows, solved.observations.iter().map(of))
                };
                let variance = of(true, &|term| -term.information_by_s[part] / term.information);
                Spread::Within(variance, of(false, &|term| term.by_s[part]))
            }
            Coordinate::Typical { .. } | Coordinate::Coefficient { .. } => Spread::None,
        })
        .collect();
    let shifts: Vec<_> = coordinates.iter().map(shift).collect();
    let pair = |i: usize, j: usize| match (&spreads[i], &spreads[j], shifts[i], shifts[j]) {
        (_, _, Some((p, by)), Some((q, also))) => by * also * by_v[(solved.position(p), solved.position(q))],
        (Spread::Between(a), Spread::Between(b), ..) => (&direct * a).dot(&(&direct * b).transpose()),
        (Spread::Between(a), Spread::Within(d, _), ..) | (Spread::Within(d, _), Spread::Between(a), ..) => {
            let across = &seen * a;
            (0..rows).map(|r| d[r] * across.row(r).dot(&seen.row(r))).sum()
        }
        (Spread::Within(d, score), Spread::Within(e, other), ..) => {
            let square = |r: usize, s: usize| precise[(r, s)].powi(2) * d[r] * e[s];
            let nonzero = |v: &DVector<f64>| (0..rows).filter(|&r| v[r] != 0.0).collect::<Vec<_>>();
            let (first, second) = (nonzero(d), nonzero(e));
            let pairs = first.iter().flat_map(|&r| second.iter().map(move |&s| (r, s)));
            pairs.map(|(r, s)| square(r, s)).sum::<f64>() + 2.0 * score.dot(other)
        }
        _ => 0.0,
    };
    let p = coordinates.len();
    let mut information = DMatrix::zeros(p, p);
    for i in 0..p {
        for j in 0..=i {
            information[(i, j)] = pair(i, j);
            information[(j, i)] = information[(i, j)];
        }
    }
    information
}

/// An observation with its likelihood and the derivatives of its prediction over v.
struct Observed {
    analyte: Analyte,
    is_quantified: bool,
    term: LikelihoodTerm,
    slope: DVector<f64>,
    bend: DMatrix<f64>,
}

impl Observed {
    /// The first derivatives over the η.
    fn over(&self, etas: &[usize]) -> DVector<f64> {
        DVector::from_iterator(etas.len(), etas.iter().map(|&k| self.slope[k]))
    }
}

/// A subject's model solved at η̂.
struct Solved {
    typical: Vec<f64>,
    /// Positions of the parameters that make up v.
    inputs: Vec<usize>,
    observations: Vec<Observed>,
}

impl Solved {
    fn new(
        model: &PopulationModel,
        subject: &Subject,
        eta: &[f64],
        rtol: f64,
    ) -> Result<Self, ConditionalError> {
        let typical = model.typical(&subject.covariates).map_err(SubjectError::from)?;
        let estimated = |i: &usize| {
            let parameter = &model.parameters()[*i];
            model.variable().contains(i) || !parameter.fixed || parameter.effects.iter().any(|e| !e.fixed)
        };
        let inputs: Vec<usize> = (0..typical.len()).filter(estimated).collect();
        let problem = subject_problem(model, subject, None)?;
        let solved = problem.differentiated(eta, &inputs, rtol).map_err(SubjectError::from)?;
        let observed = |(o, Differentiated { predicted, slope, bend }): (&Observation, Differentiated)| {
            let law = Law { error: model.residual(o.analyte)?.error, shape: Shape::Normal };
            let term = likelihood_term(o, law, predicted)?;
            let is_quantified = o.censoring == Censoring::Quantified;
            let analyte = o.analyte;
            (!term.is_certain()).then_some(Observed { analyte, is_quantified, term, slope, bend })
        };
        let observations = subject.observations.iter().zip(solved).filter_map(observed).collect();
        Ok(Self { typical, inputs, observations })
    }

    fn position(&self, parameter: usize) -> usize {
        self.inputs.iter().position(|i| *i == parameter).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::conditional::conditional;
    use crate::simulate::{Noise, SubjectStream, simulate_subject};
    use omafit_model::{Covariates, Dose, EffectEntry, ResidualEntry, Transform, published};

    /// Hayashi's model with a block, a logit, every kind of effect and of residual error, and limits.
    fn model() -> PopulationModel {
        let base = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let mut file = base.file().clone();
        let covariate = || "AGE".to_string();
        let effects = [
            (
                "ka",
                EffectEntry::Exponential { covariate: covariate(), centre: 40.0, slope: -0.01, fixed: false },
            ),
            ("Vc", EffectEntry::Linear { covariate: covariate(), centre: 40.0, slope: 0.005, fixed: false }),
        ];
        for (name, effect) in effects {
            file.parameters.get_mut(name).unwrap().effects.push(effect);
        }
        let vx = file.parameters.get_mut("Vx").unwrap();
        (vx.transform, vx.bounds) = (Transform::Logit, Some([1.0, 30.0]));
        let entry = |log_sd, additive_sd, proportional_sd| ResidualEntry {
            log_sd,
            additive_sd,
            proportional_sd,
            ..ResidualEntry::default()
        };
        file.residual.insert(Analyte::OmalizumabTotal, entry(None, Some(1.0), Some(0.1)));
        let limited = ResidualEntry { uloq: Some(60.0), ..entry(Some(0.2), None, None) };
        file.residual.insert(Analyte::IgeFree, limited);
        PopulationModel::new(file).unwrap()
    }

    fn subject(model: &PopulationModel, seed: u64) -> Subject {
        let doses: Vec<Dose> = (0..4).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
        let days = [0.0, 3.0, 10.0, 27.0, 60.0, 111.0, 140.0, 180.0];
        let covariates = Covariates::new(80.0, 450.0).with("AGE", 30.0 + seed as f64 * 7.0);
        let mut subject = Subject::planned(seed, covariates, doses, &days);
        simulate_subject(model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
        // What cannot be observed of a combined error before the first dose.
        subject.observations.retain(|o| o.value > 0.0);
        subject
    }

    /// So accurate that what is left of a difference is its formula's.
    const RTOL: f64 = 1e-12;

    #[test]
    fn the_gradient_is_that_of_differences_of_the_converged_objective() {
        let truth = model();
        let space = Space::new(&truth).unwrap();
        let mut censored = 0;
        for seed in 1..=3 {
            let subject = subject(&truth, seed);
            censored += subject.observations.iter().filter(|o| o.censoring == Censoring::Above).count();
            // Away from the truth, where nothing cancels.
            let x: Vec<f64> = space.vector(&truth.values()).iter().map(|x| x + 0.1).collect();
            let population = |x: &[f64]| FactoredModel::new(space.model(&truth, x).unwrap()).unwrap();
            let value =
                |x: &[f64], start: &[f64]| conditional(&population(x), &subject, start, None, RTOL).unwrap();
            let centre = value(&x, &[0.0; 7]);
            let changed = change(&population(&x), &space, &subject, &centre.u, RTOL).unwrap();
            let found = &changed.gradient;
            for (k, name) in space.names(&truth).iter().enumerate() {
                // Between the error of the formula and that of η̂, wherever that is for each.
                let gaps = [4e-3, 1e-2, 4e-2].map(|h| {
                    let moved = |steps: f64| {
                        let mut x = x.clone();
                        x[k] += steps * h;
                        value(&x, &centre.u).ofv
                    };
                    let difference =
                        (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * h);
                    (found[k] - difference).abs() / (1.0 + difference.abs())
                });
                assert!(gaps.iter().any(|gap| *gap < 1e-5), "{name}: {} {gaps:?}", found[k]);
                // η̂ moves as foreseen.
                let (h, mut along) = (1e-3, vec![0.0; x.len()]);
                along[k] = h;
                let mut moved = x.clone();
                moved[k] += h;
                let there = value(&moved, &centre.u).u;
                for (u, foreseen) in there.iter().zip(changed.foresee(&centre.u, &along)) {
                    assert!((u - foreseen).abs() < 1e-4, "{name}: {u} {foreseen}");
                }
            }
        }
        assert!(censored > 3, "{censored}");
    }
}
