//! Numbering of the parameters of a population as in NONMEM: THETA, SIGMA, OMEGA.

use omafit_model::{Analyte, EffectForm, ErrorModel, PopulationModel, PopulationValues, Residual};

/// Form of the elements of Ω and Σ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonmemForm {
    /// Variances and covariances.
    Covariance,
    /// Standard deviations and correlations.
    Correlation,
}

/// Assignment of NONMEM's THETA, SIGMA and OMEGA to the parameters of a model.
///
/// THETA: the typical values in the structure's order and the model file's units, then the coefficients of covariates,
/// parameter by parameter. ETA: the parameters that vary, with the parameters of one block of Ω together, as NONMEM
/// requires. EPS: the components of the residual errors, analyte by analyte.
pub(super) struct Numbering<'a> {
    pub model: &'a PopulationModel,
    /// Position of each ETA among the variable parameters.
    pub etas: Vec<usize>,
    /// Number of ETAs in each block of Ω.
    pub blocks: Vec<usize>,
    /// Analyte and component of each EPS: 0 for a log-normal or additive component, 1 for a proportional one.
    pub epsilons: Vec<(Analyte, usize)>,
}

impl<'a> Numbering<'a> {
    pub fn new(model: &'a PopulationModel) -> Self {
        let n = model.variable().len();
        let tied = |i: usize, j: usize| model.omega()[i * n + j] != 0.0 || !model.omega_fixed()[i * n + j];
        let (mut etas, mut blocks) = (Vec::with_capacity(n), Vec::new());
        for first in 0..n {
            if etas.contains(&first) {
                continue;
            }
            let start = etas.len();
            etas.push(first);
            // Parameters tied to any of the block, until there are no more.
            let mut at = start;
            while at < etas.len() {
                let more: Vec<usize> =
                    (0..n).filter(|&j| j != etas[at] && tied(etas[at], j) && !etas.contains(&j)).collect();
                etas.extend(more);
                at += 1;
            }
            etas[start..].sort_unstable();
            blocks.push(etas.len() - start);
        }
        let parts = |error: ErrorModel| match error {
            ErrorModel::LogNormal { .. } => vec![0],
            ErrorModel::Normal { additive, proportional } => [additive, proportional]
                .iter()
                .enumerate()
                .filter(|(_, sd)| **sd > 0.0)
                .map(|(k, _)| k)
                .collect(),
        };
        let of = |(a, residual): (Analyte, &Residual)| {
            parts(residual.error).into_iter().map(move |part| (a, part))
        };
        let epsilons = model.residuals().iter().flat_map(of);
        Self { model, etas, blocks, epsilons: epsilons.collect() }
    }

    /// Coefficients among the THETAs: position of the parameter in the structure, of the effect among the parameter's
    /// effects and of the level, and name.
    pub fn coefficients(&self) -> Vec<(usize, usize, usize, String)> {
        let names: Vec<&str> = self.model.parameter_names().collect();
        let mut all = Vec::new();
        for (i, parameter) in self.model.parameters().iter().enumerate() {
            for (e, effect) in parameter.effects.iter().enumerate() {
                let name = format!("{}_{}", names[i], effect.covariate);
                match &effect.form {
                    EffectForm::Categorical { levels, .. } => all.extend(
                        levels.iter().enumerate().map(|(k, (value, _))| (i, e, k, format!("{name}={value}"))),
                    ),
                    _ => all.push((i, e, 0, name)),
                }
            }
        }
        all
    }

    /// Labels THETA1 …, SIGMA(1,1), SIGMA(2,1) …, OMEGA(1,1) …: the columns of .ext, .cov and .cor.
    pub fn labels(&self) -> Vec<String> {
        let thetas = self.model.parameters().len() + self.coefficients().len();
        let mut labels: Vec<String> = (1..=thetas).map(|k| format!("THETA{k}")).collect();
        for (name, n) in [("SIGMA", self.epsilons.len()), ("OMEGA", self.etas.len())] {
            labels.extend(triangle(n).map(|(i, j)| format!("{name}({},{})", i + 1, j + 1)));
        }
        labels
    }

    /// Whether each number is fixed rather than estimated, in the order of the labels.
    pub fn fixed(&self) -> Vec<bool> {
        let (model, n) = (self.model, self.model.variable().len());
        let mut fixed: Vec<bool> = model.parameters().iter().map(|p| p.fixed).collect();
        fixed.extend(self.coefficients().iter().map(|(i, e, ..)| model.parameters()[*i].effects[*e].fixed));
        let is_given = |analyte: Analyte| model.residual(analyte).is_none_or(|residual| residual.fixed);
        fixed.extend(triangle(self.epsilons.len()).map(|(i, j)| i != j || is_given(self.epsilons[i].0)));
        fixed.extend(triangle(n).map(|(i, j)| model.omega_fixed()[self.etas[i] * n + self.etas[j]]));
        fixed
    }

    /// Values in the order of the labels.
    pub fn values(&self, values: &PopulationValues, form: NonmemForm) -> Vec<f64> {
        let n = self.etas.len();
        let typical = values.typical.iter().enumerate();
        let mut out: Vec<f64> = typical.map(|(i, value)| self.model.in_unit(i, *value)).collect();
        out.extend(self.coefficients().iter().map(|(i, e, k, _)| values.coefficients[*i][*e][*k]));
        let sd = |(analyte, part): (Analyte, usize)| match values.residual.get(analyte) {
            Some(&ErrorModel::LogNormal { sd }) => sd,
            Some(&ErrorModel::Normal { additive, proportional }) => [additive, proportional][part],
            None => 0.0,
        };
        out.extend(triangle(self.epsilons.len()).map(|(i, j)| match form {
            _ if i != j => 0.0,
            NonmemForm::Covariance => sd(self.epsilons[i]).powi(2),
            NonmemForm::Correlation => sd(self.epsilons[i]),
        }));
        let omega = |i: usize, j: usize| values.omega[self.etas[i] * n + self.etas[j]];
        out.extend(triangle(n).map(|(i, j)| match form {
            NonmemForm::Covariance => omega(i, j),
            NonmemForm::Correlation if i == j => omega(i, i).sqrt(),
            NonmemForm::Correlation => omega(i, j) / (omega(i, i) * omega(j, j)).sqrt(),
        }));
        out
    }
}

/// Values of a population in the order of NONMEM's .ext: THETA, SIGMA, OMEGA by rows of the lower triangle.
pub fn nonmem_values(model: &PopulationModel, values: &PopulationValues, form: NonmemForm) -> Vec<f64> {
    Numbering::new(model).values(values, form)
}

/// Indices of the lower triangle of a matrix of `n` rows, row by row.
pub(super) fn triangle(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(|i| (0..=i).map(move |j| (i, j)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::published;

    #[test]
    fn etas_of_one_block_stand_together() {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let numbering = Numbering::new(&model);
        let names: Vec<&str> = model.parameter_names().collect();
        let etas: Vec<&str> = numbering.etas.iter().map(|&k| names[model.variable()[k]]).collect();
        assert_eq!(etas, ["ka", "CLx", "dCLc", "CLe", "Pe", "Vx", "Vc"]);
        assert_eq!(numbering.blocks, [1, 1, 1, 2, 1, 1]);
        let (labels, values) =
            (numbering.labels(), numbering.values(&model.values(), NonmemForm::Correlation));
        let at = |label: &str| values[labels.iter().position(|l| l == label).unwrap()];
        assert_eq!(labels.len(), values.len());
        assert_eq!(labels.len(), numbering.fixed().len());
        assert!((at("OMEGA(5,4)") - 0.968).abs() < 1e-12);
        assert_eq!((at("THETA2"), at("THETA10"), at("SIGMA(3,3)")), (0.175_68, 0.911, 0.218));
        assert_eq!(at("OMEGA(2,1)"), 0.0);
    }
}
