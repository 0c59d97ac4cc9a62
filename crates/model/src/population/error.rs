//! Errors of a model file and their positions.

use toml::de::{DeTable, DeValue};

/// An error in a model file.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A syntax error, an unknown key, or a value of the wrong type; the message gives line and column.
    #[error("the model file cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A name or value that is not allowed.
    #[error("{}{place}: {problem}", position.map_or(String::new(), |(l, c)| format!("line {l}, column {c}: ")))]
    Content {
        /// Line and column, from 1; `None` if the file was not read from text.
        position: Option<(usize, usize)>,
        /// The key.
        place: String,
        /// The problem, and what is allowed.
        problem: String,
    },
}

/// A step of a path into a file: a key of a table or the position in an array.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// A problem at a path whose line and column are not looked up yet.
#[derive(Debug)]
pub(super) struct Finding {
    path: Vec<(Option<String>, usize)>,
    problem: String,
}

impl Finding {
    pub(super) fn new(path: &[Step<'_>], problem: impl Into<String>) -> Self {
        let path = path.iter().map(|step| match step {
            Step::Key(key) => (Some((*key).to_owned()), 0),
            Step::Item(item) => (None, *item),
        });
        Self { path: path.collect(), problem: problem.into() }
    }

    /// Converts the finding into an error, with line and column if the path is found in `text`.
    pub(super) fn locate(self, text: Option<&str>) -> ModelError {
        let mut place = String::new();
        for (key, item) in &self.path {
            match key {
                Some(key) if place.is_empty() => place += key,
                Some(key) => place += &format!(".{key}"),
                None => place += &format!("[{}]", item + 1),
            }
        }
        let position = text.and_then(|text| {
            let at = offset(text, &self.path)?;
            let before = &text[..at];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
            Some((line, column))
        });
        ModelError::Content { position, place, problem: self.problem }
    }
}

/// Byte offset of the deepest part of a path that the text contains.
fn offset(text: &str, path: &[(Option<String>, usize)]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table = Some(document.get_ref());
    let mut array = None;
    for (key, item) in path {
        let value = match (key, table, array) {
            (Some(key), Some(here), _) => {
                let (name, value) = here.iter().find(|(name, _)| name.get_ref() == key.as_str())?;
                found = Some(name.span().start);
                value
            }
            (None, _, Some(here)) => {
                let here: &toml::de::DeArray<'_> = here;
                here.get(*item)?
            }
            _ => return found,
        };
        (table, array) = match value.get_ref() {
            DeValue::Table(inner) => (Some(inner), None),
            DeValue::Array(inner) => (None, Some(inner)),
            _ => {
                found = Some(value.span().start);
                (None, None)
            }
        };
    }
    found
}
