//! Who is at work on an output, as the system's file locks tell. A lock goes with its process, however that ends.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use super::aside::{hidden, parent};
use super::error::{OutputError, tried};

/// Tries for a claim whose holder goes away meanwhile.
const ATTEMPTS: u32 = 1000;

/// Whose an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Locked by this handle from now on.
    Us,
    /// Locked by another.
    Another,
    /// The file system has no locks.
    Unknown,
}

/// Locks an open file, if nobody else has.
pub(super) fn lock(file: &File) -> Owner {
    match file.try_lock() {
        Ok(()) => Owner::Us,
        Err(TryLockError::WouldBlock) => Owner::Another,
        Err(TryLockError::Error(_)) => Owner::Unknown,
    }
}

/// Whether an open file is still what stands at a path.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(there)) => place(file) == place(there),
        _ => false,
    }
}

/// Whether there is something at the path of an open file: elsewhere such a file cannot be removed.
#[cfg(not(unix))]
pub(super) fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// The sole right to make the run of one name, until dropped: a hidden file beside it that is locked.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    /// `None` where the file system has no locks.
    held: Option<File>,
}

impl Claim {
    /// Claims a target; the folder it is to be in is made if need be.
    pub(super) fn on(target: &Path) -> Result<Self, OutputError> {
        let path = hidden(target, "lock")?;
        let folder = parent(target);
        fs::create_dir_all(folder).map_err(tried("make the folder", folder))?;
        for _ in 0..ATTEMPTS {
            let options = File::options().read(true).write(true).create(true).truncate(false).clone();
            let mut file = options.open(&path).map_err(tried("make", &path))?;
            match lock(&file) {
                Owner::Us if is_at(&file, &path) => {
                    // For people to read; nothing depends on it.
                    let _ = file.set_len(0).and_then(|()| write!(file, "{}", process::id()));
                    return Ok(Self { path, held: Some(file) });
                }
                // Its holder removed it before it let it go.
                Owner::Us => {}
                Owner::Another => {
                    let mut process = String::new();
                    let _ = file.read_to_string(&mut process);
                    return Err(OutputError::Busy { path: target.to_owned(), process });
                }
                Owner::Unknown => {
                    let _ = fs::remove_file(&path);
                    return Ok(Self { path, held: None });
                }
            }
        }
        Err(OutputError::Busy { path: target.to_owned(), process: String::new() })
    }

    /// Whether it is certain that nobody else is at work on the target.
    pub(super) fn is_sole(&self) -> bool {
        self.held.is_some()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.held.is_some() {
            // While it is still held, so that nobody else's is removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}
