//! Target for model files.

use omafit_model::{Covariates, ModelFile, PopulationModel};

/// Reads a model file, and asserts that the model can be written and is then read back unchanged.
pub fn model(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let model = match PopulationModel::parse(text) {
        Ok(model) => model,
        Err(error) => {
            assert!(error.to_string().len() > 20, "{error}");
            return;
        }
    };
    let written = toml::to_string(model.file()).expect("a model file");
    let again = ModelFile::parse(&written).expect("a model file that was written");
    assert!(&again == model.file(), "{written}");
    let again = PopulationModel::new(again).expect("a model that was read");
    let values = model.values();
    assert!(values.omega == again.values().omega && values.typical == again.values().typical);
    let with = |value: f64| {
        model.covariates().iter().fold(Covariates::new(70.0, 400.0), |all, name| all.with(name, value))
    };
    for covariates in [with(1.0), with(0.0), Covariates::default()] {
        // A covariate may be outside the range of an effect.
        if let (Ok(a), Ok(b)) = (model.typical(&covariates), again.typical(&covariates)) {
            assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
        let _ = model.start(&covariates);
    }
}
