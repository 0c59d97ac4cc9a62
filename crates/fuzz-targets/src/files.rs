//! Files of a target, because readers take paths.

use std::path::PathBuf;
use std::sync::OnceLock;

/// Folder of this process, in memory if possible.
pub fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let above = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = above.join(format!("omafit-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for files");
        folder
    })
}

/// Writes a file with the given bytes, in place of an earlier one. The file's name contains the thread, because several
/// tests run at a time.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = place(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

/// Path of the file with the given name.
pub fn place(name: &str) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    folder().join(format!("{thread}-{name}"))
}
