//! Delivery: durable attempts become messages, and what became of each goes back to the engine as a command.
//!
//! A worker asks once more, just before it speaks to the provider, whether the attempt is still wanted: whoever
//! acknowledged while it waited in line is not notified. A worker that dies leaves an attempt without an outcome; its
//! lease in the engine sends it again under the same key.

use std::sync::Arc;

use engine::World;
use facts::Entry;
use facts::configuration::{Channel, EmailChannel, SecretRef, StartTls};
use facts::oncall::Purpose;
use kernel::limits::DELIVERIES_IN_FLIGHT_MAX;
use kernel::{Span, Timestamp};
use oncall::{Attempt, Outcome};
use store::{ContactRow, Directory};
use tokio::sync::{Semaphore, mpsc};

use super::engine_loop::Listener;
use super::instruments::Instruments;
use super::secrets;
use crate::failure::in_full;
use crate::own_metrics::OwnCounters;

/// How long one attempt may take; well under its lease in the engine.
const HAND_OVER_MAX: Span = Span::from_secs(40);
/// How long a webhook's receiver may take.
const WEBHOOK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// Hears of durable entries and passes their attempts on. The line has no bound of its own: every attempt in it is
/// open in the World, whose open pages and retries are bounded.
pub(crate) struct Outbox {
    line: mpsc::UnboundedSender<Attempt>,
}

/// The line's other end.
pub(crate) type Line = mpsc::UnboundedReceiver<Attempt>;

impl Outbox {
    /// An outbox, and the line that a [`Deliverer`] takes attempts from. Attempts that were open when the process
    /// stopped are asked for anew by `oncall::Command::Resume`.
    pub(crate) fn new() -> (Self, Line) {
        let (line, taken) = mpsc::unbounded_channel();
        (Self { line }, taken)
    }
}

impl Listener for Outbox {
    fn recorded(&mut self, world: &World, entries: &[Entry]) {
        for attempt in engine::turn::attempts(world, entries) {
            // Without a receiver the process is stopping, and the attempt is found again by replay.
            _ = self.line.send(attempt);
        }
    }
}

/// Hands attempts over.
pub(crate) struct Deliverer {
    pub(crate) tools: Instruments,
    pub(crate) directory: Directory,
    pub(crate) network: egress::network::Network,
    pub(crate) counters: Arc<OwnCounters>,
    /// Where people reach this server: `https://swan.example.com`.
    pub(crate) public_url: String,
}

impl Deliverer {
    /// Delivers until the line ends.
    pub(crate) async fn run(self, mut line: Line) {
        let this = Arc::new(self);
        let in_flight = Arc::new(Semaphore::new(DELIVERIES_IN_FLIGHT_MAX));
        while let Some(attempt) = line.recv().await {
            let permit = Arc::clone(&in_flight).acquire_owned().await.expect("nobody closes the semaphore");
            let this = Arc::clone(&this);
            tokio::spawn(async move {
                this.deliver(attempt).await;
                drop(permit);
            });
        }
    }

    async fn deliver(&self, attempt: Attempt) {
        let (notification, number) = (attempt.notification, attempt.attempt);
        let (asked, now) = (attempt.clone(), self.tools.clock.now());
        let wanted = self.tools.view(move |world| is_wanted(world, &asked, now));
        if !wanted.await.unwrap_or(false) {
            return;
        }
        let handed_over = tokio::time::timeout(HAND_OVER_MAX.to_std(), self.hand_over(&attempt)).await;
        let outcome = handed_over.unwrap_or_else(|_| Outcome::Unknown {
            detail: format!("the provider did not answer within {HAND_OVER_MAX}"),
        });
        self.counters.delivered(attempt.channel, &outcome);
        if !matches!(outcome, Outcome::HandedOver { .. }) {
            tracing::info!(%notification, number, ?outcome, "a notification was not handed over");
        }
        let record = oncall::Command::RecordOutcome { notification, attempt: number, outcome };
        self.tools.report(record).await;
    }

    async fn hand_over(&self, attempt: &Attempt) -> Outcome {
        let contact = match self.directory.address(&attempt.contact) {
            Ok(Some(contact)) => contact,
            Ok(None) => return for_good(format!("the directory has no contact `{}`", attempt.contact)),
            Err(fault) => return later(format!("cannot read the directory: {fault}")),
        };
        match attempt.channel {
            Channel::Email => self.mail(attempt, &contact).await,
            Channel::Webhook => self.webhook(attempt, &contact).await,
        }
    }

    async fn mail(&self, attempt: &Attempt, contact: &ContactRow) -> Outcome {
        let channel = self.tools.view(|world| world.configuration().and_then(|c| c.channels.email.clone()));
        let Ok(Some(channel)) = channel.await else {
            return for_good("the configuration has no `channels.email`".to_owned());
        };
        let relay = match relay(&channel) {
            Ok(relay) => relay,
            Err(problem) => return later(problem),
        };
        let mail = match self.compose(attempt, contact, &channel) {
            Ok(mail) => mail,
            Err(Compose::Invalid(problem)) => return for_good(problem),
            Err(Compose::Later(problem)) => return later(problem),
        };
        let mailer = match self.mailer(&channel) {
            Ok(mailer) => mailer,
            Err(problem) => return later(problem),
        };
        match mailer.send(&relay, &mail).await {
            Ok(receipt) => Outcome::HandedOver { receipt: short(&receipt.reply) },
            Err(fault) => self.outcome(fault.advice(), in_full(&fault)),
        }
    }

    fn mailer(&self, channel: &EmailChannel) -> Result<egress::smtp::Mailer, String> {
        let Some(file) = &channel.ca_file else {
            return Ok(egress::smtp::Mailer::new(self.network.clone()));
        };
        let tls =
            egress::tls::Tls::load(Some(std::path::Path::new(file))).map_err(|fault| in_full(&fault))?;
        Ok(egress::smtp::Mailer::new(egress::network::Network::system(tls)))
    }

    fn compose(
        &self,
        attempt: &Attempt,
        contact: &ContactRow,
        channel: &EmailChannel,
    ) -> Result<egress::smtp::Mail, Compose> {
        let mailbox = |name: Option<&str>, address: &str| {
            egress::smtp::Mailbox::new(name, address).map_err(|refusal| Compose::Invalid(refusal.to_string()))
        };
        let link = self.link(attempt)?;
        let text = match &link {
            Some(link) => format!("{}\n\nAcknowledge: {link}\n\n{}", attempt.subject, attempt.body),
            None => format!("{}\n\n{}", attempt.subject, attempt.body),
        };
        let key = attempt.idempotency_key.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', ".");
        let domain = channel.from.rsplit_once('@').map_or("swan.invalid", |(_, domain)| domain);
        Ok(egress::smtp::Mail {
            from: mailbox(Some("Swan"), &channel.from)?,
            to: vec![mailbox(contact.display_name.as_deref(), &contact.address)?],
            subject: attempt.subject.clone(),
            message_id: format!("{key}@{domain}"),
            date: self.tools.clock.now(),
            text,
            html: None,
            headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
        })
    }

    /// The page behind the button that acknowledges, for one person; its token is durable before it is sent.
    fn link(&self, attempt: &Attempt) -> Result<Option<String>, Compose> {
        let (Purpose::Page { page, .. }, Some(person)) = (&attempt.purpose, &attempt.person) else {
            return Ok(None);
        };
        let token = secrets::token();
        let created = self.directory.create_link(&token, *page, person, self.tools.clock.now());
        created.map_err(|fault| Compose::Later(format!("cannot write the directory: {fault}")))?;
        Ok(Some(format!("{}/ack/{token}", self.public_url)))
    }

    async fn webhook(&self, attempt: &Attempt, contact: &ContactRow) -> Outcome {
        let url = match egress::guard::read_url(egress::guard::Origin::Operator, &contact.address) {
            Ok(url) => url,
            Err(refusal) => return for_good(refusal.to_string()),
        };
        let secrets = match contact.secret.as_ref().map(signing_secret).transpose() {
            Ok(secret) => secret.into_iter().collect(),
            Err(problem) => return later(problem),
        };
        let timestamp = self.tools.clock.now();
        let body = serde_json::json!({
            "type": "notification",
            "timestamp": timestamp,
            "data": {
                "notification": attempt.notification,
                "purpose": attempt.purpose,
                "subject": attempt.subject,
                "body": attempt.body,
            },
        });
        let webhook = egress::webhook::Webhook {
            url,
            origin: egress::guard::Origin::Operator,
            secrets,
            id: attempt.idempotency_key.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-"),
            timestamp,
            body: body.to_string().into(),
            timeout: WEBHOOK_TIMEOUT,
        };
        match egress::webhook::deliver(&self.tools.http, &webhook).await {
            Ok(receipt) => Outcome::HandedOver { receipt: receipt.status.to_string() },
            Err(fault) => self.outcome(fault.advice(), in_full(&fault)),
        }
    }

    fn outcome(&self, advice: egress::Advice, detail: String) -> Outcome {
        let detail = short(&detail);
        match advice {
            egress::Advice::Retry { after } => {
                let retry_at = after.map(|after| self.tools.clock.now() + after);
                Outcome::Refused { detail, for_good: false, retry_at }
            }
            egress::Advice::GiveUp => Outcome::Refused { detail, for_good: true, retry_at: None },
            egress::Advice::OutcomeUnknown => Outcome::Unknown { detail },
        }
    }
}

/// Whether this attempt is the one that is due, and can end before its lease does. One that waited in line for too
/// long is left to its lease, which asks for the next.
fn is_wanted(world: &World, attempt: &Attempt, now: Timestamp) -> bool {
    let in_time = world.oncall.notification(attempt.notification).is_some_and(|found| match found.status {
        oncall::Status::InFlight { since, .. } => now + HAND_OVER_MAX < since + oncall::limits::ATTEMPT_LEASE,
        _ => false,
    });
    in_time && engine::turn::is_wanted(world, attempt)
}

enum Compose {
    Invalid(String),
    Later(String),
}

fn relay(channel: &EmailChannel) -> Result<egress::smtp::Relay, String> {
    use egress::smtp::{Credentials, Relay, Security};
    let (host, port) = channel.smtp.rsplit_once(':').ok_or("`channels.email.smtp` is not `host:port`")?;
    let port = port.parse().map_err(|_| format!("`{port}` is not a port"))?;
    let security = match channel.starttls {
        StartTls::Required => Security::StartTlsRequired,
        StartTls::IfOffered => Security::StartTlsIfOffered,
        StartTls::None => Security::Plain,
    };
    let mut relay = Relay::new(host, port, security);
    if let Some(user) = &channel.username {
        let password = channel.password.as_ref().map(secrets::resolve).transpose()?.unwrap_or_default();
        relay.credentials = Some(Credentials { user: user.clone(), password });
    }
    Ok(relay)
}

fn signing_secret(reference: &SecretRef) -> Result<egress::webhook::Secret, String> {
    egress::webhook::Secret::read(&secrets::resolve(reference)?).map_err(|refusal| refusal.to_string())
}

fn for_good(detail: String) -> Outcome {
    Outcome::Refused { detail, for_good: true, retry_at: None }
}

fn later(detail: String) -> Outcome {
    Outcome::Refused { detail, for_good: false, retry_at: None }
}

/// Bytes of a provider's answer that a fact keeps.
const ANSWER_BYTES_MAX: usize = 300;

fn short(text: &str) -> String {
    let end =
        (0..=ANSWER_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}
