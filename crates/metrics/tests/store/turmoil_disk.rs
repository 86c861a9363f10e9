//! The store's disk on `turmoil-fs`: what is not synced may be lost, whole or in part, when the machine stops. On top
//! of that, any operation may fail once, or the disk may be full from some byte on.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use metrics::{BlockFile, Disk, DiskFile};
use turmoil_fs::shim::std::fs::{self, File, OpenOptions};

/// What goes wrong beside crashes.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// The operation that fails, counted down; 0 is none.
    pub(crate) error_in: u64,
    /// Bytes that can still be written; `None` is no limit.
    pub(crate) room: Option<u64>,
}

/// A disk in the file system that the thread has entered.
#[derive(Debug, Clone, Default)]
pub(crate) struct TurmoilDisk(pub(crate) Arc<Mutex<Faults>>);

#[derive(Debug)]
struct Handle {
    disk: TurmoilDisk,
    path: PathBuf,
    file: Mutex<File>,
}

impl TurmoilDisk {
    fn operate(&self) -> io::Result<()> {
        let mut faults = self.0.lock().unwrap();
        if faults.error_in > 0 {
            faults.error_in -= 1;
            if faults.error_in == 0 {
                return Err(io::Error::from_raw_os_error(5));
            }
        }
        Ok(())
    }

    fn handle<T>(&self, path: &Path, file: File, as_dyn: impl FnOnce(Arc<Handle>) -> T) -> T {
        as_dyn(Arc::new(Handle { disk: self.clone(), path: path.to_owned(), file: Mutex::new(file) }))
    }
}

impl Disk for TurmoilDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.operate()?;
        if fs::exists(dir) {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        fs::sync_dir(dir.parent().unwrap_or(Path::new("/")))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.operate()?;
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.operate()?;
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(self.handle(path, file, |handle| handle))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.operate()?;
        Ok(Box::new(File::open(path)?))
    }

    fn open_block(&self, path: &Path) -> io::Result<Arc<dyn BlockFile>> {
        self.operate()?;
        let file = File::open(path)?;
        Ok(self.handle(path, file, |handle| handle))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?;
        fs::hard_link(from, to)
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.operate()?;
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?;
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate()?;
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.operate()?;
        fs::sync_dir(dir)
    }
}

impl DiskFile for Handle {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.operate()?;
        let taken = {
            let mut faults = self.disk.0.lock().unwrap();
            match &mut faults.room {
                None => bytes.len(),
                Some(0) => return Err(io::Error::from_raw_os_error(28)),
                Some(room) => {
                    let taken = bytes.len().min(*room as usize);
                    *room -= taken as u64;
                    taken
                }
            }
        };
        let mut file = self.file.lock().unwrap();
        file.seek(SeekFrom::End(0))?;
        file.write_all(&bytes[..taken])?;
        Ok(taken)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.operate()?;
        self.file.lock().unwrap().sync_all()
    }
}

impl BlockFile for Handle {
    fn bytes(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.path)?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.operate()?;
        self.file.lock().unwrap().read_exact_at(buffer, offset)
    }
}
