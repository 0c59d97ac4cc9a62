//! The parameters that a structural model declares.

/// A parameter of a structural model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Its name, the paper's.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its meaning.
    pub meaning: &'static str,
}

impl ParameterInfo {
    /// A parameter with a name, a unit and a meaning.
    pub(crate) const fn new(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        Self { name, unit, meaning }
    }
}

/// The parameters of dosing, bioavailability and lag, which every model can have after its own and none must.
pub(super) const DOSING: [ParameterInfo; 2] = [
    ParameterInfo::new("F", "1", "bioavailability of a subcutaneous dose, above 0"),
    ParameterInfo::new("tlag", "d", "time from a subcutaneous dose to the start of its absorption"),
];

/// Parameters that are a part of something: at most one. A bioavailability is none, as it may be relative to that of
/// another formulation or site.
pub(super) const PARTS: [&str; 1] = ["Imax"];
