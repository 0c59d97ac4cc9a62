//! Nested models: whether one model is another with parameters fixed, effects left out or variability left out.
//!
//! Two models are nested when the larger model with some of its parameters fixed describes every population that the
//! smaller model describes. The decision is made from the model files, parameter by parameter; estimated values do not
//! matter.

use super::alike::{Element, element, equal, names, parameter};
use super::restrictions::Restrictions;
use omafit_model::{
    Effect, EffectForm, ErrorModel, PopulationModel, PopulationParameter, Residual, Transform,
};

/// Relation of a smaller model to a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// Both models describe the same populations.
    Equal,
    /// The smaller model is the larger model with these restrictions.
    Nested(Restrictions),
    /// The smaller model is not a special case of the larger, for these reasons.
    NotNested(Vec<String>),
}

/// Determines the relation of `smaller` to `larger`.
pub fn nesting(smaller: &PopulationModel, larger: &PopulationModel) -> Nesting {
    let mut found = Found::default();
    let structures = [smaller, larger].map(|model| model.structure().name());
    if structures[0] != structures[1] {
        return Nesting::NotNested(vec![format!(
            "the structures are {} and {}",
            structures[0], structures[1]
        )]);
    }
    if smaller.file().start != larger.file().start {
        found.obstacle("subjects start from other states".into());
    }
    let names = names(smaller, larger);
    for name in &names {
        if let (Some(small), Some(large)) = (parameter(smaller, name), parameter(larger, name)) {
            found.typical(name, &small, &large);
            found.effects(name, &small, &large);
            let vary = [smaller, larger].map(|model| element(model, name, name).is_some());
            found.distribution(name, &small, &large, vary);
        }
    }
    found.omega(smaller, larger, &names);
    for (analyte, small) in smaller.residuals().iter() {
        if let Some(large) = larger.residual(analyte) {
            found.residual(analyte.name(), small, large);
        }
    }
    found.relation()
}

/// The restrictions and obstacles found so far.
#[derive(Debug, Default)]
struct Found {
    restrictions: Restrictions,
    obstacles: Vec<String>,
}

impl Found {
    fn obstacle(&mut self, words: String) {
        self.obstacles.push(words);
    }

    fn relation(self) -> Nesting {
        if !self.obstacles.is_empty() {
            Nesting::NotNested(self.obstacles)
        } else if self.restrictions.count() > 0 {
            Nesting::Nested(self.restrictions)
        } else {
            Nesting::Equal
        }
    }

    fn typical(&mut self, name: &str, small: &PopulationParameter, large: &PopulationParameter) {
        let (low, high) = large.bounds;
        match (small.fixed, large.fixed) {
            (true, true) if equal(small.typical, large.typical) => {}
            (true, true) => self.obstacle(format!("{name} is fixed at another value in each")),
            (false, true) => {
                self.obstacle(format!("{name} is estimated in the smaller model and fixed in the larger"));
            }
            (true, false) if small.typical == low || small.typical == high => {
                self.restrictions.at_end(format!("{name} is fixed at the end of its range"));
            }
            (true, false) if small.typical > low && small.typical < high => {
                self.restrictions.inside(1, format!("{name} is fixed"));
            }
            (true, false) => self.obstacle(format!("{name} is fixed outside the larger model's bounds")),
            (false, false) if small.bounds.0 >= low && small.bounds.1 <= high => {}
            (false, false) => {
                self.obstacle(format!("{name} has wider bounds in the smaller model than in the larger"));
            }
        }
    }

    /// Compares the between-subject distributions of a parameter that varies in both models.
    fn distribution(
        &mut self,
        name: &str,
        small: &PopulationParameter,
        large: &PopulationParameter,
        vary: [bool; 2],
    ) {
        let logit = small.transform == Transform::Logit && small.bounds != large.bounds;
        if vary == [true; 2] && (small.transform != large.transform || logit) {
            self.obstacle(format!("{name} is distributed otherwise between subjects"));
        }
    }

    fn effects(&mut self, name: &str, small: &PopulationParameter, large: &PopulationParameter) {
        let mut rest: Vec<&Effect> = small.effects.iter().collect();
        for effect in &large.effects {
            let alike = |e: &&Effect| e.covariate == effect.covariate && kind(&e.form) == kind(&effect.form);
            let of = format!("{} effect of {} on {name}", kind(&effect.form), effect.covariate);
            match rest.iter().position(alike) {
                Some(position) => self.effect(&of, rest.remove(position), effect, large),
                None if !effect.fixed => {
                    self.restrictions.inside(coefficients(&effect.form), format!("no {of}"));
                }
                None if does_nothing(&effect.form) => {}
                None => {
                    self.obstacle(format!("the {of} is given in the larger model and not in the smaller"))
                }
            }
        }
        for effect in rest.into_iter().filter(|e| !(e.fixed && does_nothing(&e.form))) {
            let (kind, covariate) = (kind(&effect.form), &effect.covariate);
            self.obstacle(format!("the {kind} effect of {covariate} on {name} is in the smaller model only"));
        }
    }

    /// Compares an effect that is in both models.
    fn effect(&mut self, of: &str, small: &Effect, large: &Effect, parameter: &PopulationParameter) {
        match (small.fixed, large.fixed) {
            (false, true) => {
                self.obstacle(format!("the {of} is estimated in the smaller model and fixed in the larger"));
                return;
            }
            (true, true) if !same_coefficients(&small.form, &large.form) => {
                self.obstacle(format!("the {of} is fixed at another value in each"));
                return;
            }
            (true, false) => {
                self.restrictions.inside(coefficients(&large.form), format!("the {of} is fixed"));
            }
            _ => {}
        }
        // A free typical value absorbs a change of the centre, at which the effect is one; the slope of a linear effect
        // changes with it.
        let free = !parameter.fixed && parameter.bounds == (0.0, f64::INFINITY);
        let fits = match (&small.form, &large.form) {
            (EffectForm::Categorical { .. }, EffectForm::Categorical { .. }) => {
                let [a, b] = [&small.form, &large.form].map(categories);
                if a != b {
                    self.obstacle(format!("the {of} has other categories in each"));
                    return;
                }
                free && !large.fixed
            }
            (EffectForm::Linear { .. }, _) => free && !large.fixed,
            _ => free,
        };
        if centre(&small.form) != centre(&large.form) && !fits {
            self.obstacle(format!("the {of} is one at another value in each"));
        }
    }

    fn omega(&mut self, smaller: &PopulationModel, larger: &PopulationModel, names: &[&str]) {
        for (i, row) in names.iter().enumerate() {
            for column in &names[..=i] {
                let of = if row == column {
                    format!("variance of {row}")
                } else {
                    format!("covariance of {column} and {row}")
                };
                let of = (of.as_str(), row == column);
                self.element(of, element(smaller, row, column), element(larger, row, column));
            }
        }
    }

    fn element(&mut self, of: (&str, bool), small: Option<Element>, large: Option<Element>) {
        let (of, is_variance) = of;
        let small = small.unwrap_or(Element { value: 0.0, estimated: false });
        let large = large.unwrap_or(Element { value: 0.0, estimated: false });
        match (small.estimated, large.estimated) {
            (true, true) => {}
            (false, false) if equal(small.value, large.value) => {}
            (false, false) => self.obstacle(format!("the {of} is given and another in each")),
            (true, false) if large.value == 0.0 => {
                self.obstacle(format!("the {of} is in the smaller model only"));
            }
            (true, false) => {
                self.obstacle(format!("the {of} is estimated in the smaller model and fixed in the larger"));
            }
            (false, true) if is_variance && small.value == 0.0 => {
                self.restrictions.at_end(format!("no {of}"));
            }
            (false, true) if small.value == 0.0 => self.restrictions.inside(1, format!("no {of}")),
            (false, true) => self.restrictions.inside(1, format!("the {of} is fixed")),
        }
    }

    fn residual(&mut self, analyte: &str, small: &Residual, large: &Residual) {
        let of = format!("residual error of {analyte}");
        if (small.lloq, small.uloq) != (large.lloq, large.uloq) {
            self.obstacle(format!("the limits of quantification of {analyte} differ"));
        }
        let (Some(parts), Some(larger)) = (parts(small.error), parts(large.error)) else {
            match (small.error, large.error) {
                (ErrorModel::LogNormal { sd: a }, ErrorModel::LogNormal { sd: b }) => {
                    self.sigma(&of, [small.fixed, large.fixed], [a, b]);
                }
                (a, b) => self.obstacle(format!("the {of} is {} and {}", a.name(), b.name())),
            }
            return;
        };
        for (k, part) in ["additive", "proportional"].into_iter().enumerate() {
            let of = format!("{part} {of}");
            match [parts[k], larger[k]] {
                [0.0, 0.0] => {}
                [0.0, _] if !large.fixed => self.restrictions.at_end(format!("no {of}")),
                [0.0, _] => {
                    self.obstacle(format!("the {of} is given in the larger model and not in the smaller"))
                }
                [_, 0.0] => self.obstacle(format!("the {of} is in the smaller model only")),
                pair => self.sigma(&of, [small.fixed, large.fixed], pair),
            }
        }
    }

    fn sigma(&mut self, of: &str, fixed: [bool; 2], values: [f64; 2]) {
        match fixed {
            [true, true] if !equal(values[0], values[1]) => {
                self.obstacle(format!("the {of} is fixed at another value in each"));
            }
            [true, false] => self.restrictions.inside(1, format!("the {of} is fixed")),
            [false, true] => {
                self.obstacle(format!("the {of} is estimated in the smaller model and fixed in the larger"));
            }
            _ => {}
        }
    }
}

/// The additive and the proportional standard deviation of a normal residual error; `None` for log-normal error.
fn parts(error: ErrorModel) -> Option<[f64; 2]> {
    match error {
        ErrorModel::Normal { additive, proportional } => Some([additive, proportional]),
        ErrorModel::LogNormal { .. } => None,
    }
}

/// The name of a form of covariate effect.
pub(super) fn kind(form: &EffectForm) -> &'static str {
    match form {
        EffectForm::Power { .. } => "power",
        EffectForm::Exponential { .. } => "exponential",
        EffectForm::Linear { .. } => "linear",
        EffectForm::Categorical { .. } => "categorical",
    }
}

/// The number of coefficients of an effect.
fn coefficients(form: &EffectForm) -> usize {
    if let EffectForm::Categorical { levels, .. } = form { levels.len() } else { 1 }
}

/// Whether an effect is one for every value of its covariate.
fn does_nothing(form: &EffectForm) -> bool {
    match form {
        EffectForm::Power { exponent: value, .. }
        | EffectForm::Exponential { slope: value, .. }
        | EffectForm::Linear { slope: value, .. } => *value == 0.0,
        EffectForm::Categorical { levels, .. } => levels.iter().all(|(_, factor)| *factor == 1.0),
    }
}

fn same_coefficients(one: &EffectForm, other: &EffectForm) -> bool {
    match (one, other) {
        (EffectForm::Power { exponent: a, .. }, EffectForm::Power { exponent: b, .. })
        | (EffectForm::Exponential { slope: a, .. }, EffectForm::Exponential { slope: b, .. })
        | (EffectForm::Linear { slope: a, .. }, EffectForm::Linear { slope: b, .. }) => equal(*a, *b),
        (EffectForm::Categorical { levels: a, .. }, EffectForm::Categorical { levels: b, .. }) => {
            let found = |value: f64| b.iter().find(|(v, _)| *v == value).map(|(_, factor)| *factor);
            a.iter().all(|(value, factor)| found(*value).is_some_and(|other| equal(*factor, other)))
        }
        _ => false,
    }
}

/// The covariate value at which an effect is one.
fn centre(form: &EffectForm) -> f64 {
    match form {
        EffectForm::Power { centre, .. }
        | EffectForm::Exponential { centre, .. }
        | EffectForm::Linear { centre, .. } => *centre,
        EffectForm::Categorical { reference, .. } => *reference,
    }
}

/// The covariate values of a categorical effect, its reference included, in ascending order.
fn categories(form: &EffectForm) -> Vec<f64> {
    let EffectForm::Categorical { reference, levels } = form else { return Vec::new() };
    let mut values: Vec<f64> = levels.iter().map(|(value, _)| *value).chain([*reference]).collect();
    values.sort_by(f64::total_cmp);
    values
}
