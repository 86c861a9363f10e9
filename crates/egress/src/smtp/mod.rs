//! Sending mail over SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start (RFC 8314) and AUTH PLAIN or
//! LOGIN (RFC 4954).
//!
//! A *mail* is composed whole before a *relay* is spoken to, and goes to all of its recipients or to none. The moment
//! that matters is the final dot: until it is sent, a lost connection has no effect and another attempt is harmless;
//! once it is sent, only the relay's reply says whether the mail is out, and without one the outcome is unknown. The
//! Message-ID is the caller's and the same on every attempt.
//!
//! Credentials go only over TLS, unless the relay is configured to be spoken to in the clear.

mod compose;
mod encode;
mod fault;
mod session;

use std::net::Ipv6Addr;
use std::time::Duration;

use tokio::time::Instant;
use url::Host;

use crate::guard::{Origin, Refusal};
use crate::limits::TIMEOUT_MAX;
use crate::network::{Network, Phases, Place, Unreached};

pub use compose::{Mail, MailRefusal, Mailbox, compose};
pub use fault::{SmtpFault, Step};
use session::Session;

/// When a relay is spoken to over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte (port 465).
    Implicit,
    /// After STARTTLS, which the relay must offer (port 587).
    StartTlsRequired,
    /// After STARTTLS where the relay offers it; otherwise in the clear, and then without credentials.
    StartTlsIfOffered,
    /// Never.
    Plain,
}

/// A user name and a password. The password is never printed.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How long each part of a conversation may take; at most [`TIMEOUT_MAX`] each.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Looking up, connecting and TLS, each.
    pub connect: Duration,
    /// Each command and its reply, the greeting included.
    pub command: Duration,
    /// Sending the mail; and again, the reply to its final dot.
    pub data: Duration,
}

impl Default for Timeouts {
    /// Shorter than RFC 5321, section 4.5.3.2 allows: a page does not wait ten minutes.
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { connect: secs(15), command: secs(30), data: secs(120) }
    }
}

/// A mail server that takes mail for others.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// When TLS is used.
    pub security: Security,
    /// Whom to log in as, if anybody.
    pub credentials: Option<Credentials>,
    /// The name by which Swan greets it: a domain, or an address in brackets.
    pub hello: String,
    /// How long each part may take.
    pub timeouts: Timeouts,
    /// Who named it.
    pub origin: Origin,
}

impl Relay {
    /// A relay named by the operator, without credentials, greeted as `localhost`.
    pub fn new(host: impl Into<String>, port: u16, security: Security) -> Self {
        Self {
            host: host.into(),
            port,
            security,
            credentials: None,
            hello: "localhost".into(),
            timeouts: Timeouts::default(),
            origin: Origin::Operator,
        }
    }

    fn place(&self) -> Result<Place, Unreached> {
        let bare = self.host.parse::<Ipv6Addr>().map(Host::Ipv6);
        let host = bare.or_else(|_| Host::parse(&self.host)).map_err(|_| {
            Unreached::Refused(Refusal::NotAUrl { text: self.host.chars().take(200).collect() })
        })?;
        Ok(Place { host, port: self.port, origin: self.origin })
    }
}

/// What the relay said when it took a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its reply to the final dot; often names its queue id.
    pub reply: String,
    /// The mail went over TLS.
    pub secured: bool,
}

/// The sender. One for the whole process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailer {
    network: Network,
}

impl Mailer {
    /// A mailer on this network.
    pub fn new(network: Network) -> Self {
        Self { network }
    }

    /// Hands one mail to a relay, over a connection of its own.
    pub async fn send(&self, relay: &Relay, mail: &Mail) -> Result<Receipt, SmtpFault> {
        let content = compose(mail).map_err(SmtpFault::Mail)?;
        let hello_fits = !relay.hello.is_empty() && relay.hello.bytes().all(|byte| byte.is_ascii_graphic());
        if !hello_fits {
            return Err(SmtpFault::Hello { hello: relay.hello.clone() });
        }
        Box::pin(self.converse(relay, mail, &content)).await
    }

    async fn converse(&self, relay: &Relay, mail: &Mail, content: &str) -> Result<Receipt, SmtpFault> {
        let mut session = self.open(relay).await?;
        let outcome = hand_over(&mut session, relay, mail, content).await;
        // A relay that answers is told goodbye; one that does not, or that would take it for mail, is left.
        let in_step = match &outcome {
            Ok(_) => true,
            Err(SmtpFault::Answered { step, .. }) => *step != Step::Content,
            Err(_) => false,
        };
        if in_step {
            session.quit().await;
        }
        outcome
    }

    /// Connects, greets, and secures the connection as configured.
    async fn open(&self, relay: &Relay) -> Result<Session, SmtpFault> {
        let place = relay.place()?;
        let deadline = || Instant::now() + relay.timeouts.connect.min(TIMEOUT_MAX);
        let mut phases = Phases::default();
        let (stream, _) = self.network.reach(&place, deadline(), &mut phases).await?;
        let mut session = Session::new(stream, relay);
        if relay.security == Security::Implicit {
            session = session.secure(&self.network, &place, deadline()).await?;
        }
        session.greet(&relay.hello).await?;
        let wanted = match relay.security {
            Security::Implicit | Security::Plain => false,
            Security::StartTlsRequired if !session.offers("STARTTLS") => {
                return Err(SmtpFault::StartTlsNotOffered { host: relay.host.clone() });
            }
            Security::StartTlsRequired => true,
            Security::StartTlsIfOffered => session.offers("STARTTLS"),
        };
        if wanted {
            session.start_tls().await?;
            session = session.secure(&self.network, &place, deadline()).await?;
            session.hello(&relay.hello).await?;
        }
        Ok(session)
    }
}

async fn hand_over(
    session: &mut Session,
    relay: &Relay,
    mail: &Mail,
    content: &str,
) -> Result<Receipt, SmtpFault> {
    if let Some(credentials) = &relay.credentials {
        if !session.secured() && relay.security != Security::Plain {
            return Err(SmtpFault::LoginInTheClear { host: relay.host.clone() });
        }
        session.log_in(credentials).await?;
    }
    session.command(Step::MailFrom, &format!("MAIL FROM:<{}>", mail.from.address()), 250).await?;
    for recipient in &mail.to {
        session.recipient(recipient.address()).await?;
    }
    session.command(Step::Data, "DATA", 354).await?;
    let reply = session.content(content).await?;
    Ok(Receipt { reply, secured: session.secured() })
}
