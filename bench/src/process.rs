//! A server's process: started over a directory of its own, weighed by its clock of CPU time and by /proc, and killed
//! when it is dropped.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Outcome;

/// What a process weighed when it was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weight {
    /// User and system time.
    pub(crate) cpu_s: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) rss_peak_bytes: u64,
}

/// A process that runs.
pub(crate) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts it in `directory`; what it says goes to `directory/log`.
    pub(crate) fn start(program: &Path, arguments: &[String], directory: &Path) -> Outcome<Self> {
        let log = std::fs::File::options().create(true).append(true).open(directory.join("log"))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let name = program.display().to_string();
        let child = command.spawn().map_err(|error| format!("start `{name}`: {error}"))?;
        Ok(Self { child, name })
    }

    pub(crate) fn weight(&self) -> Outcome<Weight> {
        weight(self.child.id()).ok_or_else(|| format!("`{}` ended by itself", self.name).into())
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself meanwhile.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn weight(pid: u32) -> Option<Weight> {
    // In nanoseconds, with threads that have ended; /proc/PID/stat rounds user and system time to 10 ms each.
    let clock = clock_getcpuclockid(Pid::from_raw(pid.try_into().ok()?)).ok()?;
    let cpu = clock.now().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Weight {
        cpu_s: cpu.tv_sec() as f64 + cpu.tv_nsec() as f64 / 1e9,
        rss_bytes: kib("VmRSS:")? * 1024,
        rss_peak_bytes: kib("VmHWM:")? * 1024,
    })
}

/// Bytes that the files under a directory take on disk.
pub(crate) fn disk_bytes(directory: &Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut total = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        total +=
            if about.is_dir() { disk_bytes(&entry.path())? } else { about.len().min(about.blocks() * 512) };
    }
    Ok(total)
}
