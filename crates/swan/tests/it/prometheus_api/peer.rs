//! A Prometheus that stands beside Swan.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::http::Caller;
use crate::swan::{SOON, until};

/// A Prometheus that takes remote writes and can be asked. It is killed when it is dropped.
pub(super) struct Peer {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Peer {
    pub(super) fn start(directory: &Path, configuration: &str) -> Self {
        let home = directory.join("peer");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("prometheus.yml"), configuration).unwrap();
        let mut command = Command::new("prometheus");
        command.current_dir(&home).args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            "--web.listen-address=127.0.0.1:0",
            "--web.enable-remote-write-receiver",
            "--enable-feature=native-histograms",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("prometheus runs");
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "prometheus ended: {said}");
            said.push_str(&line);
            let told = line.contains("Listening on").then(|| line.rsplit_once("address=")).flatten();
            if let Some((_, address)) = told {
                break address.trim().parse().unwrap();
            }
        };
        // Whatever else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || _ = log.read_to_string(&mut said));
        let peer = Self { child, address };
        let ready = || (peer.caller().get("/-/ready").status == 200).then_some(());
        until("prometheus to be ready", SOON, ready);
        peer
    }

    pub(super) fn caller(&self) -> Caller {
        Caller::new(self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself, which a test has noticed by now.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
