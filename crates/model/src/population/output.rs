//! Labels and units in which results of a model are shown.

use super::error::{Finding, Step::Key};
use super::file::{ModelFile, OutputEntry};
use super::{PopulationModel, unit};
use crate::analyte::Analyte;
use crate::equations::StructuralModel;

/// Longest label of an analyte, characters, that fits above a figure.
const LONGEST_LABEL: usize = 60;

impl PopulationModel {
    /// The unit in which the model file gives the parameter at a position of the structure's list.
    pub fn unit(&self, position: usize) -> &str {
        let info = &self.structure.parameters()[position];
        self.file.parameters.get(info.name).map_or(info.unit, |entry| entry.unit.as_str())
    }

    /// Converts a value of the parameter at a position from the structure's unit to the model file's unit.
    ///
    /// ```
    /// use omafit_model::{PopulationModel, published};
    /// let model = PopulationModel::parse(published("one_compartment_oral").unwrap()).unwrap();
    /// assert_eq!((model.unit(0), model.in_unit(0, 36.0)), ("1/h", 1.5));
    /// ```
    pub fn in_unit(&self, position: usize, value: f64) -> f64 {
        value / self.unit_factor(position)
    }

    /// Converts a value of the parameter at a position from the model file's unit to the structure's unit.
    pub fn in_own_unit(&self, position: usize, value: f64) -> f64 {
        value * self.unit_factor(position)
    }

    /// The size of the model file's unit in units of the structure.
    fn unit_factor(&self, position: usize) -> f64 {
        unit::factor(self.unit(position), self.structure.parameters()[position].unit).unwrap_or(1.0)
    }

    /// The name of an analyte in figures and headings: the model file's label, or the analyte's title.
    pub fn label(&self, analyte: Analyte) -> &str {
        self.output(analyte).and_then(|entry| entry.label.as_deref()).unwrap_or(analyte.title())
    }

    /// The name of an analyte within a sentence.
    pub fn label_in_sentence(&self, analyte: Analyte) -> &str {
        self.output(analyte).and_then(|entry| entry.label.as_deref()).unwrap_or(analyte.in_sentence())
    }

    /// The unit of an analyte's values: the model file's spelling, or the analyte's own.
    pub fn analyte_unit(&self, analyte: Analyte) -> &str {
        self.output(analyte).and_then(|entry| entry.unit.as_deref()).unwrap_or(analyte.unit())
    }

    fn output(&self, analyte: Analyte) -> Option<&OutputEntry> {
        self.file.outputs.get(&analyte)
    }
}

/// Checks that labels and units of a model file belong to analytes of the structure and are well-formed.
pub(super) fn check_outputs(file: &ModelFile, structure: &dyn StructuralModel) -> Result<(), Finding> {
    for (analyte, OutputEntry { label, unit }) in &file.outputs {
        let path = [Key("outputs"), Key(analyte.name())];
        if !structure.analytes().contains(analyte) {
            return Err(Finding::new(&path, format!("{} does not predict it", structure.name())));
        }
        if let Some(label) = label {
            let is_plain = label.trim() == label && !label.is_empty() && !label.chars().any(char::is_control);
            if !is_plain || label.chars().count() > LONGEST_LABEL {
                let problem = format!("a label is a line of 1 to {LONGEST_LABEL} characters");
                return Err(Finding::new(&[path[0], path[1], Key("label")], problem));
            }
        }
        if let Some(unit) = unit {
            let units = analyte.units();
            if !units.contains(&unit.as_str()) {
                let problem = format!(
                    "`{unit}` is none of {}: values are not converted, so a unit is of the same size",
                    units.join(", ")
                );
                return Err(Finding::new(&[path[0], path[1], Key("unit")], problem));
            }
        }
    }
    Ok(())
}
