//! The binary's side of what the HTTP doors need: thin, and without a decision of its own.

pub(crate) mod prometheus;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use facts::{Entry, Seq, Stream};
use journal::ReadLog;
use kernel::{Actor, PageId, PersonId, Refuse, Span};
use store::{ContactOwner, ContactRow, Directory, DirectoryError, SqliteReader, TokenKind};
use web::ports::{Appended, Caller, Fault, NotKept, Problem, Role, SeriesSamples, Submission};

use crate::clock::Clock;
use crate::config::{check, hash};
use crate::failure::in_full;
use crate::runtime::rules::arrivals::Arrivals;
use crate::runtime::secrets;

/// How long a person stays signed in.
const SESSION_LASTS: Span = Span::from_days(14);

/// How far ahead of our clock a sample may be. Without a bound, one mistaken clock would make everything after it too
/// old for its series.
pub(crate) const AHEAD_MAX: Span = Span::from_mins(10);

/// What a sender hears whose samples are ahead.
pub(crate) fn ahead_of_time(labels: &[(&str, &str)]) -> String {
    let series = metrics::series_text(labels);
    format!("the sender's clock is more than {AHEAD_MAX} ahead of ours, for {series}")
}

/// The metrics store as the doors see it.
pub(crate) struct SamplesPort {
    pub(crate) store: Arc<metrics::MetricsStore>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Rules are told of what is stored.
    pub(crate) arrivals: Arc<Arrivals>,
}

impl web::ports::Samples for SamplesPort {
    fn append_from(&self, source: &str, batch: &[SeriesSamples<'_>]) -> Result<Appended, Fault> {
        let latest = (self.clock.now() + AHEAD_MAX).as_millis();
        let (mut kept, mut early, mut first_early) = (Vec::with_capacity(batch.len()), 0, None);
        for series in batch {
            if series.samples.iter().all(|(at, _)| *at <= latest) {
                kept.push(metrics::SeriesSamples { labels: series.labels, samples: series.samples });
                continue;
            }
            early += series.samples.len() as u64;
            first_early.get_or_insert_with(|| ahead_of_time(series.labels));
        }
        let appended =
            self.store.append_from(source, &kept).map_err(|fault| failed("write samples", &fault))?;
        self.arrivals.stored(batch);
        Ok(Appended {
            stored: appended.stored,
            refused: appended.refused.total() + early,
            first_refusal: first_early.or_else(|| appended.first_refused.map(|refused| refused.sentence())),
        })
    }
}

/// The journal as the doors see it.
pub(crate) struct JournalPort(pub(crate) SqliteReader);

impl web::ports::Journal for JournalPort {
    fn streams(&self, streams: &[Stream], limit: usize) -> Result<Vec<Entry>, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = BTreeSet::new();
        for stream in streams {
            let read = self.0.read_stream(stream, Seq(1), &mut |stored| {
                if seen.insert(stored.seq)
                    && let Ok(entry) = serde_json::from_slice(stored.bytes)
                {
                    entries.push(entry);
                }
                ControlFlow::Continue(())
            });
            read.map_err(|fault| failed("read the journal", &fault))?;
        }
        entries.sort_by_key(|entry| entry.seq);
        let older = entries.len().saturating_sub(limit);
        Ok(entries.split_off(older))
    }

    fn after(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        let read = self.0.read(Seq(seq.0 + 1), &mut |stored| {
            entries.extend(serde_json::from_slice::<Entry>(stored.bytes).ok());
            if entries.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        read.map_err(|fault| failed("read the journal", &fault))?;
        Ok(entries)
    }
}

/// The directory as the doors see it.
pub(crate) struct DirectoryPort {
    pub(crate) directory: Directory,
    pub(crate) clock: Arc<dyn Clock>,
}

impl web::ports::Directory for DirectoryPort {
    fn token(&self, token: &str) -> Result<Option<Caller>, Fault> {
        let found = self.directory.find_token(token).map_err(|fault| failed("read tokens", &fault))?;
        Ok(found.map(|token| {
            let role = match token.kind {
                TokenKind::Admin => Role::Admin,
                TokenKind::Ingest => Role::Ingest,
                TokenKind::Api => Role::Responder,
            };
            Caller { actor: Actor::Token(token.name), role }
        }))
    }

    fn session(&self, cookie: &str) -> Result<Option<Caller>, Fault> {
        let found = self.directory.find_session(cookie, self.clock.now());
        let found = found.map_err(|fault| failed("read sessions", &fault))?;
        Ok(found.map(|session| Caller { actor: Actor::Person(session.person), role: Role::Responder }))
    }

    fn sign_in(&self, person: &PersonId, password: &str) -> Result<Option<String>, Fault> {
        let matches = self.directory.password_matches(person, password);
        if !matches.map_err(|fault| failed("read a password", &fault))? {
            return Ok(None);
        }
        let (cookie, now) = (secrets::token(), self.clock.now());
        let opened = self.directory.create_session(&cookie, person, now, SESSION_LASTS);
        opened.map_err(|fault| failed("open a session", &fault))?;
        Ok(Some(cookie))
    }

    fn sign_out(&self, cookie: &str) -> Result<(), Fault> {
        self.directory.end_session(cookie).map(|_| ()).map_err(|fault| failed("end a session", &fault))
    }

    fn create_token(&self, name: &str, role: Role) -> Result<String, NotKept> {
        let kind = match role {
            Role::Admin => TokenKind::Admin,
            Role::Ingest => TokenKind::Ingest,
            Role::Responder => TokenKind::Api,
        };
        let token = secrets::token();
        self.directory
            .create_token(name, kind, &token, self.clock.now())
            .map_err(not_kept("keep a token"))?;
        Ok(token)
    }

    fn revoke_token(&self, name: &str) -> Result<bool, Fault> {
        self.directory.revoke_token(name).map_err(|fault| failed("revoke a token", &fault))
    }

    fn set_password(&self, person: &PersonId, password: &str) -> Result<(), NotKept> {
        self.directory.set_password(person, password).map_err(not_kept("keep a password"))
    }

    fn acknowledge_link(&self, token: &str) -> Result<Option<(PageId, PersonId)>, Fault> {
        let found = self.directory.find_link(token, self.clock.now());
        let found = found.map_err(|fault| failed("read a link", &fault))?;
        Ok(found.map(|link| (link.page, link.person)))
    }
}

/// Configurations as the doors see them.
pub(crate) struct ConfigurationsPort {
    pub(crate) directory: Directory,
    /// The file that the server was started with.
    pub(crate) file: Option<String>,
}

impl web::ports::Configurations for ConfigurationsPort {
    fn check(&self, submission: &Submission) -> Vec<Problem> {
        check::problems(&submission.configuration, &submission.contacts)
    }

    fn read_only(&self) -> Option<String> {
        self.file.as_ref().map(|file| {
            format!("this server takes its configuration from `{file}`; change that file and restart it")
        })
    }

    fn prepare(&self, submission: Submission) -> Result<engine::Command, Fault> {
        prepare(&self.directory, submission)
    }
}

/// Puts the addresses into the directory and gives the command that applies the rest. The addresses come first, so
/// that no configuration in force names a contact that the directory does not have.
pub(crate) fn prepare(directory: &Directory, submission: Submission) -> Result<engine::Command, Fault> {
    let rows: Vec<ContactRow> = submission
        .contacts
        .into_iter()
        .map(|contact| ContactRow {
            owner: owner(&contact),
            contact: contact.contact,
            channel: contact.channel,
            address: contact.address,
            display_name: Some(contact.name).filter(|name| !name.is_empty()),
            secret: contact.secret,
        })
        .collect();
    directory.replace_contacts(&rows).map_err(|fault| failed("write the contacts", &fault))?;
    let applied = facts::ConfigurationApplied {
        hash: hash(&submission.configuration),
        source: submission.source,
        configuration: submission.configuration,
    };
    Ok(engine::Command::ApplyConfiguration(Box::new(applied)))
}

/// A contact that is no person's says in its id whose it is: `list/NAME` or `webhook/NAME`.
fn owner(contact: &web::ports::ContactAddress) -> ContactOwner {
    match (&contact.person, contact.contact.as_str().split_once('/')) {
        (Some(person), _) => ContactOwner::Person(person.clone()),
        (None, Some(("webhook", name))) => ContactOwner::Webhook(name.to_owned()),
        (None, Some((_, name))) => ContactOwner::List(name.to_owned()),
        (None, None) => ContactOwner::List(contact.contact.to_string()),
    }
}

fn not_kept(doing: &'static str) -> impl FnOnce(DirectoryError) -> NotKept {
    move |error| match error {
        DirectoryError::Refused(refusal) => {
            NotKept::Refused { code: refusal.code(), sentence: refusal.sentence(), hint: refusal.hint() }
        }
        DirectoryError::Fault(fault) => NotKept::Fault(failed(doing, &fault)),
    }
}

pub(crate) fn failed(doing: &'static str, fault: &dyn std::error::Error) -> Fault {
    Fault { doing, detail: in_full(fault) }
}
