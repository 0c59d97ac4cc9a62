//! Paths in JSON files. JSON holds only text, so a path that is not UTF-8 is recorded with its bytes.

use omafit_trial::hexadecimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::{Path, PathBuf};

/// A path as it is recorded: a string, or for a path that is not UTF-8 `{ "text": …, "bytes": … }`, with the
/// bytes in hexadecimal and a lossy text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPath(pub PathBuf);

impl From<&Path> for RecordedPath {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Bytes { text: String, bytes: String },
}

impl Serialize for RecordedPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string_lossy().into_owned();
        let form = match self.0.to_str() {
            Some(_) => Form::Text(text),
            None => Form::Bytes { text, bytes: hexadecimal(self.0.as_os_str().as_encoded_bytes()) },
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RecordedPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::Text(text) => text.into(),
            Form::Bytes { text, bytes } => of_bytes(&bytes).unwrap_or_else(|| text.into()),
        }))
    }
}

/// The path with the given bytes, on systems where a path may have any bytes.
#[cfg(unix)]
fn of_bytes(text: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let digits = text.as_bytes();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes = pairs.collect::<Option<Vec<u8>>>().filter(|_| digits.len().is_multiple_of(2))?;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn of_bytes(_: &str) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        serde_json::to_string(&RecordedPath::from(path)).unwrap()
    }

    #[test]
    fn a_text_is_a_text() {
        assert_eq!(text(Path::new("study/naïve.csv")), "\"study/naïve.csv\"");
        let read: RecordedPath = serde_json::from_str("\"a.csv\"").unwrap();
        assert_eq!(read.0, Path::new("a.csv"));
    }

    #[cfg(unix)]
    #[test]
    fn other_bytes_come_back() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"na\xefve.csv"));
        let written = text(path);
        assert_eq!(written, "{\"text\":\"na\u{fffd}ve.csv\",\"bytes\":\"6e61ef76652e637376\"}");
        let read: RecordedPath = serde_json::from_str(&written).unwrap();
        assert_eq!(read.0, path);
        // If the bytes are not valid, the text is used.
        let read: RecordedPath = serde_json::from_str("{\"text\":\"a\",\"bytes\":\"6\"}").unwrap();
        assert_eq!(read.0, Path::new("a"));
    }
}
