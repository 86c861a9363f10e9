//! The rules of the house: what architecture.md and style.md forbid, read from `cargo metadata` and the source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const SLICES: [&str; 8] =
    ["signals", "objectives", "alerting", "oncall", "incidents", "status", "learning", "capacity"];

/// Who may depend on whom among our own crates: each crate with everything that it may name. `swan` may name all.
fn may_depend(of: &str) -> Option<BTreeSet<&'static str>> {
    let slices = SLICES.into_iter();
    let allowed: BTreeSet<&str> = match of {
        "kernel" => BTreeSet::new(),
        "facts" | "egress" | "promql" => BTreeSet::from(["kernel"]),
        // Slices share the vocabulary of facts and do not know of each other.
        slice if SLICES.contains(&slice) => BTreeSet::from(["kernel", "facts"]),
        "engine" => slices.chain(["kernel", "facts"]).collect(),
        "metrics" => BTreeSet::from(["kernel", "promql"]),
        "journal" => BTreeSet::from(["kernel", "facts"]),
        "store" => BTreeSet::from(["kernel", "facts", "journal"]),
        // Parsers and views of the slices; it submits commands, and writes nothing.
        "web" => slices.chain(["kernel", "facts", "engine", "journal", "promql"]).collect(),
        // It speaks the slices' commands; its reference model knows none of them, which another test sees to.
        "sim" => slices.chain(["kernel", "facts", "engine", "journal"]).collect(),
        _ => return None,
    };
    Some(allowed)
}

/// What pure crates never pull in, directly or not.
const IMPURE: [&str; 16] = [
    "tokio",
    "async-std",
    "smol",
    "mio",
    "futures-executor",
    "hyper",
    "axum",
    "reqwest",
    "ureq",
    "h2",
    "rusqlite",
    "libsqlite3-sys",
    "sqlx",
    "tracing-subscriber",
    "log4rs",
    "env_logger",
];

/// What no source of a slice or of the engine mentions: the clock, files, the environment, randomness, the network.
const WORLDLY: [&str; 13] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::fs",
    "std::env",
    "net::Tcp",
    "net::Udp",
    "ToSocketAddrs",
    "thread_rng",
    "getrandom",
    "RandomState",
    "HashMap",
];

/// Names that say nothing about what is inside.
const NAMELESS: [&str; 12] = [
    "util",
    "utils",
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "core",
    "misc",
    "base",
    "shared",
    "lib_common",
];

const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What the lock file says for this machine, without asking a registry for what other machines need.
    command.args([
        "metadata",
        "--format-version",
        "1",
        "--offline",
        "--locked",
        "--filter-platform",
        &host(),
    ]);
    command.current_dir(root());
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// This machine, as the compiler names it.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("it speaks UTF-8");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("it names its host").to_owned()
}

/// Our crates by name, each with the names that it depends on outside its tests.
fn our_crates(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| members.contains(package["id"].as_str().unwrap()));
    ours.map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
        let names = normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
        (package["name"].as_str().unwrap().to_owned(), names)
    })
    .collect()
}

/// Everything that a crate pulls in outside tests and build scripts, by name.
fn pulled_in(metadata: &Value, name: &str) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let by_id: BTreeMap<&str, &Value> =
        nodes.iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeMap<&str, &str> = packages
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let members = metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
    let start = members.into_iter().find(|id| names[id] == name).expect("it is one of ours");
    let (mut seen, mut next) = (BTreeSet::from([start]), vec![start]);
    while let Some(id) = next.pop() {
        for dependency in by_id[id]["deps"].as_array().unwrap() {
            let is_normal =
                dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            let id = dependency["pkg"].as_str().unwrap();
            if is_normal && seen.insert(id) {
                next.push(id);
            }
        }
    }
    seen.into_iter().filter(|id| *id != start).map(|id| names[id].to_owned()).collect()
}

/// A file of ours.
struct Source {
    /// Relative to the workspace.
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        let parts = ["/tests/", "/benches/", "/examples/"];
        parts.iter().any(|part| self.path.contains(part)) || self.path.ends_with("/tests.rs")
    }

    /// The text without comments and without the tests at its end.
    fn program(&self) -> String {
        let end = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.fold(String::new(), |text, line| text + line + "\n")
    }
}

fn files(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// Every Rust file of ours.
fn sources() -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    files(&root.join("crates"), "rs", &mut paths);
    paths.sort();
    let read = |path: PathBuf| Source {
        text: std::fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&root).unwrap().display().to_string(),
    };
    paths.into_iter().map(read).collect()
}

fn of_crate<'s>(sources: &'s [Source], name: &str) -> impl Iterator<Item = &'s Source> {
    let folder = format!("crates/{name}/src/");
    sources.iter().filter(move |source| source.path.starts_with(&folder))
}

fn none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n{}", findings.join("\n"));
}

#[test]
fn our_crates_depend_on_each_other_as_the_architecture_says() {
    let crates = our_crates(&metadata());
    let ours: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    let mut findings = Vec::new();
    for (name, dependencies) in crates.iter().filter(|(name, _)| *name != "swan") {
        let Some(allowed) = may_depend(name) else {
            findings.push(format!("nobody said yet whom `{name}` may depend on"));
            continue;
        };
        let named = dependencies.iter().map(String::as_str).filter(|dependency| ours.contains(dependency));
        let wrong = named.filter(|dependency| !allowed.contains(dependency));
        findings.extend(wrong.map(|dependency| format!("`{name}` may not depend on `{dependency}`")));
    }
    none(&findings, "who may depend on whom");
    let missing: Vec<&&str> = SLICES.iter().filter(|slice| !ours.contains(*slice)).collect();
    assert!(missing.is_empty(), "there are no crates for {missing:?}");
}

#[test]
fn pure_crates_pull_in_no_runtime_no_sockets_no_sql_and_no_logging() {
    let metadata = metadata();
    let mut findings = Vec::new();
    for name in SLICES.into_iter().chain(["kernel", "facts", "engine", "promql", "metrics", "journal", "sim"])
    {
        let pulled_in = pulled_in(&metadata, name);
        let wrong = IMPURE.iter().filter(|impure| pulled_in.contains(**impure));
        findings.extend(wrong.map(|impure| format!("`{name}` pulls in `{impure}`")));
    }
    none(&findings, "slices, engine, promql, metrics, journal and sim run without a runtime");
}

#[test]
fn slices_and_engine_know_no_clock_no_file_no_environment_and_no_chance() {
    let sources = sources();
    let mut findings = Vec::new();
    for name in SLICES.into_iter().chain(["engine"]) {
        for source in of_crate(&sources, name).filter(|source| !source.is_test()) {
            let program = source.program();
            let wrong = WORLDLY.iter().filter(|word| program.contains(**word));
            findings.extend(wrong.map(|word| format!("{} mentions `{word}`", source.path)));
        }
    }
    none(&findings, "time is an argument, and everything else comes as facts and commands");
}

#[test]
fn the_reference_model_shares_no_code_with_what_it_judges() {
    let sources = sources();
    let mut findings = Vec::new();
    for source in of_crate(&sources, "sim").filter(|source| source.path.contains("/src/reference/")) {
        let program = source.program();
        let wrong =
            SLICES.into_iter().chain(["engine"]).filter(|name| program.contains(&format!("{name}::")));
        // The vocabulary of facts has a module for each slice, and is shared by all.
        let wrong = wrong
            .filter(|name| program.replace(&format!("facts::{name}::"), "").contains(&format!("{name}::")));
        findings.extend(wrong.map(|name| format!("{} uses `{name}`", source.path)));
    }
    none(&findings, "a model that shares code with the slices shares their mistakes");
}

#[test]
fn only_store_speaks_sql_and_only_egress_opens_connections() {
    let crates = our_crates(&metadata());
    let sql: Vec<&String> =
        crates.iter().filter(|(_, uses)| uses.contains("rusqlite")).map(|(name, _)| name).collect();
    assert_eq!(sql, ["store"]);
    let outbound = [
        "TcpStream::connect",
        "UnixStream::connect",
        "UdpSocket::",
        "hyper_util::client",
        "hyper::client",
        "reqwest::",
        "TcpSocket::",
    ];
    // The demonstration's shop, peer and browser are the world outside; they run in the same binary and stand for it.
    let outside = ["crates/egress/src/", "crates/swan/src/demo/"];
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test() && source.path.contains("/src/")) {
        if outside.iter().any(|folder| source.path.starts_with(folder)) {
            continue;
        }
        let program = source.program();
        let wrong = outbound.iter().filter(|word| program.contains(**word));
        findings.extend(wrong.map(|word| format!("{} mentions `{word}`", source.path)));
    }
    none(&findings, "only `egress` opens outbound connections");
}

#[test]
fn web_asks_and_never_writes() {
    let crates = our_crates(&metadata());
    let writers = ["store", "metrics", "egress"];
    assert!(writers.iter().all(|writer| !crates["web"].contains(*writer)), "{:?}", crates["web"]);
}

#[test]
fn an_exception_from_a_lint_gives_its_reason() {
    let allow = format!("#[{}(", "allow");
    let allow_inside = format!("#![{}(", "allow");
    let mut findings = Vec::new();
    for source in sources() {
        let wrong = |line: &str| {
            let line = line.trim_start();
            (line.starts_with(&allow) || line.starts_with(&allow_inside))
                || ((line.starts_with("#[expect(") || line.starts_with("#![expect("))
                    && !explained(&source.text, line))
        };
        let lines = source.text.lines().enumerate().filter(|(_, line)| wrong(line));
        findings
            .extend(lines.map(|(number, line)| format!("{}:{}: {}", source.path, number + 1, line.trim())));
    }
    none(&findings, "`#[expect(…, reason = \"…\")]`, never an `allow`");
}

/// Whether an exception, which may span lines, says why.
fn explained(text: &str, line: &str) -> bool {
    text.split(line)
        .skip(1)
        .all(|rest| format!("{line}{}", rest.split(")]").next().unwrap_or("")).contains("reason"))
}

#[test]
fn folders_and_files_are_named_after_the_domain() {
    let nameless = |part: &str| NAMELESS.contains(&part.trim_end_matches(".rs"));
    let mut findings: Vec<String> = sources()
        .iter()
        .filter(|source| source.path.split('/').any(nameless))
        .map(|source| source.path.clone())
        .collect();
    for source in sources() {
        let words =
            source.text.lines().filter_map(|line| line.trim().strip_suffix(" {")?.rsplit_once("mod "));
        findings.extend(
            words.filter(|(_, name)| nameless(name)).map(|(_, name)| format!("{}: mod {name}", source.path)),
        );
    }
    none(&findings, "names that say nothing");
}

#[test]
fn a_file_is_read_in_one_sitting() {
    let long = sources().into_iter().map(|source| (source.text.lines().count(), source.path));
    let findings: Vec<String> = long
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{path} has {lines} lines"))
        .collect();
    none(&findings, &format!("no file over {LINES_MAX} lines"));
}

#[test]
fn every_module_of_the_program_opens_with_what_it_is_about() {
    let crates = sources()
        .into_iter()
        .filter(|source| source.path.ends_with("/src/lib.rs") || source.path.ends_with("/main.rs"));
    let findings: Vec<String> =
        crates.filter(|source| !source.text.starts_with("//!")).map(|source| source.path).collect();
    none(&findings, "a crate opens with a paragraph about itself");
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, section) = manifest.split_once("[workspace.dependencies]").expect("it has that section");
    let section = section.split("\n[").next().expect("there is a first part");
    let is_dependency =
        |line: &&str| line.contains(" = ") && !line.starts_with('#') && !line.contains("path = ");
    let findings: Vec<String> = section
        .lines()
        .filter(is_dependency)
        .filter(|line| line.split_once('#').is_none_or(|(_, why)| why.trim().len() < 5))
        .map(str::to_owned)
        .collect();
    none(&findings, "each direct dependency has a line in Cargo.toml that says why it is there");
}

#[test]
fn crates_take_dependencies_from_the_workspace() {
    let root = root();
    let mut manifests = Vec::new();
    files(&root.join("crates"), "toml", &mut manifests);
    let mut findings = Vec::new();
    for manifest in manifests.iter().filter(|path| path.ends_with("Cargo.toml")) {
        let text = std::fs::read_to_string(manifest).unwrap();
        let mut in_dependencies = false;
        for line in text.lines() {
            if line.starts_with('[') {
                in_dependencies = line.contains("dependencies");
            } else if in_dependencies
                && line.contains('=')
                && !line.contains("workspace = true")
                && !line.starts_with('#')
            {
                findings.push(format!("{}: {line}", manifest.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    none(&findings, "every third-party crate is named once, in the workspace's Cargo.toml, with its reason");
}

#[test]
fn no_file_of_the_project_names_a_place_of_one_machine() {
    let root = root();
    let mut paths = Vec::new();
    for extension in ["rs", "toml", "md", "yaml", "html", "py"] {
        for folder in ["crates", "docs", "examples", "bench", "scenarios", "mutants"] {
            if root.join(folder).is_dir() {
                files(&root.join(folder), extension, &mut paths);
            }
        }
    }
    let home = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/ho", "me/"].concat()];
    let mut findings = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let wrong = text
            .lines()
            .enumerate()
            .filter(|(_, line)| home.iter().any(|place| line.contains(place.as_str())));
        findings.extend(wrong.map(|(number, line)| format!("{}:{}: {line}", path.display(), number + 1)));
    }
    none(&findings, "paths of one machine");
}
