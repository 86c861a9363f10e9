use std::fmt;
use std::str::FromStr;

use kernel::{ContactId, PersonId, RotationId, Span, TeamId};
use serde::{Deserialize, Serialize};

/// A way that messages take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// SMTP.
    Email,
    /// A signed POST (Standard Webhooks).
    Webhook,
}

/// A contact's id and channel. Its address is in the directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRef {
    /// Its id.
    pub id: ContactId,
    /// What carries it.
    pub channel: Channel,
}

/// Somebody who can be on call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// All of them are used at once.
    pub contacts: Vec<ContactRef>,
}

/// Who is on call, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// In the order in which they take over.
    pub members: Vec<PersonId>,
    /// When the next one takes over.
    pub handoff: Handoff,
    /// The zone in which `handoff` is told, by its IANA name.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The day, in that zone, from whose hand-off the first member is on call; without one, the epoch's.
    #[serde(default)]
    pub start: Option<String>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Days of the week, Monday first, as ISO 8601 counts them.
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A wall-clock time that comes once a day (`daily 09:00`) or once a week (`Mon 10:00`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handoff {
    /// The day of the week, 0 for Monday; `None` for every day.
    pub weekday: Option<u8>,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

impl fmt::Display for Handoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.weekday.and_then(|day| WEEKDAYS.get(usize::from(day))).unwrap_or(&"daily");
        write!(f, "{day} {:02}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for Handoff {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (day, time) = text.trim().split_once(' ')?;
            let (hour, minute) = time.trim().split_once(':')?;
            let weekday = match day {
                "daily" => None,
                day => Some(WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(day))? as u8),
            };
            let (hour, minute): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(Self { weekday, hour, minute })
        };
        parse().ok_or_else(|| format!("`{text}` is not a hand-off like `Mon 10:00` or `daily 09:00`"))
    }
}

impl Serialize for Handoff {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Handoff {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The steps that a page walks until somebody acknowledges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationPolicy {
    /// In order.
    pub steps: Vec<EscalationStep>,
    /// How many times all of them are walked again after the first round.
    #[serde(default)]
    pub repeat: u32,
}

/// Whom to notify, and how long to wait for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// All of them at once.
    pub notify: Vec<Target>,
    /// How long until the next step.
    #[serde(default = "five_minutes")]
    pub wait: Span,
}

fn five_minutes() -> Span {
    Span::from_mins(5)
}

/// Whom a step notifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Whoever is on call in it.
    Rotation(RotationId),
    /// This person.
    User(PersonId),
    /// All of its members.
    Team(TeamId),
    /// This webhook; it cannot acknowledge, so it does not count as somebody on call.
    Webhook(String),
}

/// How messages leave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Channels {
    /// The mail server.
    pub email: Option<EmailChannel>,
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailChannel {
    /// `host:port`.
    pub smtp: String,
    /// The sender's address.
    pub from: String,
    /// Whether the connection turns to TLS.
    #[serde(default)]
    pub starttls: StartTls,
    /// Who logs in; without it nobody does.
    #[serde(default)]
    pub username: Option<String>,
    /// Where the password is.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// A file of certificates, in PEM, that are trusted beside the machine's own.
    #[serde(default)]
    pub ca_file: Option<String>,
}

/// Whether a connection to a mail server turns to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartTls {
    /// Or nothing is sent.
    #[default]
    Required,
    /// Where the server offers it.
    IfOffered,
    /// Never.
    None,
}

/// Where a secret is kept; its value is in no fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; its trailing newline is not part of the secret.
    File(String),
    /// The directory, under this name: it stood in a file of the configuration.
    Directory(String),
}
