//! Second derivatives of weighted sums of outputs as differences of exact first derivatives.

use super::model::StructuralModel;
use super::parameter::PARTS;
use super::request::{RequestQueue, SolveRequest};
use super::solution::{Case, InitialTarget, OutputWeights, SecondOrder, Sensitivities};
use crate::course::CourseError;

/// The spacing of the differences, in the logarithm of an input: their error is that of its fourth power, and that of
/// the solution over it, both of them about 1e-7.
const SPACING: f64 = 0.01;
/// Weights of the first derivatives around a point, for their own derivative.
const AROUND: [(f64, f64); 4] =
    [(-2.0, 1.0 / 12.0), (-1.0, -2.0 / 3.0), (1.0, 2.0 / 3.0), (2.0, -1.0 / 12.0)];
/// Weights of the first derivatives below a point that must not be passed.
const BELOW: [(f64, f64); 5] =
    [(0.0, 25.0 / 12.0), (-1.0, -4.0), (-2.0, 3.0), (-3.0, -4.0 / 3.0), (-4.0, 0.25)];

/// A body with one input moved, and the weight of its first derivatives in those to this input.
struct Moved {
    input: usize,
    weight: f64,
    parameters: Vec<f64>,
    start: InitialTarget<f64>,
}

/// The bodies around one, in each input over which second derivatives are wanted.
fn around(model: &dyn StructuralModel, request: &SolveRequest<'_>) -> Vec<Moved> {
    let mut all = Vec::with_capacity(request.over.len() * AROUND.len());
    for &input in request.over.iter() {
        let moved = |steps: f64, weight: f64| {
            let factor = (steps * SPACING).exp();
            let (mut parameters, mut start) = (request.parameters.to_vec(), request.start);
            match (parameters.get_mut(input), &mut start) {
                (Some(value), _) => *value *= factor,
                (None, InitialTarget::Baseline { ige_ng_ml }) => *ige_ng_ml *= factor,
                (None, InitialTarget::SteadyState) => {}
            }
            Moved { input, weight: weight / SPACING, parameters, start }
        };
        let is_part = model.parameters().get(input).is_some_and(|p| PARTS.contains(&p.name));
        let passes_one = is_part && request.parameters[input] * (2.0 * SPACING).exp() > 1.0;
        let stencil = if passes_one { &BELOW[..] } else { &AROUND[..] };
        all.extend(stencil.iter().map(|&(steps, weight)| moved(steps, weight)));
    }
    all
}

/// The second-order derivatives of one request as differences of its exact first derivatives, good to 1e-6 of their size.
///
/// # Errors
/// When it cannot be solved, or a body beside it.
pub(super) fn differences<'a>(
    model: &dyn StructuralModel,
    request: &SolveRequest<'a>,
    queue: &mut dyn RequestQueue<'a, SecondOrder>,
    answer: &mut SecondOrder,
) -> Result<(), CourseError> {
    let &SolveRequest { key, ref parameters, start, course, ref over } = request;
    let inputs = parameters.len() + 1;
    answer.clear();
    let SecondOrder { at, weights, hessian, slope_gradient } = answer;
    let Sensitivities { values, slopes } = at;
    model.sensitivities(parameters, start, course, values, slopes)?;
    hessian.resize(inputs * inputs, 0.0);
    queue.output_weights(key, at, weights);
    let OutputWeights { values: by_value, slopes: by_slope } = &*weights;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let moved = around(model, request);
    let cases: Vec<Case<'_>> =
        moved.iter().map(|m| Case { parameters: &m.parameters, start: m.start, course }).collect();
    // The weighted sums of each, to be combined in their order.
    let mut sums: Vec<Result<(Vec<f64>, f64), CourseError>> =
        cases.iter().map(|_| Ok((Vec::new(), 0.0))).collect();
    model.sensitivities_each(&cases, &mut |k, found| {
        sums[k] = found.map(|Sensitivities { slopes, .. }| {
            let mut gradient = vec![0.0; inputs];
            for (at, by_value) in by_value.iter().enumerate() {
                for &j in over.iter() {
                    gradient[j] += dot(by_value, &slopes[at * inputs + j]);
                }
            }
            (gradient, by_slope.iter().zip(slopes).map(|(w, slope)| dot(w, slope)).sum())
        });
    });
    if !by_slope.is_empty() {
        slope_gradient.resize(inputs, 0.0);
    }
    for (Moved { input, weight, .. }, sums) in moved.iter().zip(sums) {
        let (gradient, sum) = sums?;
        for &j in over.iter() {
            hessian[input * inputs + j] += weight * gradient[j];
        }
        if let Some(slope_gradient) = slope_gradient.get_mut(*input) {
            *slope_gradient += weight * sum;
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
