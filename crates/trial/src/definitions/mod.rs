//! Definition and unit of every column of every table of a run, and definition of every key of `run.json`.

mod columns;
mod outcomes;
mod record;

use omafit_estimate::FreeIgeFact;
use omafit_model::{Covariates, PopulationModel};

/// Columns that appear together in one or several tables: name, unit, definition.
type Columns = &'static [(&'static str, &'static str, &'static str)];

/// Definition of a column, or of several columns whose names follow a pattern: a placeholder such as `{parameter}` in
/// the name stands for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Name of the table.
    pub table: &'static str,
    /// Name of the column, or pattern of the names.
    pub column: &'static str,
    /// Unit of the column: `{unit}` is the unit of the item that the placeholder stands for; empty if there is no unit.
    pub unit: &'static str,
    /// Definition of the values in the column.
    pub meaning: &'static str,
}

/// Definitions of all columns, table by table, in the order of the columns.
pub fn definitions() -> impl Iterator<Item = Definition> {
    columns::TABLES.iter().flat_map(|(table, groups)| {
        let of = |&(column, unit, meaning)| Definition { table, column, unit, meaning };
        groups.iter().copied().flatten().map(of)
    })
}

/// Definition and unit of a column in a run of a model.
///
/// ```
/// let text = omafit_model::published("hayashi2007").unwrap_or_default();
/// let model = omafit_model::PopulationModel::parse(text)?;
/// let (definition, unit) = omafit_trial::definition("individuals", "SE_CLx", &model).unwrap_or_else(|| unreachable!());
/// assert_eq!((definition.column, unit.as_str()), ("SE_{parameter}", "L/d"));
/// # Ok::<(), omafit_model::ModelError>(())
/// ```
pub fn definition(table: &str, column: &str, model: &PopulationModel) -> Option<(Definition, String)> {
    let of_table = || definitions().filter(|d| d.table == table);
    let exact = of_table().find(|d| d.column == column).map(|d| (d, d.unit.to_owned()));
    let alike = || {
        of_table().find_map(|d| {
            let unit = d.unit.replace("{unit}", &unit_of(d.column, column, model)?);
            Some((d, unit))
        })
    };
    exact.or_else(alike)
}

/// Unit of the item that a column's name has in place of the placeholder `{…}` of a pattern; `None` if the name does
/// not fit the pattern.
fn unit_of(pattern: &str, column: &str, model: &PopulationModel) -> Option<String> {
    let (before, rest) = pattern.split_once('{')?;
    let (kind, after) = rest.split_once('}')?;
    let name = column.strip_prefix(before)?.strip_suffix(after).filter(|name| !name.is_empty())?;
    let unit = match kind {
        "parameter" => model.unit(model.position(name)?),
        "analyte" => model.analyte_unit(model.analytes().find(|analyte| analyte.name() == name)?),
        "output" => model.structure().outputs().iter().find(|output| output.name() == name)?.unit(),
        "fact" => fact_unit(FreeIgeFact::ALL.into_iter().find(|f| f.name() == name)?),
        // The remaining placeholders stand for names that the data or the model give.
        _ if name == Covariates::WEIGHT => "kg",
        _ if name == Covariates::IGE => "ng/mL",
        _ => "",
    };
    Some(unit.to_owned())
}

fn fact_unit(fact: FreeIgeFact) -> &'static str {
    match fact {
        FreeIgeFact::DaysToTarget | FreeIgeFact::DaysBelow | FreeIgeFact::DaysToReturn => "d",
        FreeIgeFact::Area => "ng·d/mL",
        FreeIgeFact::Baseline
        | FreeIgeFact::Mean
        | FreeIgeFact::Lowest
        | FreeIgeFact::Peak
        | FreeIgeFact::Trough => "ng/mL",
    }
}

/// Definitions of all columns as Markdown: a heading and a table for each table of a run.
pub fn definitions_markdown() -> String {
    let mut text = String::new();
    for (table, groups) in columns::TABLES {
        text += &format!("\n## {table}\n\n| column | unit | definition |\n|---|---|---|\n");
        for (column, unit, meaning) in groups.iter().copied().flatten() {
            let (unit, meaning) = (unit.replace("{unit}", "its own"), meaning.replace('|', "\\|"));
            text += &format!("| `{column}` | {unit} | {meaning} |\n");
        }
    }
    text
}

/// Whether a path of keys of `run.json` is defined; elements of a list have the path of the list.
///
/// ```
/// assert!(omafit_trial::is_record_key(&["goodness_of_fit", "ige_free", "n"]));
/// assert!(!omafit_trial::is_record_key(&["goodness_of_fit", "ige_free"]));
/// ```
pub fn is_record_key(path: &[&str]) -> bool {
    let fits = |pattern: &str| {
        let parts: Vec<&str> = pattern.split('.').collect();
        let fits = |(part, key): (&&str, &&str)| part.starts_with('{') || part == key;
        parts.len() == path.len() && parts.iter().zip(path).all(fits)
    };
    record::RECORDS
        .iter()
        .flat_map(|(_, groups)| groups.iter().copied().flatten())
        .any(|(pattern, _)| fits(pattern))
}

/// Definitions of the keys of `run.json` as Markdown: a heading and a table for each group of commands that write one.
pub fn record_markdown() -> String {
    let mut text = String::new();
    for (commands, groups) in record::RECORDS {
        text += &format!("\n## {commands}\n\n| key | definition |\n|---|---|\n");
        for (path, meaning) in groups.iter().copied().flatten() {
            text += &format!("| `{path}` | {} |\n", meaning.replace('|', "\\|"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::published;

    #[test]
    fn a_name_is_taken_apart_by_the_pattern_that_it_fits() {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let of = |column| {
            definition("individuals", column, &model).map(|(d, unit)| format!("{} {unit}", d.column))
        };
        assert_eq!(of("ofv").as_deref(), Some("ofv "));
        assert_eq!(of("ETA_ka").as_deref(), Some("ETA_{parameter} "));
        assert_eq!(of("CI_LOW_Pe").as_deref(), Some("CI_LOW_{parameter} nmol/d"));
        assert_eq!(of("r2_log_ige_free").as_deref(), Some("r2_log_{analyte} "));
        assert_eq!(of("SE_days_to_target").as_deref(), Some("SE_{fact} d"));
        assert_eq!(of("ige_free_area_upper").as_deref(), Some("{fact}_upper ng·d/mL"));
        assert_eq!(of("WT").as_deref(), Some("{covariate} kg"));
        assert_eq!(of("AGE").as_deref(), Some("{covariate} "));
        assert_eq!(definition("observations", "AGE", &model), None);
    }

    #[test]
    fn a_key_may_have_any_letters_where_a_pattern_stands_for_it() {
        assert!(is_record_key(&["data", "read", "columns", "D.V"]));
        assert!(!is_record_key(&["data", "read", "columns", "D", "V"]));
        assert!(!is_record_key(&["luck"]));
    }

    #[test]
    fn no_key_is_defined_twice() {
        for (commands, groups) in record::RECORDS {
            let all: Vec<_> = groups.iter().copied().flatten().map(|(path, _)| path).collect();
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!(all.len(), distinct.len(), "{commands}");
        }
    }

    #[test]
    fn no_column_is_defined_twice() {
        let all: Vec<_> = definitions().map(|d| (d.table, d.column)).collect();
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(all.len(), distinct.len());
    }
}
