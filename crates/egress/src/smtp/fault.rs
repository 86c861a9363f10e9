use std::fmt;
use std::io;

use super::MailRefusal;
use crate::Advice;
use crate::network::Unreached;

/// A step of a conversation with a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Waiting for its greeting.
    Greeting,
    /// Greeting it.
    Hello,
    /// Asking for TLS.
    StartTls,
    /// Logging in.
    LogIn,
    /// Naming the sender.
    MailFrom,
    /// Naming a recipient.
    RecipientTo,
    /// Announcing the mail.
    Data,
    /// Sending the mail, up to the final dot.
    Content,
    /// Sending the final dot and waiting for the reply to it.
    FinalDot,
    /// Taking leave.
    Quit,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "its greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::LogIn => "AUTH",
            Self::MailFrom => "MAIL FROM",
            Self::RecipientTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the mail itself",
            Self::FinalDot => "the final dot",
            Self::Quit => "QUIT",
        })
    }
}

/// Why a mail was not taken by a relay, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum SmtpFault {
    /// Composing the mail.
    #[error("the mail cannot be written: {0}")]
    Mail(MailRefusal),
    /// The name to greet with has a character that it cannot have.
    #[error("`{hello}` cannot be greeted with; give a domain, or an address in brackets")]
    Hello {
        /// As configured.
        hello: String,
    },
    /// There is no connection.
    #[error(transparent)]
    Unreached(#[from] Unreached),
    /// The relay offers no STARTTLS.
    #[error("`{host}` does not offer STARTTLS, which is required")]
    StartTlsNotOffered {
        /// The relay.
        host: String,
    },
    /// Something came in the clear behind the reply to STARTTLS: an attack (CVE-2011-0411), or a broken relay.
    #[error("`{host}` sent more in the clear after it agreed to STARTTLS")]
    StartTlsInjected {
        /// The relay.
        host: String,
    },
    /// The relay offers no TLS, so that the password would go in the clear.
    #[error("`{host}` does not offer TLS, and the password is not sent in the clear")]
    LoginInTheClear {
        /// The relay.
        host: String,
    },
    /// The relay offers no way to log in that is supported.
    #[error("`{host}` offers neither AUTH PLAIN nor AUTH LOGIN, but `{offered}`")]
    LoginNotOffered {
        /// The relay.
        host: String,
        /// What it does offer.
        offered: String,
    },
    /// The user name or the password has a character that cannot be sent.
    #[error("the user name or the password for `{host}` has a NUL in it")]
    Credentials {
        /// The relay.
        host: String,
    },
    /// The relay said no.
    #[error("`{host}` answered {code} to {step}: {text}")]
    Answered {
        /// The relay.
        host: String,
        /// To what.
        step: Step,
        /// The reply code, 200 to 599.
        code: u16,
        /// The rest of its reply, on one line.
        text: String,
    },
    /// What the relay said is not a reply.
    #[error("`{host}` answered to {step} what is not a reply: {line}")]
    Garbled {
        /// The relay.
        host: String,
        /// To what.
        step: Step,
        /// The line, shortened.
        line: String,
    },
    /// The connection ended.
    #[error("lost the connection to `{host}` at {step}")]
    Lost {
        /// The relay.
        host: String,
        /// Where.
        step: Step,
        /// What the socket says.
        #[source]
        source: io::Error,
    },
    /// The relay did not answer, or did not read, in time.
    #[error("`{host}`: the time was up at {step}")]
    TimedOut {
        /// The relay.
        host: String,
        /// Where.
        step: Step,
    },
}

impl SmtpFault {
    /// What is known about the effect, and about another attempt: RFC 5321, section 4.2.1.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Unreached(unreached) => unreached.advice(),
            Self::Answered { code: 400..=499, .. } => Advice::RETRY,
            Self::Answered { code: 500..=599, .. } => Advice::GiveUp,
            Self::Answered { step, .. }
            | Self::Garbled { step, .. }
            | Self::Lost { step, .. }
            | Self::TimedOut { step, .. } => {
                if *step == Step::FinalDot {
                    Advice::OutcomeUnknown
                } else {
                    Advice::RETRY
                }
            }
            Self::Mail(_)
            | Self::Hello { .. }
            | Self::StartTlsNotOffered { .. }
            | Self::StartTlsInjected { .. }
            | Self::LoginInTheClear { .. }
            | Self::LoginNotOffered { .. }
            | Self::Credentials { .. } => Advice::GiveUp,
        }
    }
}
