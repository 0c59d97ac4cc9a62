//! Tables of an outcome analysis for a paper.

use super::layout::{Layout, with_interval};
use super::{Presented, float, rounded, text};
use crate::table::Table;
use omafit_outcome::OutcomeModel;

/// Probability below which only a bound is shown.
const SMALL: f64 = 0.001;

/// Outcomes by visit, from `outcome_visits`: values and changes of each group, and its exposure.
pub fn present_outcome_visits(table: &Table) -> Presented {
    let geometric = |row: usize| rounded(float(table, "log_ige_free_mean", row).exp());
    let value = |row: usize| match ["value_mean", "value_sd"].map(|name| rounded(float(table, name, row))) {
        [mean, sd] if mean.is_empty() || sd.is_empty() => mean,
        [mean, sd] => format!("{mean} ({sd})"),
    };
    Layout::new(table, |_| true)
        .group()
        .number("Visit", "d", "visit")
        .number("n", "", "n")
        .words("Unit", "unit")
        .numbers("Value (SD)", "", value)
        .interval("Change (95 % CI)", "", ["change_mean", "change_low", "change_high"])
        .numbers("Free IgE", "ng/mL", geometric)
        .number("Omalizumab", "µg/mL", "omalizumab_total_mean")
        .words("Remark", "reason")
        .presented(
            "Outcomes by visit",
            "Visit: nominal day after the first dose; n: patients; SD: standard deviation; change: mean change \
             from baseline; CI: confidence interval; free IgE: geometric mean; omalizumab: mean of the total \
             concentration; both of the patients who have exposure.",
        )
}

/// Comparison of the arms visit by visit, from `outcome_arms`.
pub fn present_outcome_arms(table: &Table) -> Presented {
    let of_mean = ["mean", "mean_low", "mean_high"];
    let of_difference = ["difference", "difference_low", "difference_high"];
    let is_reference = |row: usize| text(table, "arm", row) == text(table, "reference", row);
    let difference = |row: usize| match with_interval(table, row, of_difference) {
        none if none.is_empty() && is_reference(row) && !float(table, "mean", row).is_nan() => {
            "reference".to_owned()
        }
        found => found,
    };
    Layout::new(table, |_| true)
        .words("Outcome", "measure")
        .number("Visit", "d", "visit")
        .words("Arm", "arm")
        .number("n", "", "n")
        .words("Unit", "unit")
        .interval("Change (95 % CI)", "", of_mean)
        .numbers("Difference (95 % CI)", "", difference)
        .number("df", "", "df")
        .numbers("p", "", |row| probability(float(table, "p_value", row)))
        .words("Remark", "reason")
        .presented(
            "Outcomes by arm",
            "Mixed model for repeated measures. Visit: nominal day after the first dose; n: patients; change: \
             least-squares mean of the change at the mean baseline; difference: that mean less the reference's; \
             CI: confidence interval; df: degrees of freedom by Satterthwaite.",
        )
}

/// Facts of hysteresis, from `outcome_hysteresis`. Missing facts are left out if the test for a delay behind the
/// exposure gives the reason for which they are missing.
pub fn present_outcome_hysteresis(table: &Table) -> Presented {
    let key =
        |row: usize| ["measure", "arm", "responder", "exposure", "reason"].map(|name| text(table, name, row));
    let is_test = |row: usize| text(table, "fact", row) == "p_no_delay";
    let tests: Vec<[String; 5]> = (0..table.rows()).filter(|&row| is_test(row)).map(key).collect();
    let is_missing = |row: usize| float(table, "value", row).is_nan() && !is_test(row);
    let is_told = |row: usize| !(is_missing(row) && tests.contains(&key(row)));
    let fact = |row: usize| text(table, "fact", row).replace('_', " ");
    let value = |row: usize| {
        let found = if is_test(row) {
            probability(float(table, "value", row))
        } else {
            with_interval(table, row, ["value", "low", "high"])
        };
        at_limit(table, row, "at_limit", found)
    };
    Layout::new(table, is_told)
        .group()
        .text("Exposure", |row| exposure_words(&text(table, "exposure", row)).to_owned())
        .text("Fact", fact)
        .text("Unit", |row| fact_unit(table, row))
        .numbers("Value (95 % CI)", "", value)
        .words("Direction", "direction")
        .words("Remark", "reason")
        .presented(
            "Hysteresis",
            "A direction, an area and a lag are told where a model without a delay is refuted; elsewhere the reason \
             stands beside the p value alone. CI: confidence interval; days are counted from the first dose, or \
             from the last where the fact says so.",
        )
}

/// Models near the chosen one, from `outcome_models`: the chosen model, models not told apart from it, unsettled models
/// and models without an effect of exposure, sorted by BIC within each group.
pub fn present_outcome_models(table: &Table) -> Presented {
    let is = |name: &str, row: usize| float(table, name, row) == 1.0;
    let has_no_effect = |row: usize| {
        OutcomeModel::named(&text(table, "model", row)).is_some_and(|model| model.effect.is_none())
    };
    let is_near = |row: usize| ["chosen", "not_told_apart", "unsettled"].iter().any(|name| is(name, row));
    let choice = |row: usize| {
        let word = match row {
            row if is("chosen", row) => "chosen",
            row if is("not_told_apart", row) => "not told apart",
            row if is("unsettled", row) => "unsettled",
            row if !is("converged", row) => "did not converge",
            _ => "",
        };
        word.to_owned()
    };
    let delay = |row: usize| {
        let of_delay = ["mean_delay_days", "mean_delay_low", "mean_delay_high"];
        at_limit(table, row, "mean_delay_at_limit", with_interval(table, row, of_delay))
    };
    Layout::new(table, |row| is_near(row) || has_no_effect(row))
        .sorted(&["measure", "arm", "responder"], "bic_above_least")
        .group()
        .text("Model", |row| text(table, "model", row).replace('_', " "))
        .number("Estimated", "", "estimated")
        .number("−2LL", "", "minus2ll")
        .number("AIC above the least", "", "aic_above_least")
        .number("BIC above the least", "", "bic_above_least")
        .numbers("Akaike weight", "", |row| probability(float(table, "akaike_weight", row)))
        .numbers("Mean delay", "d", delay)
        .text("Choice", choice)
        .presented(
            "Models of the outcomes",
            "The model of lowest BIC is chosen; not told apart from it are those whose BIC is less than 2 above; \
             unsettled ones did not converge and lie below those that did; those without an effect of exposure \
             stand beside them. Estimated: numbers estimated; LL: log-likelihood; mean delay: with its 95 % confidence \
             interval.",
        )
}

/// Estimates of the chosen model of each outcome and group, from `outcome_model_parameters` and `outcome_models`.
pub fn present_outcome_model_parameters(table: &Table, models: &Table) -> Presented {
    let key = |table: &Table, row: usize| {
        ["measure", "arm", "responder", "model"].map(|name| text(table, name, row))
    };
    let is_chosen = |&row: &usize| float(models, "chosen", row) == 1.0;
    let chosen: Vec<[String; 4]> = (0..models.rows()).filter(is_chosen).map(|row| key(models, row)).collect();
    let estimate =
        |row: usize| at_limit(table, row, "at_limit", with_interval(table, row, ["estimate", "low", "high"]));
    Layout::new(table, |row| chosen.contains(&key(table, row)))
        .group()
        .text("Model", |row| text(table, "model", row).replace('_', " "))
        .words("Parameter", "parameter")
        .text("Unit", |row| parameter_unit(&text(table, "parameter_unit", row), &text(table, "unit", row)))
        .numbers("Estimate (95 % CI)", "", estimate)
        .number("SE", "", "se")
        .number("Sandwich SE", "", "se_sandwich")
        .presented(
            "Estimates of the chosen models",
            "CI: confidence interval; SE: standard error from the second derivatives of the likelihood; sandwich \
             SE: the same from the sandwich over the patients' gradients.",
        )
}

/// Changes expected under other doses, from `what_if_outcomes`.
pub fn present_what_if_outcomes(table: &Table) -> Presented {
    Layout::new(table, |_| true)
        .words("Outcome", "measure")
        .words("Unit", "unit")
        .words("Responder", "responder")
        .words("Doses otherwise", "alternative")
        .text("Model", |row| text(table, "model", row).replace('_', " "))
        .number("n", "", "patients")
        .interval("As given (95 % CI)", "", ["change_given", "change_given_low", "change_given_high"])
        .interval("Otherwise (95 % CI)", "", ["change", "change_low", "change_high"])
        .interval("Difference (95 % CI)", "", ["difference", "difference_low", "difference_high"])
        .interval(
            "Half of the effect lost (95 % CI)",
            "d",
            ["days_to_return", "days_to_return_low", "days_to_return_high"],
        )
        .number("n rising", "", "rise")
        .number("As given, rising", "", "change_given_of_rising")
        .number("Otherwise, rising", "", "change_of_rising")
        .words("Remark", "reason")
        .presented(
            "Outcomes under other doses",
            "Mean change since the first dose that the chosen model expects at the end of treatment, under the \
             doses as given and otherwise; n: patients; CI: confidence interval, from the model of the outcome, \
             an estimated population and each patient's parameters; half of the effect lost: days after the last \
             dose that is the same; rising: those whose free IgE rises over the target. Not medical advice.",
        )
}

/// Text of a p-value or a weight; a small one is given as a bound.
fn probability(p: f64) -> String {
    match p {
        p if p.is_nan() => String::new(),
        p if p < SMALL => format!("< {SMALL}"),
        p => format!("{p:.3}"),
    }
}

/// Value, with the remark that it is at the limit of its range where the table says so.
fn at_limit(table: &Table, row: usize, column: &str, value: String) -> String {
    let is_at_limit = float(table, column, row) == 1.0 && !value.is_empty();
    if is_at_limit { format!("{value}, at the limit") } else { value }
}

/// Name of an exposure in words.
fn exposure_words(name: &str) -> &str {
    match name {
        "ige_free" => "free IgE",
        "log_ige_free" => "ln free IgE",
        "omalizumab_total" => "omalizumab",
        "omalizumab_ige_ratio" => "omalizumab : IgE",
        other => other,
    }
}

/// Unit of a fact of hysteresis; an area has the product of the units of exposure and outcome.
fn fact_unit(table: &Table, row: usize) -> String {
    match text(table, "fact", row).as_str() {
        "p_no_delay" | "area_share" | "lag_correlation" => String::new(),
        "area" => {
            let exposure = match text(table, "exposure", row).as_str() {
                "ige_free" => "ng/mL",
                "omalizumab_total" => "µg/mL",
                _ => "",
            };
            let units = [exposure.to_owned(), text(table, "unit", row)];
            units.into_iter().filter(|unit| !unit.is_empty()).collect::<Vec<_>>().join("·")
        }
        _ => "d".to_owned(),
    }
}

/// Unit of a model parameter, with `outcome` replaced by the unit of the outcome.
fn parameter_unit(unit: &str, of_outcome: &str) -> String {
    match (unit, of_outcome) {
        ("outcome", "") => String::new(),
        (unit, "") => unit.to_owned(),
        (unit, of_outcome) => unit.replace("outcome", of_outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Values};

    /// A table from columns of text and of numbers.
    fn table(name: &str, texts: &[(&str, &[&str])], numbers: &[(&str, &[f64])]) -> Table {
        let texts = texts.iter().map(|(name, values)| Column::new(*name, Values::text(*values)));
        let numbers = numbers.iter().map(|(name, values)| Column::new(*name, Values::Float(values.to_vec())));
        Table::new(name, texts.chain(numbers).collect()).unwrap()
    }

    const NONE: f64 = f64::NAN;

    #[test]
    fn visits_have_values_changes_and_exposure() {
        let table = table(
            "outcome_visits",
            &[
                ("measure", &["PEF", "PEF"]),
                ("unit", &["L/min", "L/min"]),
                ("arm", &["all", "all"]),
                ("responder", &["yes", "no"]),
                ("reason", &["", "not measured"]),
            ],
            &[
                ("visit", &[28.0, NONE]),
                ("n", &[7.0, 0.0]),
                ("value_mean", &[330.25, NONE]),
                ("value_sd", &[60.5, NONE]),
                ("change_mean", &[-2.5, NONE]),
                ("change_low", &[-4.0, NONE]),
                ("change_high", &[-1.0, NONE]),
                ("log_ige_free_mean", &[3.0, NONE]),
                ("omalizumab_total_mean", &[123.456, NONE]),
            ],
        );
        let found = present_outcome_visits(&table);
        let heads = "Outcome|Responder|Visit, d|n|Unit|Value (SD)|Change (95 % CI)|Free IgE, ng/mL|Omalizumab, µg/mL|Remark";
        assert_eq!(found.heads().join("|"), heads);
        let row = "PEF|yes|28|7|L/min|330.2 (60.50)|−2.500 (−4 to −1)|20.09|123.5|";
        assert_eq!(found.rows()[0].join("|"), row);
        assert_eq!(found.rows()[1].join("|"), "PEF|no||0|L/min|||||not measured");
    }

    #[test]
    fn arms_differ_from_their_reference() {
        let table = table(
            "outcome_arms",
            &[
                ("measure", &["a", "a", "b"]),
                ("unit", &["", "", ""]),
                ("arm", &["placebo", "drug", "placebo"]),
                ("reference", &["placebo", "placebo", "placebo"]),
                ("reason", &["", "", "too few"]),
            ],
            &[
                ("visit", &[28.0, 28.0, NONE]),
                ("n", &[10.0, 11.0, 0.0]),
                ("mean", &[-0.5, -1.5, NONE]),
                ("mean_low", &[-1.0, -2.0, NONE]),
                ("mean_high", &[0.0, -1.0, NONE]),
                ("difference", &[NONE, -1.0, NONE]),
                ("difference_low", &[NONE, -1.75, NONE]),
                ("difference_high", &[NONE, -0.25, NONE]),
                ("df", &[NONE, 18.66, NONE]),
                ("p_value", &[NONE, 0.000_2, NONE]),
            ],
        );
        let rows: Vec<String> =
            present_outcome_arms(&table).rows().iter().map(|cells| cells.join("|")).collect();
        assert_eq!(rows[0], "a|28|placebo|10|−0.5000 (−1 to 0)|reference|||");
        assert_eq!(rows[1], "a|28|drug|11|−1.500 (−2 to −1)|−1 (−1.750 to −0.2500)|18.66|< 0.001|");
        assert_eq!(rows[2], "b||placebo|0|||||too few");
    }

    #[test]
    fn facts_have_their_units_and_a_reason_stands_once() {
        let table = table(
            "outcome_hysteresis",
            &[
                ("measure", &["a"; 6]),
                ("unit", &["points"; 6]),
                (
                    "exposure",
                    &["ige_free", "ige_free", "log_ige_free", "omalizumab_total", "omalizumab_total", ""],
                ),
                ("fact", &["p_no_delay", "area", "lag_days", "p_no_delay", "area", "day_suppressed"]),
                ("direction", &["clockwise", "", "", "", "", ""]),
                ("reason", &["", "", "", "no effect", "no effect", "never"]),
            ],
            &[
                ("value", &[0.012_3, 5.0, 84.0, 0.5, NONE, NONE]),
                ("low", &[NONE, 4.0, 70.0, NONE, NONE, NONE]),
                ("high", &[NONE, 6.0, 84.0, NONE, NONE, NONE]),
                ("at_limit", &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
            ],
        );
        let rows: Vec<String> =
            present_outcome_hysteresis(&table).rows().iter().map(|cells| cells.join("|")).collect();
        let expected = [
            "a|free IgE|p no delay||0.012|clockwise|",
            "a|free IgE|area|ng/mL·points|5 (4 to 6)||",
            "a|ln free IgE|lag days|d|84 (70 to 84), at the limit||",
            "a|omalizumab|p no delay||0.500||no effect",
            "a||day suppressed|d|||never",
        ];
        assert_eq!(rows, expected);
    }

    fn models() -> Table {
        table(
            "outcome_models",
            &[
                ("measure", &["a", "a", "a", "a", "b", "b"]),
                ("unit", &["points"; 6]),
                ("arm", &["all"; 6]),
                ("responder", &["all"; 6]),
                (
                    "model",
                    &[
                        "no_effect",
                        "time_linear",
                        "direct_emax",
                        "production_emax",
                        "no_effect",
                        "production_emax",
                    ],
                ),
            ],
            &[
                ("estimated", &[3.0, 5.0, 7.0, 8.0, 3.0, 8.0]),
                ("minus2ll", &[120.0, 110.0, 101.0, 90.0, 80.0, 79.0]),
                ("aic_above_least", &[24.0, 18.0, 12.0, 0.0, 0.0, 9.0]),
                ("bic_above_least", &[20.0, 16.0, 11.0, 0.0, 0.0, NONE]),
                ("akaike_weight", &[0.0, 0.0, 0.0, 1.0, 1.0, NONE]),
                ("mean_delay_days", &[NONE, NONE, NONE, 21.0, NONE, 1000.0]),
                ("mean_delay_low", &[NONE, NONE, NONE, 15.0, NONE, NONE]),
                ("mean_delay_high", &[NONE, NONE, NONE, 30.0, NONE, NONE]),
                ("mean_delay_at_limit", &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
                ("converged", &[1.0, 0.0, 1.0, 1.0, 1.0, 0.0]),
                ("chosen", &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
                ("not_told_apart", &[0.0; 6]),
                ("unsettled", &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
            ],
        )
    }

    #[test]
    fn models_near_the_best_stand_by_bic_beside_those_without_an_effect() {
        let rows: Vec<String> =
            present_outcome_models(&models()).rows().iter().map(|cells| cells.join("|")).collect();
        let expected = [
            "a|production emax|8|90|0|0|1.000|21 (15 to 30)|chosen",
            "a|time linear|5|110|18|16|< 0.001||did not converge",
            "a|no effect|3|120|24|20|< 0.001||",
            "b|no effect|3|80|0|0|1.000||",
            "b|production emax|8|79|9|||1000, at the limit|unsettled",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn estimates_are_those_of_the_chosen_model_in_the_unit_of_its_outcome() {
        let parameters = table(
            "outcome_model_parameters",
            &[
                ("measure", &["a", "a", "a", "b"]),
                ("unit", &["points"; 4]),
                ("arm", &["all"; 4]),
                ("responder", &["all"; 4]),
                ("model", &["no_effect", "production_emax", "production_emax", "production_emax"]),
                ("parameter", &["B", "E", "k", "k"]),
                ("parameter_unit", &["outcome", "outcome", "1/d", "1/d"]),
            ],
            &[
                ("estimate", &[1.0, -2.5, 0.05, 0.1]),
                ("low", &[NONE, -3.0, 0.04, NONE]),
                ("high", &[NONE, -2.0, 0.06, NONE]),
                ("se", &[NONE, 0.25, 0.005, NONE]),
                ("se_sandwich", &[NONE, 0.3, 0.006, NONE]),
                ("at_limit", &[0.0; 4]),
            ],
        );
        let found = present_outcome_model_parameters(&parameters, &models());
        let rows: Vec<String> = found.rows().iter().map(|cells| cells.join("|")).collect();
        let expected = [
            "a|production emax|E|points|−2.500 (−3 to −2)|0.2500|0.3000",
            "a|production emax|k|1/d|0.05000 (0.04000 to 0.06000)|0.005000|0.006000",
        ];
        assert_eq!(rows, expected);
        assert_eq!(parameter_unit("outcome per 100 d", "points"), "points per 100 d");
        assert_eq!(parameter_unit("outcome", ""), "");
    }

    #[test]
    fn changes_stand_beside_each_other_and_text_stays_text() {
        let table = table(
            "what_if_outcomes",
            &[
                ("measure", &["a|b_c"]),
                ("unit", &["points"]),
                ("responder", &["all"]),
                ("alternative", &["dose × 0.5, from week 12"]),
                ("model", &["no_effect"]),
            ],
            &[
                ("patients", &[12.0]),
                ("change_given", &[-2.0]),
                ("change_given_low", &[-2.5]),
                ("change_given_high", &[-1.5]),
                ("change", &[-1.5]),
                ("change_low", &[NONE]),
                ("change_high", &[NONE]),
                ("difference", &[0.5]),
                ("difference_low", &[0.25]),
                ("difference_high", &[0.75]),
                ("days_to_return", &[NONE]),
                ("days_to_return_low", &[NONE]),
                ("days_to_return_high", &[NONE]),
                ("rise", &[0.0]),
                ("change_given_of_rising", &[NONE]),
                ("change_of_rising", &[NONE]),
            ],
        );
        let found = present_what_if_outcomes(&table);
        let row = "| a\\|b\\_c | points | dose × 0.5, from week 12 | no effect | 12 | −2 (−2.500 to −1.500) | −1.500 | 0.5000 (0.2500 to 0.7500) |  | 0 |  |  |";
        assert!(found.markdown().contains(row), "{}", found.markdown());
        assert!(found.latex().contains("a\\textbar{}b\\_c & points &"), "{}", found.latex());
    }
}
