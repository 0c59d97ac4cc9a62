//! The model that a model file names as its origin.

use super::words::checksum;
use omafit_trial::harmless;

/// The model that a model file names as its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasedOn {
    /// Name of the model.
    pub name: String,
    /// SHA-256 of the model file.
    pub sha256: Option<String>,
}

impl BasedOn {
    /// The origin named in the text of a model file; `None` if the file has no `based_on`.
    pub fn of(text: &str) -> Option<Self> {
        let file: toml::Table = toml::from_str(text).ok()?;
        match file.get("based_on")? {
            toml::Value::String(text) => Some(Self::parse(text)),
            toml::Value::Table(table) => {
                let text = |keys: [&str; 2]| keys.iter().find_map(|key| table.get(*key)?.as_str());
                Some(Self {
                    name: text(["name", "model"]).unwrap_or_default().into(),
                    sha256: text(["sha256", "model_sha256"]).map(str::to_lowercase),
                })
            }
            _ => None,
        }
    }

    /// The origin from a text that holds a name, optionally followed by a checksum.
    fn parse(text: &str) -> Self {
        let is_checksum = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let words = || text.split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)));
        Self {
            name: words().find(|word| !word.is_empty()).unwrap_or_default().into(),
            sha256: words().find(is_checksum).map(str::to_lowercase),
        }
    }

    /// Name of the origin, with the first digits of its checksum.
    pub fn words(&self) -> String {
        match &self.sha256 {
            Some(sum) => format!("{} ({}…)", harmless(&self.name), checksum(sum)),
            None => harmless(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BasedOn;

    #[test]
    fn origins_are_read_in_any_form() {
        let sum = "AB".repeat(32);
        let lower = sum.to_lowercase();
        let of = |text: &str| BasedOn::of(text).map(|b| (b.name, b.sha256));
        assert_eq!(of("name = \"a\""), None);
        assert_eq!(of("based_on = 3"), None);
        assert_eq!(of("based_on = \"run1\""), Some(("run1".into(), None)));
        let found = Some(("run1".to_owned(), Some(lower)));
        assert_eq!(of(&format!("based_on = \"run1 (SHA-256 {sum}), fitted to x.csv\"")), found);
        assert_eq!(of(&format!("[based_on]\nname = \"run1\"\nsha256 = \"{sum}\"")), found);
    }
}
