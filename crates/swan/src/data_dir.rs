//! The data directory: one process at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;

use crate::failure::Failure;

/// A directory that is locked for as long as this lives. The lock is the kernel's: it goes with the process.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is not there, for its owner only, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, Failure> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Failure::file("create", path))?;
        let file = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
        let lock = lock.map_err(Failure::file("open", &file))?;
        match lock.try_lock_exclusive() {
            Ok(true) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Ok(false) => Err(Failure::InUse(path.to_owned())),
            Err(source) => Err(Failure::file("lock", &file)(source)),
        }
    }

    /// A file of the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        let open = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
        let mut file = open.map_err(Failure::file("create", &path))?;
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(Failure::file("write", &path))?;
        Ok(path)
    }
}
