//! Search for the data set of an earlier run, which may have been started from another folder or moved since.

use crate::error::{CliError, refuse};
use omafit_trial::{read_whole, sha256};
use std::path::{Component, Path, PathBuf};

/// Data set of a demo, in the folder of its run.
const OWN: &str = "data.csv";

/// Location of the data, as recorded in `run.json`.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Path as given on the command line.
    pub path: &'a Path,
    /// Path relative to the run folder, if there is one.
    pub from_run: Option<&'a Path>,
    /// SHA-256 of the file.
    pub sha256: &'a str,
}

/// Path of the data set of the run in `folder`: the file `given`, or else the first candidate with the recorded
/// SHA-256.
///
/// # Errors
/// When no file is found, or none has the recorded SHA-256.
pub fn find(folder: &Path, recorded: Recorded<'_>, given: Option<&Path>) -> Result<PathBuf, CliError> {
    let Recorded { path, from_run, sha256: expected } = recorded;
    let sum = |path: &Path| -> Result<String, CliError> {
        let bytes =
            read_whole(path).map_err(|source| CliError::Unreadable { path: path.to_owned(), source })?;
        Ok(sha256(&bytes))
    };
    let differs = |path: &Path, found: &str| {
        let expected = format!(
            "the run's data as they were, SHA-256 {expected}: {} has changed since, or is another file, SHA-256 {found}",
            path.display()
        );
        refuse("data", path.display(), expected)
    };
    if let Some(path) = given {
        let found = sum(path)?;
        return if found == expected { Ok(path.to_owned()) } else { Err(differs(path, &found)) };
    }
    let named = path.file_name().map(|name| folder.join(name));
    let places =
        [Some(path.to_owned()), Some(folder.join(path)), from_run.map(|path| folder.join(path)), named];
    let mut looked = Vec::new();
    let mut other = None;
    for place in places.into_iter().flatten().chain([folder.join(OWN)]) {
        if looked.contains(&place) {
            continue;
        }
        if place.is_file() {
            let found = sum(&place)?;
            if found == expected {
                return Ok(place);
            }
            other.get_or_insert_with(|| differs(&place, &found));
        }
        looked.push(place);
    }
    Err(other.unwrap_or_else(|| {
        let looked: Vec<String> = looked.iter().map(|place| place.display().to_string()).collect();
        let expected = format!(
            "a run whose data set is there: looked for as {}; --data FILE says where it is",
            looked.join(", ")
        );
        refuse("run", folder.display(), expected)
    }))
}

/// Relative path from a run folder, which may not exist yet, at `out` to a file; `None` if they have no common
/// root.
pub fn from_run(out: &Path, file: &Path) -> Option<PathBuf> {
    let file = file.canonicalize().ok()?;
    let out = std::path::absolute(out).ok()?;
    let above = out.parent()?.canonicalize().ok()?;
    let folder = above.join(out.file_name()?);
    let shared = folder.components().zip(file.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return None;
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    Some(up.chain(file.components().skip(shared)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_found_where_they_may_be_by_their_bytes() {
        let place = tempfile::tempdir().unwrap();
        let study = place.path().join("study");
        let run = study.join("run");
        std::fs::create_dir_all(&run).unwrap();
        let data = study.join("base.csv");
        std::fs::write(&data, "ID\n").unwrap();
        let sum = sha256(b"ID\n");
        let way = from_run(&run, &data).unwrap();
        assert_eq!(way, Path::new("../base.csv"));
        let recorded = Recorded { path: Path::new("base.csv"), from_run: Some(&way), sha256: &sum };
        let found = |given: Option<&Path>| find(&run, recorded, given);
        assert_eq!(found(None).unwrap(), run.join("../base.csv"));
        // A different file with the same name in the run folder is skipped.
        std::fs::write(run.join("base.csv"), "other").unwrap();
        assert_eq!(found(None).unwrap(), run.join("../base.csv"));
        std::fs::remove_file(&data).unwrap();
        let said = found(None).unwrap_err().to_string();
        assert!(said.contains(&sum) && said.contains(&sha256(b"other")), "{said}");
        std::fs::remove_file(run.join("base.csv")).unwrap();
        let said = found(None).unwrap_err().to_string();
        assert!(said.contains("--data FILE") && said.contains("base.csv"), "{said}");
        let moved = place.path().join("moved.csv");
        std::fs::write(&moved, "ID\n").unwrap();
        assert_eq!(found(Some(&moved)).unwrap(), moved);
        std::fs::write(&moved, "ID,DV\n").unwrap();
        assert!(found(Some(&moved)).is_err());
        // As the demo leaves its data.
        std::fs::write(run.join(OWN), "ID\n").unwrap();
        assert_eq!(found(None).unwrap(), run.join(OWN));
    }
}
