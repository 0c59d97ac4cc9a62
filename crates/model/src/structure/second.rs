//! Second derivatives of what a body is made of, and of sums of concentrations where they are not found backward.

use super::errand::{Errand, Errands};
use super::solve::own;
use super::{Body, OutputWeights, PARTS, SecondOrder, Sensitivities, Start, StructuralModel, Structure};
use crate::course::CourseError;
use crate::dual::Dual;
use crate::scalar::Real;

/// A function of the inputs with its first and second derivatives.
type Input<const P: usize> = Dual<Dual<f64, P>, P>;

/// The parameters, what each lane is, and the states at the start, as functions of the logarithms of the inputs.
type Sources<const N: usize, const L: usize, const P: usize> = ([Input<P>; P], [Input<P>; L], [Input<P>; N]);

/// Those of a plain course.
#[inline(always)]
pub(super) fn sources<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: Start<f64>,
) -> Sources<N, L, P>
where
    S: Structure<N, K>,
{
    // Each input is its own derivative to its logarithm.
    let input = |value: f64, j: usize| {
        let mut twice = Input::<P>::fixed(Dual::fixed(value));
        twice.re.eps[j] = value;
        twice.eps[j].re = value;
        twice.eps[j].eps[j] = value;
        twice
    };
    let all: [Input<P>; P] = std::array::from_fn(|j| input(parameters.get(j).copied().unwrap_or(0.0), j));
    let named = &all[..own::<S, N, K>()];
    let begin = match start {
        Start::Baseline { ige_ng_ml } => Start::Baseline { ige_ng_ml: input(ige_ng_ml, P - 1) },
        Start::SteadyState => Start::SteadyState,
    };
    let mut sources = [Input::<P>::zero(); L];
    sources[..K].copy_from_slice(&S::rates(named, begin));
    let initial = S::initial(named, begin);
    for (i, &n) in S::Body::INITIAL_LANES.iter().enumerate() {
        sources[K + i] = initial[n];
    }
    (all, sources, initial)
}

/// The spacing of the differences, in the logarithm of an input: their error is that of its fourth power, and that of
/// the solution over it, both of them about 1e-7.
const SPACING: f64 = 0.01;
/// Weights of the first derivatives around a point, for their own derivative.
const AROUND: [(f64, f64); 4] =
    [(-2.0, 1.0 / 12.0), (-1.0, -2.0 / 3.0), (1.0, 2.0 / 3.0), (2.0, -1.0 / 12.0)];
/// The same below a point that must not be passed.
const BELOW: [(f64, f64); 5] =
    [(0.0, 25.0 / 12.0), (-1.0, -4.0), (-2.0, 3.0), (-3.0, -4.0 / 3.0), (-4.0, 0.25)];

/// The second-order derivatives of one errand as differences of its exact first derivatives, good to 1e-6 of their size.
pub(super) fn differences<'a>(
    model: &dyn StructuralModel,
    errand: &Errand<'a>,
    errands: &mut dyn Errands<'a, SecondOrder>,
    SecondOrder { at, weights, hessian, slope_gradient }: &mut SecondOrder,
) -> Result<(), CourseError> {
    let &Errand { key, ref parameters, start, course, ref over } = errand;
    let inputs = parameters.len() + 1;
    weights.clear();
    slope_gradient.clear();
    hessian.clear();
    hessian.resize(inputs * inputs, 0.0);
    let Sensitivities { values, slopes } = at;
    model.sensitivities(parameters, start, course, values, slopes)?;
    if over.is_empty() {
        return Ok(());
    }
    errands.weigh(key, at, weights);
    let OutputWeights { values: of_values, slopes: of_slopes } = weights;
    if !of_slopes.is_empty() {
        slope_gradient.resize(inputs, 0.0);
    }
    let dot = |a: &[f64; 5], b: &[f64; 5]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut moved_values, mut moved_slopes) = (Vec::new(), Vec::new());
    for &i in over.iter() {
        let moved = |steps: f64| {
            let factor = (steps * SPACING).exp();
            let (mut moved, mut from) = (parameters.to_vec(), start);
            match (moved.get_mut(i), &mut from) {
                (Some(value), _) => *value *= factor,
                (None, Start::Baseline { ige_ng_ml }) => *ige_ng_ml *= factor,
                (None, Start::SteadyState) => {}
            }
            (moved, from)
        };
        let part = model.parameters().get(i).is_some_and(|p| PARTS.contains(&p.name));
        let stencil = if part && moved(2.0).0[i] > 1.0 { &BELOW[..] } else { &AROUND[..] };
        for &(steps, weight) in stencil {
            let (moved, from) = moved(steps);
            model.sensitivities(&moved, from, course, &mut moved_values, &mut moved_slopes)?;
            let weight = weight / SPACING;
            for (slopes, of_value) in moved_slopes.chunks_exact(inputs).zip(&*of_values) {
                for &j in over.iter() {
                    hessian[i * inputs + j] += weight * dot(of_value, &slopes[j]);
                }
            }
            if let Some(sum) = slope_gradient.get_mut(i) {
                let all = of_slopes.iter().zip(&moved_slopes);
                *sum += weight * all.map(|(w, slope)| dot(w, slope)).sum::<f64>();
            }
        }
    }
    for i in 0..inputs {
        for j in 0..i {
            let mean = 0.5 * (hessian[i * inputs + j] + hessian[j * inputs + i]);
            (hessian[i * inputs + j], hessian[j * inputs + i]) = (mean, mean);
        }
    }
    Ok(())
}
