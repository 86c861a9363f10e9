//! The files as people write them, and the way from there to the canonical form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use facts::Configuration;
use facts::configuration::{
    AccessLog, Alerting, Channel, Channels, Check, ContactRef, EscalationPolicy, GlobalScrapeConfig,
    Heartbeat, IncidentRules, MetricsStorage, Person, PromqlSettings, Rotation, Scalable, ScrapeConfig,
    ScrapeJob, SecretRef, Service, StatusPage,
};
use kernel::{
    CheckId, ContactId, HeartbeatId, PersonId, PolicyId, RotationId, ScalableId, ServiceId, StatusPageId,
    TeamId,
};
use serde::Deserialize;
use web::ports::{ContactAddress, Problem, Submission};

use super::places::{Place, nearest, places};
use super::rule_files::{RulesFrom, read_rules};
use super::scraping::{self, Jobs};
use super::text::read_text;
use super::{check, yaml};

/// `swan.yaml`. Parts that have a canonical form of their own are read as that.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SwanFile {
    services: BTreeMap<ServiceId, Service>,
    access_logs: BTreeMap<String, AccessLog>,
    scrape: Vec<ScrapeJob>,
    /// What the jobs of `scrape_configs` have in common.
    global: GlobalScrapeConfig,
    /// As Prometheus has them.
    scrape_configs: Vec<ScrapeConfig>,
    /// A whole `prometheus.yml`, of which the jobs and the rules are used.
    prometheus: Option<String>,
    metrics: MetricsStorage,
    promql: PromqlSettings,
    checks: BTreeMap<CheckId, Check>,
    heartbeats: BTreeMap<HeartbeatId, Heartbeat>,
    /// Rule files, relative to this one; `*` stands for part of a file's name.
    rules: OneOrMany,
    alerting: Alerting,
    incidents: IncidentRules,
    people: People,
    lists: BTreeMap<String, ListEntry>,
    webhooks: BTreeMap<String, WebhookEntry>,
    teams: BTreeMap<TeamId, Vec<PersonId>>,
    fallback: Option<PersonId>,
    rotations: BTreeMap<RotationId, Rotation>,
    escalation: BTreeMap<PolicyId, EscalationPolicy>,
    status_pages: BTreeMap<StatusPageId, StatusPage>,
    scalables: BTreeMap<ScalableId, Scalable>,
    channels: Channels,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            OneOrMany::None => Vec::new(),
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

/// In the file itself, or the name of another.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum People {
    InFile(String),
    Here(BTreeMap<PersonId, PersonEntry>),
}

impl Default for People {
    fn default() -> Self {
        People::Here(BTreeMap::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: OneOrMany,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListEntry {
    email: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookEntry {
    url: String,
    #[serde(default)]
    secret: Option<SecretRef>,
}

/// A configuration with where its parts stand.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) submission: Submission,
    file: PathBuf,
    places: BTreeMap<String, Place>,
    jobs: Jobs,
    /// For each rule group: its file, its place among that file's groups, and the file's places.
    groups: Vec<(PathBuf, usize, BTreeMap<String, Place>)>,
}

impl Loaded {
    /// What stands against it, or could be better.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = check::problems(&self.submission.configuration, &self.submission.contacts);
        problems.extend(self.jobs.unused.iter().map(|(place, section)| Problem {
            is_error: false,
            path: place.clone(),
            message: format!("not used: `{section}`"),
            hint: None,
        }));
        problems
    }

    /// A problem with its file, line, column and hint.
    pub(crate) fn in_place(&self, problem: &Problem) -> String {
        let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
        let kind = if problem.is_error { "" } else { "warning: " };
        format!("{}: {kind}{}{hint}", self.place(&problem.path), problem.message)
    }

    fn place(&self, path: &str) -> String {
        if let Some(place) = self.jobs.place(path) {
            return place;
        }
        // What is not used has its place already.
        if self.jobs.unused.iter().any(|(place, _)| place == path) {
            return path.to_owned();
        }
        let (file, place) = match self.group_of(path) {
            Some((file, places, path)) => (file, nearest(places, &path)),
            None => (&self.file, nearest(&self.places, path)),
        };
        match place {
            Some((line, column)) => format!("{}:{line}:{column}", file.display()),
            None => file.display().to_string(),
        }
    }

    /// `rule_groups[N]…` stands in a rule file, as `groups[M]…`.
    fn group_of(&self, path: &str) -> Option<(&PathBuf, &BTreeMap<String, Place>, String)> {
        let (number, rest) = path.strip_prefix("rule_groups[")?.split_once(']')?;
        let (file, own, places) = self.groups.get(number.parse::<usize>().ok()?)?;
        Some((file, places, format!("groups[{own}]{rest}")))
    }
}

/// Reads `swan.yaml` (or the `swan.yaml` of a directory) and what it names.
pub(super) fn read(path: &Path) -> Result<Loaded, Vec<String>> {
    let file = if path.is_dir() { path.join("swan.yaml") } else { path.to_owned() };
    let text = read_text(&file)?;
    let directory = file.parent().unwrap_or(Path::new(""));
    let mut jobs = Jobs::default();
    let (written, rules) = if scraping::is_prometheus(&text) {
        (SwanFile::default(), vec![rules_of(jobs.take_prometheus(&file, &text)?)])
    } else {
        read_swan(&file, &text, &mut jobs)?
    };
    let mut problems = Vec::new();
    let people = read_people(directory, written.people).unwrap_or_else(|found| {
        problems.extend(found);
        BTreeMap::new()
    });
    let groups = read_rules(directory, &rules).unwrap_or_else(|found| {
        problems.extend(found);
        Vec::new()
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut contacts = Vec::new();
    jobs.move_secrets(&mut contacts);
    let configuration = Configuration {
        services: written.services,
        access_logs: written.access_logs,
        scrape: written.scrape,
        scrape_configs: std::mem::take(&mut jobs.configs),
        metrics: written.metrics,
        promql: written.promql,
        checks: written.checks,
        heartbeats: written.heartbeats,
        external_labels: std::mem::take(&mut jobs.external_labels),
        rule_groups: groups.iter().map(|(group, ..)| group.clone()).collect(),
        alerting: written.alerting,
        incidents: written.incidents,
        people: people.into_iter().map(|(id, entry)| person(id, entry, &mut contacts)).collect(),
        lists: written.lists.into_iter().map(|(name, entry)| list(name, entry, &mut contacts)).collect(),
        webhooks: written
            .webhooks
            .into_iter()
            .map(|(name, entry)| webhook(name, entry, &mut contacts))
            .collect(),
        teams: written.teams,
        fallback: written.fallback,
        rotations: written.rotations,
        escalation: written.escalation,
        status_pages: written.status_pages,
        scalables: written.scalables,
        channels: written.channels,
    };
    let source = file.display().to_string();
    Ok(Loaded {
        submission: Submission { source, configuration, contacts },
        places: places(&text),
        file,
        jobs,
        groups: groups.into_iter().map(|(_, file, own, places)| (file, own, places)).collect(),
    })
}

fn rules_of((patterns, global): (Vec<String>, GlobalScrapeConfig)) -> RulesFrom {
    RulesFrom::new(patterns, &global)
}

/// A `swan.yaml` and its rules, with the `prometheus.yml` that it may name. Labels that both name are its own.
fn read_swan(file: &Path, text: &str, jobs: &mut Jobs) -> Result<(SwanFile, Vec<RulesFrom>), Vec<String>> {
    scraping::refuse_unsupported(file, text)?;
    let mut written: SwanFile = yaml::read(file, text).map_err(|problem| vec![problem])?;
    jobs.take(file, text, std::mem::take(&mut written.scrape_configs), &written.global);
    let mut rules = vec![RulesFrom::new(std::mem::take(&mut written.rules).into_vec(), &written.global)];
    if let Some(name) = &written.prometheus {
        let path = file.parent().unwrap_or(Path::new("")).join(name);
        let mut of_prometheus = rules_of(jobs.take_prometheus(&path, &read_text(&path)?)?);
        // Its patterns are relative to where it stands.
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for pattern in &mut of_prometheus.patterns {
            *pattern = folder.join(&*pattern).display().to_string();
        }
        rules.push(of_prometheus);
    }
    jobs.take_global(file, text, &written.global);
    Ok((written, rules))
}

fn read_people(directory: &Path, people: People) -> Result<BTreeMap<PersonId, PersonEntry>, Vec<String>> {
    match people {
        People::Here(people) => Ok(people),
        People::InFile(name) => {
            let file = directory.join(name);
            yaml::read(&file, &read_text(&file)?).map_err(|problem| vec![problem])
        }
    }
}

fn person(id: PersonId, entry: PersonEntry, contacts: &mut Vec<ContactAddress>) -> (PersonId, Person) {
    let name = entry.name.unwrap_or_else(|| id.to_string());
    let mut refs = Vec::new();
    for (number, address) in entry.email.into_vec().into_iter().enumerate() {
        let contact = ContactId::new(format!("{id}/email/{number}"));
        refs.push(ContactRef { id: contact.clone(), channel: Channel::Email });
        let person = Some(id.clone());
        let (channel, name) = (Channel::Email, name.clone());
        contacts.push(ContactAddress { contact, person, channel, address, name, secret: None });
    }
    (id, Person { contacts: refs })
}

fn list(name: String, entry: ListEntry, contacts: &mut Vec<ContactAddress>) -> (String, ContactRef) {
    let shared = shared("list", &name, Channel::Email, entry.email, None, contacts);
    (name, shared)
}

fn webhook(name: String, entry: WebhookEntry, contacts: &mut Vec<ContactAddress>) -> (String, ContactRef) {
    let shared = shared("webhook", &name, Channel::Webhook, entry.url, entry.secret, contacts);
    (name, shared)
}

fn shared(
    kind: &str,
    name: &str,
    channel: Channel,
    address: String,
    secret: Option<SecretRef>,
    contacts: &mut Vec<ContactAddress>,
) -> ContactRef {
    let contact = ContactId::new(format!("{kind}/{name}"));
    let row = ContactAddress {
        contact: contact.clone(),
        person: None,
        channel,
        address,
        name: name.to_owned(),
        secret,
    };
    contacts.push(row);
    ContactRef { id: contact, channel }
}
