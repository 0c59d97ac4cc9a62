//! Warnings about the draws of a bootstrap or of SIR: how reliable their intervals are.

use omafit_estimate::{BootstrapReplicate, PopulationEstimate, SirFound, SirQuality};
use omafit_model::PopulationModel;
use omafit_trial::{Table, Values};
use std::collections::BTreeMap;

/// Pareto k̂ above which weighted estimates are not reliable (Vehtari et al. 2024).
const TRUSTED: f64 = 0.7;
/// Fraction of the weight on the outermost tenth of the samples above which the proposal was too narrow.
const OUTWARDS: f64 = 0.2;
/// Monte-Carlo error of the end of an interval, in standard errors, above which a warning is given.
const MUCH: f64 = 0.2;
/// Fraction of samples without an objective above which a warning is given.
const WITHOUT: f64 = 0.01;
/// Decrease of the objective that exceeds rounding error.
const LOWER: f64 = 0.1;
/// Advice for a proposal that was too narrow.
const MORE: &str = "sample more, in more rounds (--samples 2000,2000,2000,4000,4000 --resamples 400,800,1000,1000,1000), and \
                    see whether it goes away, or take `omafit bootstrap`";

/// Largest Monte-Carlo error of an interval end in a table of `bootstrap` or `sir`, in standard errors of the
/// estimate.
pub fn monte_carlo_error(table: &Table) -> Option<f64> {
    let column = |name: &str| match table.values(name) {
        Some(Values::Float(values)) => &values[..],
        _ => &[],
    };
    let se = column("se");
    let of = |ends: &str| {
        let errors = column(ends).iter().zip(se).map(|(error, se)| error / se);
        errors
            .filter(|error| error.is_finite())
            .fold(None, |most: Option<f64>, error| Some(most.map_or(error, |most| most.max(error))))
    };
    [of("ci_low_mcse"), of("ci_high_mcse")].into_iter().flatten().max_by(f64::total_cmp)
}

/// Warnings about the samples of SIR; `error` is the largest Monte-Carlo error of an interval end, in standard
/// errors.
pub fn sir_warnings(found: &SirFound, error: Option<f64>) -> Vec<String> {
    let SirQuality { samples, without_objective, effective, pareto_k, outermost_weight, .. } = found.whole;
    let mut warnings = Vec::new();
    let k = if pareto_k.is_finite() { format!("{pareto_k:.2}") } else { "without bound".into() };
    if !(pareto_k <= TRUSTED) {
        warnings.push(format!(
            "sir: the proposal was too narrow: Pareto k̂ of the weights is {k}, above {TRUSTED}, and standard errors and intervals \
             are not to be trusted: {MORE}"
        ));
    } else if outermost_weight > OUTWARDS {
        warnings.push(format!(
            "sir: the proposal was too narrow: the weights rise with the distance from the middle, and the outermost tenth of the \
             samples has {:.0} % of the weight; intervals may be too short: {MORE}",
            100.0 * outermost_weight
        ));
    }
    if let Some(error) = error.filter(|error| *error > MUCH) {
        warnings.push(format!(
            "sir: the samples are worth {effective:.0} independent ones: ends of intervals are uncertain by up to {error:.2} \
             standard errors; sample more"
        ));
    }
    if without_objective as f64 > WITHOUT * samples as f64 {
        warnings.push(format!(
            "sir: of {without_objective} of {samples} samples the objective cannot be computed: they count as impossible, and \
             intervals may be too short"
        ));
    }
    let least = found.least_dofv();
    if least < -LOWER {
        warnings.push(format!(
            "sir: a sample has an objective that is lower than the estimates' by {:.2}: they are not at the minimum; fit again from \
             its numbers (the row of the lowest dofv in sir_samples.csv)",
            -least
        ));
    }
    warnings
}

/// An estimate that some replicates do not determine.
pub struct Missing {
    /// Name of the estimate.
    pub name: String,
    /// Number of replicates that do not determine the estimate.
    pub replicates: usize,
    /// Covariate of the effect, if the estimate is a coefficient of one.
    covariate: Option<String>,
}

/// Estimates that have no value in some of the draws.
pub fn not_determined(
    model: &PopulationModel,
    estimates: &[PopulationEstimate],
    draws: &[Vec<f64>],
) -> Vec<Missing> {
    let of = |(k, e): (usize, &PopulationEstimate)| Missing {
        name: e.name.clone(),
        replicates: draws.iter().filter(|draw| draw[k].is_nan()).count(),
        covariate: covariate_of(model, &e.name),
    };
    estimates.iter().enumerate().map(of).filter(|missing| missing.replicates > 0).collect()
}

/// Covariate of the effect of which the estimate with this name is a coefficient.
fn covariate_of(model: &PopulationModel, number: &str) -> Option<String> {
    let effects = model.parameter_names().zip(model.parameters()).flat_map(|(name, parameter)| {
        parameter
            .effects
            .iter()
            .map(move |effect| (format!("{name}_{}", effect.covariate), &effect.covariate))
    });
    let is_of =
        |name: &str| number.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
    effects.into_iter().find(|(name, _)| is_of(name)).map(|(_, covariate)| covariate.clone())
}

/// Warnings about estimates that some of the converged replicates do not determine.
pub fn bootstrap_warnings(missing: &[Missing], converged: usize, stratify: Option<&str>) -> Vec<String> {
    let one = |Missing { name, replicates, covariate }: &Missing| {
        let instead = covariate.as_deref().filter(|covariate| Some(*covariate) != stratify);
        let instead = instead.map_or(String::new(), |covariate| {
            format!("; --stratify {covariate} draws as many subjects of each {covariate} as there are")
        });
        format!(
            "bootstrap: the subjects of {replicates} of {converged} replicates do not determine {name}: these are left out of its \
             row, which is of the others{instead}"
        )
    };
    missing.iter().map(one).collect()
}

/// Number of replicates in which an estimate is at an end of its range, by the sentence that says so.
pub fn at_ends(replicates: &[&BootstrapReplicate]) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    let words = replicates.iter().flat_map(|replicate| replicate.ends.iter());
    words.for_each(|words| *ends.entry(words.clone()).or_insert(0) += 1);
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_estimate::SirSample;
    use omafit_model::{EffectEntry, LevelEntry};
    use omafit_trial::Column;

    const GOOD: SirQuality = SirQuality {
        samples: 1000,
        without_objective: 10,
        effective: 700.0,
        pareto_k: 0.7,
        outermost_weight: 0.2,
        mean_dofv: 7.0,
    };

    fn warned(whole: SirQuality, dofv: f64, error: Option<f64>) -> String {
        let sample = SirSample { round: 0, vector: Vec::new(), dofv, log_weight: 0.0, kept: true };
        sir_warnings(&SirFound { samples: vec![sample], rounds: Vec::new(), whole }, error).join("\n")
    }

    #[test]
    fn what_is_wrong_with_samples_is_said_with_what_to_do() {
        assert_eq!(warned(GOOD, -0.1, Some(0.2)), "");
        assert_eq!(warned(GOOD, 0.0, None), "");
        let narrow = warned(SirQuality { pareto_k: 0.71, outermost_weight: 0.4, ..GOOD }, 0.0, None);
        assert!(
            narrow.contains("k̂ of the weights is 0.71") && narrow.contains("omafit bootstrap"),
            "{narrow}"
        );
        assert_eq!(narrow.lines().count(), 1);
        let none = warned(SirQuality { pareto_k: f64::INFINITY, ..GOOD }, 0.0, None);
        assert!(none.contains("is without bound"), "{none}");
        let rising = warned(SirQuality { outermost_weight: 0.21, ..GOOD }, 0.0, None);
        assert!(rising.contains("has 21 % of the weight") && rising.contains("too narrow"), "{rising}");
        let few = warned(SirQuality { effective: 90.0, ..GOOD }, 0.0, Some(0.31));
        assert!(few.contains("worth 90 independent ones") && few.contains("0.31 standard errors"), "{few}");
        let lost = warned(SirQuality { without_objective: 11, ..GOOD }, 0.0, None);
        assert!(lost.contains("of 11 of 1000 samples"), "{lost}");
        let lower = warned(GOOD, -2.5, None);
        assert!(lower.contains("lower than the estimates' by 2.50"), "{lower}");
    }

    #[test]
    fn a_coefficient_is_of_its_covariate_and_stratifying_by_it_is_suggested_unless_it_was_done() {
        let mut file = PopulationModel::parse(omafit_model::published("one_compartment_oral").unwrap())
            .unwrap()
            .file()
            .clone();
        let effects = &mut file.parameters.get_mut("CL").unwrap().effects;
        let levels = vec![LevelEntry { value: 1.0, factor: 1.2 }];
        effects.push(EffectEntry::Categorical {
            covariate: "SEX".into(),
            reference: 0.0,
            levels,
            fixed: false,
        });
        effects.push(EffectEntry::Power {
            covariate: "SEX_2".into(),
            centre: 1.0,
            exponent: 1.0,
            fixed: false,
        });
        let model = PopulationModel::new(file).unwrap();
        let of = |number: &str| covariate_of(&model, number);
        assert_eq!([of("CL_SEX=1"), of("CL_SEX_2")].map(Option::unwrap), ["SEX", "SEX_2"]);
        assert_eq!([of("CL"), of("omega2_CL"), of("CL_SE"), of("V_SEX=1")], [None, None, None, None]);
        let missing = |covariate: Option<&str>| {
            vec![Missing { name: "CL_SEX=1".into(), replicates: 7, covariate: covariate.map(Into::into) }]
        };
        let said = |covariate, stratify| bootstrap_warnings(&missing(covariate), 20, stratify).join("\n");
        let words = said(Some("SEX"), Some("regimen"));
        assert!(words.contains("the subjects of 7 of 20 replicates do not determine CL_SEX=1"), "{words}");
        assert!(words.contains("--stratify SEX draws"), "{words}");
        assert!(
            !said(Some("SEX"), Some("SEX")).contains("stratify") && !said(None, None).contains("stratify")
        );
    }

    #[test]
    fn the_monte_carlo_error_is_the_largest_there_is() {
        let column = |name: &str, values: [f64; 3]| Column::new(name, Values::Float(values.to_vec()));
        let table = |se: [f64; 3]| {
            let low = column("ci_low_mcse", [0.1, 0.3, f64::NAN]);
            let high = column("ci_high_mcse", [0.2, 0.2, f64::NAN]);
            Table::new("sir", vec![column("se", se), low, high]).unwrap()
        };
        assert_eq!(monte_carlo_error(&table([1.0, 2.0, f64::NAN])), Some(0.2));
        assert_eq!(monte_carlo_error(&table([f64::NAN; 3])), None);
    }
}
