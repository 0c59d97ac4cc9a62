//! Units in which a model file may give a parameter.

use crate::units::IGE_KDA;

/// Units of each quantity, each with its size in the first unit.
const QUANTITIES: [&[(&str, f64)]; 7] = [
    &[("1/d", 1.0), ("1/h", 24.0), ("1/wk", 1.0 / 7.0)],
    &[("L/d", 1.0), ("L/h", 24.0), ("mL/h", 0.024), ("mL/d", 0.001)],
    &[("L", 1.0), ("mL", 0.001)],
    &[
        ("nmol/d", 1.0),
        ("nmol/h", 24.0),
        ("µg/d", 1.0 / IGE_KDA),
        ("µg/h", 24.0 / IGE_KDA),
        ("ug/d", 1.0 / IGE_KDA),
        ("ug/h", 24.0 / IGE_KDA),
    ],
    &[("nM", 1.0), ("pM", 0.001), ("µM", 1000.0)],
    &[("d", 1.0), ("h", 1.0 / 24.0), ("wk", 7.0)],
    &[("1", 1.0)],
];

/// The factor that converts a value in `unit` to the structure's unit; on failure the units allowed.
pub(super) fn factor(unit: &str, structures: &str) -> Result<f64, Vec<&'static str>> {
    let quantity = QUANTITIES.iter().find(|units| units.iter().any(|(name, _)| *name == structures));
    let units = quantity.copied().unwrap_or_default();
    let of = |wanted: &str| units.iter().find(|(name, _)| *name == wanted).map(|(_, size)| *size);
    match (of(unit), of(structures)) {
        (Some(size), Some(own)) => Ok(size / own),
        _ => Err(units.iter().map(|(name, _)| *name).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_units_become_the_structures() {
        // Hayashi et al. 2007, as printed.
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-12, "{found}");
        near(0.02 * factor("1/h", "1/d").unwrap(), 0.48);
        near(7.32 * factor("mL/h", "L/d").unwrap(), 0.17568);
        near(5900.0 * factor("mL", "L").unwrap(), 5.9);
        // The paper gives both 30.3 µg/h and 0.1595 nmol/h.
        assert!((30.3 * factor("µg/h", "nmol/h").unwrap() - 0.1595).abs() < 5e-5);
        near(factor("µg/h", "nmol/d").unwrap(), 24.0 / 190.0);
        assert_eq!(factor("L", "1/d"), Err(vec!["1/d", "1/h", "1/wk"]));
    }
}
