//! Files of a target: readers take paths.

use std::path::PathBuf;
use std::sync::OnceLock;

/// A folder of this process, in memory where there is one.
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

/// A file of these bytes, in place of the one before. The thread is in its name: tests run several at a time.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = place(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

/// Where a file of a name is written.
pub fn place(name: &str) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    folder().join(format!("{thread}-{name}"))
}
