//! Units and molecular masses.
//!
//! Inside the models: amounts in nmol, volumes in L, time in days, concentrations in nM. At the surface: doses in mg,
//! omalizumab in µg/mL, IgE in ng/mL.

/// Molecular mass of omalizumab, kDa (Hayashi et al. 2007).
pub const OMALIZUMAB_KDA: f64 = 150.0;

/// Molecular mass of IgE, kDa (Hayashi et al. 2007).
pub const IGE_KDA: f64 = 190.0;

/// One international unit of IgE, ng (Hayashi et al. 2007).
pub const NG_PER_IU: f64 = 2.42;

/// nmol of omalizumab in one mg.
pub const NMOL_PER_MG: f64 = 1000.0 / OMALIZUMAB_KDA;

/// µg/mL of omalizumab in one nM.
pub const OMALIZUMAB_UG_ML_PER_NM: f64 = OMALIZUMAB_KDA / 1000.0;

/// ng/mL of IgE in one nM.
pub const IGE_NG_ML_PER_NM: f64 = IGE_KDA;
