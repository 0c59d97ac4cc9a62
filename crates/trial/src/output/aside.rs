//! Hidden place beside the target in which an output is written, and syncing to disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use super::error::{OutputError, tried};

/// Maximum number of attempts to find a free name.
const ATTEMPTS: u32 = 1000;

/// Marker in the hidden name of an unfinished output.
pub(super) const PARTIAL: &str = "partial";

/// Folder of a target; the current folder if the path is a bare name.
pub(super) fn parent(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Hidden name beside a target, with the marker `what`.
pub(super) fn hidden(target: &Path, what: &str) -> Result<PathBuf, OutputError> {
    let name = target.file_name().ok_or_else(|| OutputError::NoName { path: target.to_owned() })?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{what}"));
    Ok(parent(target).join(hidden))
}

/// Makes a file or folder beside the target, under a new hidden name; the target's folder is made if needed.
pub(super) fn make_aside<T>(
    target: &Path,
    what: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> Result<(PathBuf, T), OutputError> {
    let folder = parent(target);
    let mut attempt = 0;
    loop {
        let again = if attempt > 0 { format!("-{attempt}") } else { String::new() };
        let path = hidden(target, &format!("{what}-{}{again}", process::id()))?;
        fs::create_dir_all(folder).map_err(tried("make the folder", folder))?;
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            // Another output of this process, or the remains of one that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(tried("make", &path)(error)),
        }
    }
}

/// Paths that [`make_aside`] made beside the target and that are still there, such as remains of killed processes.
pub(super) fn left_aside(target: &Path, what: &str) -> Result<Vec<PathBuf>, OutputError> {
    let start = hidden(target, &format!("{what}-"))?;
    let start = start.file_name().unwrap_or_default().as_encoded_bytes();
    let folder = parent(target);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(tried("list", folder))? {
        let name = entry.map_err(tried("list", folder))?.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(start);
        // Only this name, not another one that begins with it.
        if rest.is_some_and(|rest| rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')) {
            found.push(folder.join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Waits until a file's content has been synced to disk.
pub(super) fn sync_file(path: &Path) -> Result<(), OutputError> {
    // Windows syncs only files that are open for writing.
    let file = File::options().write(true).open(path).map_err(tried("open", path))?;
    file.sync_all().map_err(tried("sync", path))
}

/// Waits until a folder's entries have been synced to disk, where the system can do that.
pub(super) fn sync_folder(path: &Path) -> Result<(), OutputError> {
    if cfg!(unix) {
        let folder = File::open(path).map_err(tried("open", path))?;
        folder.sync_all().map_err(tried("sync", path))?;
    }
    Ok(())
}
