//! A disk in memory that knows what is durable, can lose the rest, and can fail at any operation.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use kernel::Rng;
use metrics::{BlockFile, Disk, DiskFile};

/// Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, Inode>,
    /// Names that survive the death of the machine.
    durable_names: BTreeMap<PathBuf, Inode>,
    operations: u64,
    failure: Option<(u64, Failure)>,
}

type Inode = Arc<Mutex<Content>>;

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: usize,
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// This one operation does nothing and says EIO.
    Once,
    /// This write takes half of its bytes; from the next operation on the disk is full. Any other operation is
    /// carried out.
    ShortThenFull,
}

#[derive(Debug)]
struct Handle {
    disk: ModelDisk,
    inode: Inode,
}

impl ModelDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A disk of the same files; all of them durable.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::default();
        for (path, inode) in &self.state().files {
            copy.put(path, inode.lock().unwrap().bytes.clone());
        }
        copy
    }

    /// A disk as the death of the machine leaves it: of bytes that are not durable, any prefix is there; of names
    /// that were made or removed and are not durable, any are as they were.
    pub(crate) fn after_power_cut(&self, rng: &mut Rng) -> Self {
        let copy = Self::default();
        let state = self.state();
        let paths: BTreeSet<&PathBuf> = state.files.keys().chain(state.durable_names.keys()).collect();
        for path in paths {
            let durable = rng.chance(500);
            let names = if durable { &state.durable_names } else { &state.files };
            let Some(inode) = names.get(path) else { continue };
            let content = inode.lock().unwrap();
            let volatile = (content.bytes.len() - content.synced) as u64;
            let kept = content.synced + rng.below(volatile + 1) as usize;
            copy.put(path, content.bytes[..kept].to_vec());
        }
        copy
    }

    /// Lets the `at`th operation from here on fail; the first is 1.
    pub(crate) fn fail_at(&self, at: u64, failure: Failure) {
        let mut state = self.state();
        state.operations = 0;
        state.failure = Some((at, failure));
    }

    /// Whether the operation that was to fail came.
    pub(crate) fn has_failed(&self) -> bool {
        let state = self.state();
        state.failure.is_some_and(|(at, _)| state.operations >= at)
    }

    pub(crate) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let inode = Arc::new(Mutex::new(Content { synced: bytes.len(), bytes }));
        let mut state = self.state();
        state.files.insert(path.to_owned(), Arc::clone(&inode));
        state.durable_names.insert(path.to_owned(), inode);
    }

    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        self.inode(path).unwrap().lock().unwrap().bytes.clone()
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.state().files.keys().cloned().collect()
    }

    /// The last segment of the log.
    pub(crate) fn last_segment(&self) -> PathBuf {
        self.paths().into_iter().rfind(|path| path.extension().is_some_and(|e| e == "wal")).unwrap()
    }

    fn inode(&self, path: &Path) -> io::Result<Inode> {
        self.state().files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Counts an operation; tells whether it is a write that is to fall short.
    fn operate(&self) -> io::Result<bool> {
        let mut state = self.state();
        state.operations += 1;
        match state.failure {
            Some((at, Failure::Once)) if state.operations == at => Err(io::Error::from_raw_os_error(5)),
            Some((at, Failure::ShortThenFull)) if state.operations > at => {
                Err(io::Error::from_raw_os_error(28))
            }
            Some((at, Failure::ShortThenFull)) => Ok(state.operations == at),
            _ => Ok(false),
        }
    }
}

impl Disk for ModelDisk {
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        self.operate().map(drop)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.operate()?;
        let paths = self.paths().into_iter().filter(|path| path.parent() == Some(dir));
        Ok(paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.operate()?;
        let mut state = self.state();
        let inode = Arc::clone(state.files.entry(path.to_owned()).or_default());
        *inode.lock().unwrap() = Content::default();
        Ok(Arc::new(Handle { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.operate()?;
        Ok(Box::new(Cursor::new(self.inode(path)?.lock().unwrap().bytes.clone())))
    }

    fn open_block(&self, path: &Path) -> io::Result<Arc<dyn BlockFile>> {
        self.operate()?;
        let inode = self.inode(path)?;
        Ok(Arc::new(Handle { disk: self.clone(), inode }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?;
        let inode = self.inode(from)?;
        self.state().files.insert(to.to_owned(), inode);
        Ok(())
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.operate()?;
        let inode = self.inode(path)?;
        let mut content = inode.lock().unwrap();
        content.bytes.truncate(bytes as usize);
        content.synced = content.bytes.len();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?;
        let mut state = self.state();
        let inode = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate()?;
        self.state().files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.operate()?;
        let mut state = self.state();
        let files = state.files.clone();
        state.durable_names.retain(|path, _| path.parent() != Some(dir));
        state.durable_names.extend(files.into_iter().filter(|(path, _)| path.parent() == Some(dir)));
        Ok(())
    }
}

impl BlockFile for Handle {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.inode.lock().unwrap().bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.operate()?;
        let content = self.inode.lock().unwrap();
        let from = offset as usize;
        let bytes = content.bytes.get(from..from + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl DiskFile for Handle {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let falls_short = self.disk.operate()?;
        let taken = if falls_short { bytes.len().div_ceil(2) } else { bytes.len() };
        self.inode.lock().unwrap().bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.operate()?;
        let mut content = self.inode.lock().unwrap();
        content.synced = content.bytes.len();
        Ok(())
    }
}
