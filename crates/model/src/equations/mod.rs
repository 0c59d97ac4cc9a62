//! Structural models: their equations, and the solutions that are asked of them.
//!
//! A structural model is one file: an [`OdeSystem`], the equations in their rate constants, and one `ModelEquations` or more,
//! which say how parameters make those rate constants and how concentrations are read. Everything else sees
//! [`StructuralModel`].

mod differences;
mod falling_production;
mod full_binding;
mod inputs;
mod michaelis_menten;
mod model;
mod one_compartment;
mod parameter;
mod predict;
mod quasi_equilibrium;
mod quasi_equilibrium_2cmt;
mod quasi_steady_state;
mod registry;
mod request;
mod second_order;
mod solution;
mod step_limits;
mod system;

pub use model::StructuralModel;
pub use parameter::ParameterInfo;
pub use registry::{STRUCTURES, analytes, structure, structure_with_dosing};
pub use request::{RequestQueue, SolveRequest};
pub use solution::{
    Case, InitialTarget, OutputRows, OutputWeights, Predicted, SecondOrder, Sensitivities, Take,
};
pub(crate) use system::OdeSystem;
