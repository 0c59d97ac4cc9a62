//! The depot under the skin, in closed form, and the ways into the body.

use crate::autodiff::{Dual, Real};
use crate::subject::Route;

/// An amount or a flow of drug with its derivatives to the absorption rate constant and the bioavailability.
pub(crate) type Flux = Dual<f64, 2>;

/// Positions of the derivatives of a [`Flux`].
pub(super) const BY_KA: usize = 0;
pub(super) const BY_F: usize = 1;

/// How doses enter: nmol in a compartment for a mg given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DoseInput {
    pub(super) depot: Flux,
    pub(super) centre: Flux,
    /// Days from a subcutaneous dose to its arrival in the depot.
    pub(super) lag: f64,
}

impl DoseInput {
    /// `apparent` as of [`crate::equations::ModelEquations::APPARENT`]; `dosing` is bioavailability and lag, where the model has them.
    pub(crate) fn new(nmol_per_mg: f64, apparent: bool, dosing: Option<(f64, f64)>) -> Self {
        let whole = Flux::fixed(nmol_per_mg);
        let Some((f, lag)) = dosing else { return Self { depot: whole, centre: whole, lag: 0.0 } };
        let f = Flux::variable(f, BY_F);
        let (depot, centre) = if apparent { (whole, whole / f) } else { (whole * f, whole) };
        Self { depot, centre, lag }
    }

    /// nmol for a mg given by a route.
    pub(super) fn of(&self, route: Route) -> Flux {
        match route {
            Route::Subcutaneous => self.depot,
            Route::Intravenous => self.centre,
        }
    }
}

/// The depot under the skin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depot {
    pub absorption: Flux,
    /// Amount, nmol.
    pub amount: Flux,
    /// The rate of infusion into it, nmol/d.
    pub inflow: Flux,
    /// Second derivative of the amount to the absorption rate constant, while nothing but injections entered.
    bend: f64,
}

impl Depot {
    #[inline(always)]
    pub(super) fn empty(ka: f64) -> Self {
        let none = Flux::zero();
        Self { absorption: Flux::variable(ka, BY_KA), amount: none, inflow: none, bend: 0.0 }
    }

    /// The flow out of it from now on.
    #[inline(always)]
    pub(super) fn outflow(&self) -> Outflow {
        Outflow {
            absorption: self.absorption,
            held: self.absorption * self.amount,
            inflow: self.inflow,
            bend: 2.0 * self.amount.eps[BY_KA] + self.absorption.re * self.bend,
        }
    }

    /// After `days`.
    #[inline(always)]
    pub(super) fn pass(&mut self, days: f64) {
        let lost = self.absorption * -days;
        self.bend = bent(self.amount, self.bend, days) * Real::exp(lost.re);
        self.amount = self.amount * lost.exp();
        if self.inflow.re != 0.0 {
            self.amount = self.amount + self.inflow * released(-lost) / self.absorption;
        }
    }
}

/// The flow out of a depot until something enters it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outflow {
    absorption: Flux,
    /// The flow at the start from what is held, nmol/d.
    held: Flux,
    /// The rate of infusion into it, nmol/d.
    inflow: Flux,
    /// Second derivative of what is held to the absorption rate constant.
    bend: f64,
}

impl Outflow {
    /// The outflow of a depot that stays empty.
    pub(super) fn none() -> Self {
        Depot::empty(1.0).outflow()
    }

    /// Whether the depot is being infused into.
    #[inline(always)]
    pub(super) fn is_infused(&self) -> bool {
        self.inflow.re != 0.0
    }

    /// The flow at the start from what is held, nmol/d.
    pub(super) fn held(&self) -> Flux {
        self.held
    }

    /// Second derivative of the outflow after `days` to the absorption rate constant, where nothing is infused.
    #[inline(always)]
    pub(crate) fn bend_after_injections<F: Real>(&self, days: F) -> F {
        bent(self.held, self.bend, days) * (days * -self.absorption.re).exp_within()
    }

    /// After `days`, nmol/d.
    pub(super) fn after(&self, days: f64) -> Flux {
        let lost = self.absorption * -days;
        self.held * lost.exp() + self.inflow * released(-lost)
    }
}

/// Second derivative of a·exp(−ka·t) to ka, over exp(−ka·t), where `bend` is that of a.
#[inline(always)]
fn bent<F: Real>(a: Flux, bend: f64, days: F) -> F {
    days * (days * a.re + -2.0 * a.eps[BY_KA]) + bend
}

/// Where 1 − exp(−x) is taken from its series, and how many terms that needs.
const SMALL: f64 = 0.1;
const TERMS: u32 = 12;

/// 1 − exp(−x) for x ≥ 0, in which nothing cancels: at the onset of an infusion under the skin the body holds less
/// than the rounding of the difference, and a solver that looks for a part in 10¹¹ of it takes steps for noise.
#[inline(never)]
fn released(x: Flux) -> Flux {
    if x.re > SMALL {
        return -((-x).exp()) + 1.0;
    }
    // x·(1 − x/2·(1 − x/3·(1 − …))), and its slope exp(−x).
    let sum = (2..=TERMS).rev().fold(1.0, |sum, n| 1.0 - x.re / f64::from(n) * sum);
    let slope = (-x.re).exp();
    Flux { re: x.re * sum, eps: x.eps.map(|e| e * slope) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_keeps_its_digits() {
        for x in [1e-300, 1e-17, 1e-9, 1e-3, 0.0999, 0.1, 0.1001, 1.0, 30.0, 800.0] {
            let found = released(Flux::variable(x, BY_KA));
            let exact = -(-x).exp_m1();
            assert!((found.re / exact - 1.0).abs() < 2e-15, "{x}: {} {exact}", found.re);
            assert!((found.eps[BY_KA] - (-x).exp()).abs() < 1e-15 && found.eps[BY_F] == 0.0, "{x}");
        }
        assert_eq!(released(Flux::zero()), Flux::zero());
    }
}
