//! Why a file or folder cannot be made.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file or folder cannot be made. What was there before is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// It exists and was not to be replaced.
    #[error("{} exists; it is replaced only with force", path.display())]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// It exists and is something else than what would replace it.
    #[error("{} is not replaced: it is not {expected}", path.display())]
    NotAlike {
        /// The file or folder.
        path: PathBuf,
        /// What it would have to be.
        expected: &'static str,
    },
    /// Another process is making it.
    #[error(
        "{} is being written by another process{}: wait for it, or choose another name",
        path.display(),
        if process.is_empty() { String::new() } else { format!(" ({process})") }
    )]
    Busy {
        /// What is being made.
        path: PathBuf,
        /// The process, if it is known.
        process: String,
    },
    /// The path does not end in a name, as `..` does not.
    #[error("{} is no name for an output", path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// A file of a run is to go outside the run's folder.
    #[error("{} is outside the run's folder", path.display())]
    Outside {
        /// The name.
        path: PathBuf,
    },
    /// The run is incomplete.
    #[error("the run in {} has no run.json and is not kept", path.display())]
    NoRunFile {
        /// The run's folder.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {action} {}: {source}", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Names what was tried in an error of the system.
pub(super) fn tried<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> OutputError + 'a {
    move |source| OutputError::System { action, path: path.to_owned(), source }
}
