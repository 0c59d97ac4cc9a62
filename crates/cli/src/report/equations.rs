//! The equations of the structures, as a report prints them.

const DEPOT: &str = "dD/dt = −ka·D                               depot; a dose of m mg adds m·1000/150 nmol";
const EQUILIBRIUM: [&str; 8] = [
    "dX/dt =  ka·D − CLx·Cx − CLc·Cc             total omalizumab, free and bound",
    "dE/dt =  Pe   − CLe·Ce − CLc·Cc             total IgE, free and bound",
    "Kd    =  Kd0·(X/E)^alpha                    dissociation constant, drifting with the molar ratio",
    "K     =  Kd·Vx·Ve/Vc,  S = X + E + K",
    "C     =  2·X·E / (S + √(S² − 4·X·E))        complex",
    "Cx = (X − C)/Vx,  Ce = (E − C)/Ve,  Cc = C/Vc,  Ve = Vx",
    "total omalizumab = (Cx + Cc)·150/1000 µg/mL",
    "total IgE = (Ce + Cc)·190 ng/mL,  free IgE = Ce·190 ng/mL",
];
const EXCESS: &str = "CLc   =  CLx + dCLc                         clearance of the complex";
const FALLING: [&str; 2] = [
    "dP/dt = kp·(Pe·(1 − Imax·(1 − Ce/Ce0)) − P)   P takes the place of Pe; P(0) = Pe",
    "                                            Ce0 free IgE at the start",
];
const BINDING: [&str; 5] = [
    "dD/dt = −ka·D                               depot; a dose of m mg adds m·1000/149 nmol",
    "dX/dt = F·ka·D − CL/Vc·X − kon/Vc·X·R + koff·C",
    "dR/dt = keR·(Rb·Vc − R) − kon/Vc·X·R + koff·C",
    "dC/dt = kon/Vc·X·R − koff·C − keDR·C,        kon = koff/Kd",
    "total omalizumab = (X + C)/Vc·149/1000 µg/mL, total IgE = (R + C)/Vc·190, free IgE = R/Vc·190 ng/mL",
];
const PERIPHERAL: [&str; 2] = [
    "dX/dt has also  − Q/Vc·X + Q/Vp·Xp",
    "dXp/dt = Q/Vc·X − Q/Vp·Xp              free omalizumab, peripheral",
];
const STEADY: [&str; 4] = [
    "dX/dt  = F·ka·D − CL/Vc·(X − C) − keDR·C − Q/Vc·(X − C) + Q/Vp·Xp",
    "dXp/dt = Q/Vc·(X − C) − Q/Vp·Xp",
    "dR/dt  = keR·(Rb·Vc − (R − C)) − keDR·C",
    "(X − C)·(R − C) = Kss·Vc·C,   Kss = (koff + keDR)/kon",
];
const MICHAELIS_MENTEN: [&str; 3] = [
    "dX/dt  = F·ka·D − CL/Vc·X − keDR·Rb·Vc·X/(Km·Vc + X) − Q/Vc·X + Q/Vp·Xp",
    "dXp/dt = Q/Vc·X − Q/Vp·Xp,   Cx = X/Vc,   Km = (koff + keDR)/kon",
    "complex = Rb·Cx/(Km + Cx),   free IgE = Rb·Km/(Km + Cx)",
];
const ONE_COMPARTMENT: [&str; 2] = ["dD/dt = −ka·D", "dX/dt =  ka·D − CL/V·X,   concentration X/V in µg/mL"];

/// The equations of a structure, a line each; none of one that is not known here.
pub fn of(structure: &str) -> Vec<String> {
    let parts: &[&[&str]] = match structure {
        "quasi_equilibrium" => &[&[DEPOT], &EQUILIBRIUM, &[EXCESS]],
        "quasi_equilibrium_clc" => &[&[DEPOT], &EQUILIBRIUM],
        "falling_production" => &[&[DEPOT], &EQUILIBRIUM, &[EXCESS], &FALLING],
        "full_binding_1cmt" => &[&BINDING],
        "full_binding_2cmt" => &[&BINDING, &PERIPHERAL],
        "qss_2cmt" => &[&STEADY],
        "michaelis_menten_2cmt" => &[&MICHAELIS_MENTEN],
        "one_compartment" => &[&ONE_COMPARTMENT],
        _ => &[],
    };
    parts.concat().into_iter().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_structure_has_its_equations() {
        for structure in omafit_model::STRUCTURES {
            assert!(!super::of(structure.name()).is_empty(), "{}", structure.name());
        }
    }
}
