//! Build script that records the commit from which the program is built, if the source is its own git checkout.

use std::path::Path;
use std::process::Command;

/// Standard output of a git command; `None` if the command fails.
fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8(done.stdout).ok()?.trim().to_owned())
}

/// Abbreviated hash of the commit, with the suffix `-changed` if tracked files have changed since.
fn commit() -> Option<String> {
    // A source archive unpacked within another checkout does not belong to the commit of that checkout.
    // Asked for when the script runs: a target folder that several checkouts share keeps the script of the first.
    let own = format!("{}/../..", std::env::var("CARGO_MANIFEST_DIR").ok()?);
    let [top, own] =
        [git(&["rev-parse", "--show-toplevel"])?, own].map(|path| Path::new(&path).canonicalize().ok());
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
    // Every commit and every checkout writes these files.
    for name in ["logs/HEAD", "HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}
