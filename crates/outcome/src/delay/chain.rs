//! First-order filters of a daily course, step by step in closed form.

use omafit_model::Real;

/// The last of `n` equal filters in a row, da₁/dt = k·(input − a₁), da₂/dt = k·(a₁ − a₂), …, on the days of an input that goes in
/// straight lines from day to day; in balance with the input at first. `k` is above 0, 1/d.
///
/// On an input p + q·s each filter i has the solution p + q·(s − i/k); what departs from it decays as in a chain of the same
/// rates without input.
#[inline(always)]
pub(crate) fn chain<T: Real>(input: &[T], k: T, n: usize) -> Vec<T> {
    let Some(&first) = input.first() else { return Vec::new() };
    let mut states = vec![first; n];
    let mut depart = vec![first; n];
    // e⁻ᵏ·kʲ/j!, what is left of a departure j filters further on after a day.
    let mut left = vec![(-k).exp()];
    for j in 1..n {
        left.push(left[j - 1] * k * (1.0 / j as f64));
    }
    let lag = T::constant(1.0) / k;
    let mut out = Vec::with_capacity(input.len());
    out.push(first);
    for pair in input.windows(2) {
        let (p, q) = (pair[0], pair[1] - pair[0]);
        let behind = q * lag;
        for i in 0..n {
            depart[i] = states[i] - p + behind * (i + 1) as f64;
        }
        for i in 0..n {
            let mut state = pair[1] - behind * (i + 1) as f64;
            for (left, depart) in left.iter().zip(depart[..=i].iter().rev()) {
                state = state + *left * *depart;
            }
            states[i] = state;
        }
        out.push(states[n - 1]);
    }
    out
}

/// ρ of dρ/dt = k·(1 − λ·ρ), ρ(0) = 1, on the days of a λ that goes in straight lines from day to day.
///
/// ρ after a step is e^(−kΛ(1))·ρ + k·∫e^(−k(Λ(1) − Λ(s)))ds, Λ the integral of λ; the integral by Gauss's rule of four points,
/// exact to 1e-8 for k·λ up to 1 a day.
#[inline(always)]
pub(crate) fn turnover<T: Real>(lambda: &[T], k: T) -> Vec<T> {
    const NODES: [(f64, f64); 4] = [
        (0.069_431_844_202_973_71, 0.173_927_422_568_726_93),
        (0.330_009_478_207_571_87, 0.326_072_577_431_273_07),
        (0.669_990_521_792_428_1, 0.326_072_577_431_273_07),
        (0.930_568_155_797_026_3, 0.173_927_422_568_726_93),
    ];
    let mut rho = T::constant(1.0);
    let mut out = Vec::with_capacity(lambda.len());
    if !lambda.is_empty() {
        out.push(rho);
    }
    for pair in lambda.windows(2) {
        let (from, rise) = (pair[0], pair[1] - pair[0]);
        let area = |s: f64| from * s + rise * (0.5 * s * s);
        let whole = area(1.0);
        let mut gained = T::zero();
        for (s, weight) in NODES {
            gained = gained + (k * (area(s) - whole)).exp() * weight;
        }
        rho = (-(k * whole)).exp() * rho + k * gained;
        out.push(rho);
    }
    out
}
