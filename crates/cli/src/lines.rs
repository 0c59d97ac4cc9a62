//! A file of JSON lines that is extended one line at a time, so that an interrupted command can be resumed.

use crate::error::{CliError, refuse};
use omafit_trial::OutputError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file of JSON lines, open at its end. The first line identifies the computation to which the file belongs.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    /// Opens a new file, or with `resume` an existing file together with its lines. An existing file is
    /// replaced only with `force`, and is resumed only if its `identity` is the same.
    pub fn open<T: DeserializeOwned>(
        path: PathBuf,
        identity: &serde_json::Value,
        resume: bool,
        force: bool,
    ) -> Result<(Self, Vec<T>), CliError> {
        let exists = path.exists();
        match (exists, resume) {
            (false, true) => {
                return Err(refuse("resume", path.display(), "what was interrupted before: there is none"));
            }
            (true, false) if !force => return Err(CliError::Interrupted { path }),
            _ => {}
        }
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(OutputError::Busy { path, process: String::new() }.into());
        }
        if resume {
            return Self::reopen(path, file, identity);
        }
        file.set_len(0)?;
        let mut lines = Self { path, file };
        lines.add(identity)?;
        Ok((lines, Vec::new()))
    }

    fn reopen<T: DeserializeOwned>(
        path: PathBuf,
        mut file: File,
        identity: &serde_json::Value,
    ) -> Result<(Self, Vec<T>), CliError> {
        let mut reader = BufReader::new(&file);
        let (mut line, mut end, mut found) = (Vec::new(), 0, Vec::new());
        let broken = |source| CliError::NoRun { path: path.clone(), source };
        for number in 0.. {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            // The program may have been killed while it wrote the last line.
            if line.last() != Some(&b'\n') {
                break;
            }
            if number == 0 {
                let first: serde_json::Value = serde_json::from_slice(&line).map_err(broken)?;
                if first != *identity {
                    let expected =
                        "one that goes on with this version and the run and options with which it began";
                    return Err(refuse("resume", path.display(), expected));
                }
            } else {
                found.push(serde_json::from_slice(&line).map_err(broken)?);
            }
            end += read as u64;
        }
        file.set_len(end)?;
        file.seek(SeekFrom::End(0))?;
        let mut lines = Self { path, file };
        if end == 0 {
            lines.add(identity)?;
        }
        Ok((lines, found))
    }

    /// Appends a line, and waits until it is on disk.
    pub fn add(&mut self, line: &impl Serialize) -> Result<(), CliError> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        Ok(self.file.sync_data()?)
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file, once its content is stored elsewhere.
    pub fn remove(self) -> Result<(), CliError> {
        drop(self.file);
        Ok(std::fs::remove_file(&self.path)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_again_but_for_one_that_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.jsonl");
        let identity = serde_json::json!({ "seed": 1 });
        let open = |resume, force| Lines::open::<Vec<f64>>(path.clone(), &identity, resume, force);
        assert!(open(true, false).is_err());
        let (mut lines, found) = open(false, false).unwrap();
        assert!(found.is_empty());
        let first = vec![0.1 + 0.2, 1e-300];
        lines.add(&first).unwrap();
        lines.add(&[2.0]).unwrap();
        drop(lines);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        assert!(matches!(open(false, false), Err(CliError::Interrupted { .. })));
        let other = serde_json::json!({ "seed": 2 });
        assert!(Lines::open::<Vec<f64>>(path.clone(), &other, true, false).is_err());
        let (mut lines, found) = open(true, false).unwrap();
        assert_eq!(found, std::slice::from_ref(&first));
        lines.add(&[3.0]).unwrap();
        // The file cannot be opened while it is being written.
        let busy = open(true, false).unwrap_err().to_string();
        assert!(busy.contains("is being written by another process"), "{busy}");
        drop(lines);
        let (lines, found) = open(true, false).unwrap();
        assert_eq!(found, [first, vec![3.0]]);
        std::fs::write(&path, "").unwrap();
        drop(lines);
        let (lines, found) = open(true, false).unwrap();
        assert!(found.is_empty());
        lines.remove().unwrap();
        assert!(!path.exists());
    }
}
