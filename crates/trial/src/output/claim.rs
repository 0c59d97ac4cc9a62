//! Claims on outputs by file locks. The operating system releases a lock when its process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use super::aside::{hidden, parent};
use super::error::{OutputError, tried};

/// Maximum number of attempts at a claim whose holder releases it meanwhile.
const ATTEMPTS: u32 = 1000;

/// Owner of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Locked by this handle from now on.
    Us,
    /// Locked by another handle.
    Another,
    /// The file system has no locks.
    Unknown,
}

/// Locks an open file, unless another handle has locked it.
pub(super) fn lock(file: &File) -> Owner {
    match file.try_lock() {
        Ok(()) => Owner::Us,
        Err(TryLockError::WouldBlock) => Owner::Another,
        Err(TryLockError::Error(_)) => Owner::Unknown,
    }
}

/// Whether an open file is still the file at a path.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(there)) => place(file) == place(there),
        _ => false,
    }
}

/// Whether a file exists at the path of an open file: on other systems than Unix an open file cannot be removed.
#[cfg(not(unix))]
pub(super) fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Exclusive right to write the run of one name, until dropped: a locked hidden file beside the target.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    /// Locked file; `None` where the file system has no locks.
    held: Option<File>,
}

impl Claim {
    /// Claims a target; its parent folder is made if needed.
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
                // The earlier holder removed the file before it released the lock.
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

    /// Whether it is certain that no other process writes to the target.
    pub(super) fn is_sole(&self) -> bool {
        self.held.is_some()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.held.is_some() {
            // The lock is still held, so that no file of another process is removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}
