//! The demo's directory: the configuration that a person can read and edit, and Swan's data beside it.
//!
//! The files come from `examples/demo`. A `swan.yaml` that is there already is kept as it was edited; only the
//! addresses of the shop and of the inbox, which stand on lines that say so, are those of this run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kernel::PersonId;
use store::Directory;

use super::people::Player;
use crate::failure::Failure;
use crate::runtime::secrets;

const CONFIGURATION: &str = include_str!("../../../../examples/demo/swan.yaml");
const RULES: &str = include_str!("../../../../examples/demo/rules/shop.yaml");

/// What a line of the configuration ends in that names the shop's address.
const SHOP_MARK: &str = "# the shop";
/// What the line ends in that names the inbox's address.
const INBOX_MARK: &str = "# the inbox";

/// A directory; a temporary one goes when this does.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    /// The directory that was named, else a fresh one among the machine's temporary files.
    pub(super) fn open(named: Option<PathBuf>) -> Result<Self, Failure> {
        let is_temporary = named.is_none();
        let path = named.unwrap_or_else(|| {
            let name: String = secrets::token().chars().take(8).collect();
            std::env::temp_dir().join(format!("swan-demo-{name}"))
        });
        let rules = path.join("rules");
        std::fs::create_dir_all(&rules).map_err(Failure::file("create", &rules))?;
        Ok(Self { path, is_temporary })
    }

    /// Where the configuration is.
    pub(super) fn configuration(&self) -> PathBuf {
        self.path.join("swan.yaml")
    }

    /// Swan's data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Writes what is not there yet, and the addresses of this run.
    pub(super) fn write(&self, shop: SocketAddr, inbox: SocketAddr) -> Result<(), Failure> {
        let configuration = self.configuration();
        let text = if configuration.exists() {
            std::fs::read_to_string(&configuration).map_err(Failure::file("read", &configuration))?
        } else {
            CONFIGURATION.to_owned()
        };
        write(&configuration, &with_addresses(&text, shop, inbox))?;
        let rules = self.path.join("rules/shop.yaml");
        if rules.exists() { Ok(()) } else { write(&rules, RULES) }
    }

    /// Gives the players their passwords before Swan starts, as its operator would. Passwords are no facts: they
    /// are in the directory beside the journal.
    pub(super) fn set_passwords(&self) -> Result<(), Failure> {
        let data = self.data();
        std::fs::create_dir_all(&data).map_err(Failure::file("create", &data))?;
        let directory =
            Directory::open(&data.join("directory.db")).map_err(Failure::fault("open the directory"))?;
        for player in Player::ALL {
            let set = directory.set_password(&PersonId::new(player.id()), player.password());
            set.map_err(Failure::fault("set a password"))?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed is the machine's to clean up, as any temporary file.
            _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(Failure::file("write", path))
}

/// The text with these addresses on the lines that are marked.
fn with_addresses(text: &str, shop: SocketAddr, inbox: SocketAddr) -> String {
    let line = |line: &str| match line {
        _ if line.ends_with(SHOP_MARK) => with_address(line, shop),
        _ if line.ends_with(INBOX_MARK) => with_address(line, inbox),
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

/// The line with its `127.0.0.1:PORT` replaced; a line without one stays as it is.
fn with_address(line: &str, address: SocketAddr) -> String {
    const HOST: &str = "127.0.0.1:";
    let Some(start) = line.find(HOST) else { return line.to_owned() };
    let rest = line[start + HOST.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}{address}{rest}", &line[..start])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn what_a_person_edited_stays_and_addresses_follow_the_run() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(Some(parent.path().join("demo"))).unwrap();
        folder.write(at(1), at(2)).unwrap();
        let first = std::fs::read_to_string(folder.configuration()).unwrap();
        assert!(first.contains(r#"targets: ["127.0.0.1:1"] # the shop"#), "{first}");
        assert!(first.contains("http://127.0.0.1:1/shop/ # the shop"), "{first}");
        assert!(first.contains("smtp: 127.0.0.1:2 # the inbox"), "{first}");

        std::fs::write(folder.configuration(), first.replace("wait: 15s", "wait: 7s")).unwrap();
        folder.write(at(30001), at(30002)).unwrap();
        let second = std::fs::read_to_string(folder.configuration()).unwrap();
        assert!(second.contains("wait: 7s"), "{second}");
        assert!(second.contains(r#""127.0.0.1:30001""#) && second.contains("127.0.0.1:30002 # the inbox"));
        drop(folder);
        assert!(parent.path().join("demo/swan.yaml").exists(), "a directory that was named stays");
    }

    #[test]
    fn a_temporary_directory_goes_with_the_demo() {
        let folder = Folder::open(None).unwrap();
        folder.write(at(1), at(2)).unwrap();
        let path = folder.configuration();
        assert!(path.exists());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn the_configuration_of_the_demo_has_nothing_against_it() {
        let folder = Folder::open(None).unwrap();
        folder.write(at(7927), at(7928)).unwrap();
        let loaded = crate::config::read(&folder.configuration()).unwrap();
        let problems: Vec<String> =
            loaded.problems().iter().map(|problem| loaded.in_place(problem)).collect();
        assert_eq!(problems, Vec::<String>::new());
        for player in Player::ALL {
            let people = &loaded.submission.configuration.people;
            assert!(people.contains_key(&PersonId::new(player.id())), "{player:?}");
        }
    }
}
