//! The commit that the program is built from, where the source is a git checkout of its own.

use std::path::Path;
use std::process::Command;

/// The output of a git command; nothing where it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8(done.stdout).ok()?.trim().to_owned())
}

/// The commit, with a mark where files that it has were changed since.
fn commit() -> Option<String> {
    // A source archive that was unpacked within another checkout is not of that one's commit.
    let [top, own] =
        [git(&["rev-parse", "--show-toplevel"])?, format!("{}/../..", env!("CARGO_MANIFEST_DIR"))]
            .map(|path| Path::new(&path).canonicalize().ok());
    if top.is_none() || top != own {
        return None;
    }
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { head } else { format!("{head}-changed") })
}

fn main() {
    println!("cargo::rustc-env=OMAFIT_COMMIT={}", commit().unwrap_or_else(|| "unknown".to_owned()));
    println!("cargo::rerun-if-changed=..");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    // Written by every commit and checkout.
    for name in ["logs/HEAD", "HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}
