//! The depot under the skin, in closed form, and the ways into the body.

use crate::dual::Dual;
use crate::scalar::Real;

/// An amount or a flow of drug with its derivatives to the absorption rate constant and the bioavailability.
pub(super) type Flux = Dual<f64, 2>;

/// Which derivative of a [`Flux`].
pub(super) const BY_KA: usize = 0;
pub(super) const BY_F: usize = 1;

/// How doses enter: nmol in a compartment for a mg given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub depot: Flux,
    pub centre: Flux,
    /// Days from a subcutaneous dose to its arrival in the depot.
    pub lag: f64,
}

impl Entry {
    /// `apparent` as of [`super::Structure::APPARENT`]; `dosing` is bioavailability and lag, where the model has them.
    pub(super) fn new(nmol_per_mg: f64, apparent: bool, dosing: Option<(f64, f64)>) -> Self {
        let whole = Flux::fixed(nmol_per_mg);
        let Some((f, lag)) = dosing else { return Self { depot: whole, centre: whole, lag: 0.0 } };
        let f = Flux::variable(f, BY_F);
        let (depot, centre) = if apparent { (whole, whole / f) } else { (whole * f, whole) };
        Self { depot, centre, lag }
    }
}

/// What is under the skin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depot {
    pub absorption: Flux,
    /// Amount, nmol.
    pub amount: Flux,
    /// What is being infused into it, nmol/d.
    pub inflow: Flux,
}

impl Depot {
    #[inline(always)]
    pub(super) fn empty(ka: f64) -> Self {
        let none = Flux::zero();
        Self { absorption: Flux::variable(ka, BY_KA), amount: none, inflow: none }
    }

    /// The flow out of it as `transient·exp(−ka·t) + steady`, nmol/d.
    #[inline(always)]
    pub(super) fn outflow(&self) -> (Flux, Flux) {
        (self.absorption * self.amount - self.inflow, self.inflow)
    }

    /// After `days`.
    #[inline(always)]
    pub(super) fn pass(&mut self, days: f64) {
        let left = (self.absorption * -days).exp();
        let (transient, steady) = self.outflow();
        self.amount = if self.inflow.re == 0.0 {
            self.amount * left
        } else {
            (transient * left + steady) / self.absorption
        };
    }
}
