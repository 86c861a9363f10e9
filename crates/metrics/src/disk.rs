//! The files that the store needs, and nothing else of a file system.
//!
//! The store reaches the disk through [`Disk`] only, so that the same code runs on [`StdDisk`] and on a model of a
//! disk that fails, tears and forgets. An implementation must keep these promises, or the store cannot keep its own:
//! - bytes that [`DiskFile::write`] took are there after the process ends, and after [`DiskFile::sync`] also after
//!   the machine stops;
//! - a file that was made, renamed or removed stays so after the machine stops once [`Disk::sync_dir`] returned.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Files by path.
pub trait Disk: Debug + Send + Sync {
    /// Makes a directory and those above it; nothing happens where it exists.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// The names of the files in a directory, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a file, or empties the one that is there, for writing at its end.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for reading from its beginning.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;
    /// Opens a file that is not written any more, for reading anywhere. What is open can be read even after the file
    /// was removed.
    fn open_block(&self, path: &Path) -> io::Result<Arc<dyn BlockFile>>;
    /// Gives a file that is not written any more a second name, or copies it and makes the copy durable. Nothing has
    /// that name yet.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Shortens a file and makes that durable.
    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()>;
    /// Gives a file another name in the same directory, in place of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// A file that is written at its end.
pub trait DiskFile: Debug + Send + Sync {
    /// Appends the bytes or the first of them, and says how many.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Makes all that was written durable.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is not written any more.
pub trait BlockFile: Debug + Send + Sync {
    /// Its size.
    fn bytes(&self) -> io::Result<u64>;
    /// Fills the buffer with what stands from `offset` on; an error where the file is shorter.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// Appends all of the bytes.
pub(crate) fn write_all(file: &dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct StdDisk;

impl Disk for StdDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().write(true).create(true).truncate(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(path)?))
    }

    fn open_block(&self, path: &Path) -> io::Result<Arc<dyn BlockFile>> {
        Ok(Arc::new(File::open(path)?))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if fs::hard_link(from, to).is_ok() {
            return Ok(());
        }
        // Another file system, or one without links.
        fs::copy(from, to)?;
        File::open(to)?.sync_all()
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl BlockFile for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

impl DiskFile for File {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        Write::write(&mut file, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
