use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use kernel::{Refuse, Timestamp};
use sha2::{Digest, Sha256};
use url::Host;

use super::encode::{LINE_CHARS_MAX, body, encoded_words, text_header};
use crate::limits::{MAIL_BODY_BYTES_MAX, MAIL_HEADER_BYTES_MAX, RECIPIENTS_MAX};

/// Why a mail cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailRefusal {
    /// Not an address of the form `name@example.com`.
    Address {
        /// As given.
        address: String,
    },
    /// Nobody to send it to.
    NoRecipient,
    /// More than [`RECIPIENTS_MAX`].
    TooManyRecipients {
        /// How many.
        recipients: usize,
    },
    /// A header's value has a line break or another control character in it: an attempt to add headers.
    HeaderValue {
        /// The header.
        name: String,
    },
    /// A header's value is longer than [`MAIL_HEADER_BYTES_MAX`], or has a word that no line can hold.
    HeaderTooLong {
        /// The header.
        name: String,
    },
    /// An extra header that cannot be a header's name, or that the mail writes itself.
    HeaderName {
        /// As given.
        name: String,
    },
    /// Not of the form `id@domain`.
    MessageId {
        /// As given.
        id: String,
    },
    /// A date that mail cannot write.
    Date,
    /// Text or HTML longer than [`MAIL_BODY_BYTES_MAX`].
    BodyTooLong {
        /// How long.
        bytes: usize,
    },
}

impl Refuse for MailRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "mail_address",
            Self::NoRecipient => "mail_no_recipient",
            Self::TooManyRecipients { .. } => "mail_too_many_recipients",
            Self::HeaderValue { .. } => "mail_header_value",
            Self::HeaderTooLong { .. } => "mail_header_too_long",
            Self::HeaderName { .. } => "mail_header_name",
            Self::MessageId { .. } => "mail_message_id",
            Self::Date => "mail_date",
            Self::BodyTooLong { .. } => "mail_body_too_long",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Address { address } => format!("`{address}` is not a mail address that is supported"),
            Self::NoRecipient => "the mail has no recipient".into(),
            Self::TooManyRecipients { recipients } => {
                format!("the mail has {recipients} recipients, more than {RECIPIENTS_MAX}")
            }
            Self::HeaderValue { name } => {
                format!("the header `{name}` has a line break or a control character in it")
            }
            Self::HeaderTooLong { name } => format!("the header `{name}` is too long"),
            Self::HeaderName { name } => format!("`{name}` cannot be an extra header"),
            Self::MessageId { id } => format!("`{id}` is not a message id like `page_1@swan.example`"),
            Self::Date => "the mail's date is before the year 1900 or after 9999".into(),
            Self::BodyTooLong { bytes } => {
                format!("the mail's body has {bytes} bytes, more than {MAIL_BODY_BYTES_MAX}")
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Address { .. } => Some(
                "write it like `name@example.com`; not supported yet: quoted names, names outside of ASCII, and \
                 addresses in brackets"
                    .into(),
            ),
            _ => None,
        }
    }
}

impl fmt::Display for MailRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for MailRefusal {}

/// An address that can receive mail, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: String,
}

impl Mailbox {
    /// An address like `name@example.com`, of at most 254 characters (RFC 5321, section 4.5.3.1), and a name to show
    /// with it. A domain outside of ASCII is written in its ASCII form.
    pub fn new(name: Option<&str>, address: &str) -> Result<Self, MailRefusal> {
        let refused = || MailRefusal::Address { address: address.chars().take(300).collect() };
        let (local, domain) = address.rsplit_once('@').ok_or_else(refused)?;
        let local_fits = (1..=64).contains(&local.len()) && is_dot_atom(local);
        let Ok(Host::Domain(domain)) = Host::parse(domain) else {
            return Err(refused());
        };
        let address = format!("{local}@{domain}");
        let labels_fit = domain.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
        if !local_fits || !labels_fit || address.len() > 254 {
            return Err(refused());
        }
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        Ok(Self { name: name.map(str::to_owned), address })
    }

    /// `name@example.com`.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn written(&self, header: &str) -> Result<String, MailRefusal> {
        let Some(name) = &self.name else {
            return Ok(self.address.clone());
        };
        check_value(header, name)?;
        let name = if name.is_ascii() {
            format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            encoded_words(header.len() + 2, name)
        };
        Ok(format!("{name}\r\n <{}>", self.address))
    }
}

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whom it is from, on the envelope too.
    pub from: Mailbox,
    /// Whom it is for, all shown to each.
    pub to: Vec<Mailbox>,
    /// Its subject.
    pub subject: String,
    /// The idempotency key, the same on every attempt: `id@domain`, without angle brackets.
    pub message_id: String,
    /// When it was written.
    pub date: Timestamp,
    /// What it says.
    pub text: String,
    /// The same as HTML, if there is such a form.
    pub html: Option<String>,
    /// Further headers, like `List-Unsubscribe`.
    pub headers: Vec<(String, String)>,
}

/// The mail as it travels (RFC 5322, RFC 2045), in ASCII, every line ended by CRLF; not yet dot-stuffed.
pub fn compose(mail: &Mail) -> Result<String, MailRefusal> {
    match mail.to.len() {
        0 => return Err(MailRefusal::NoRecipient),
        1..=RECIPIENTS_MAX => {}
        recipients => return Err(MailRefusal::TooManyRecipients { recipients }),
    }
    for part in [Some(&mail.text), mail.html.as_ref()].into_iter().flatten() {
        if part.len() > MAIL_BODY_BYTES_MAX {
            return Err(MailRefusal::BodyTooLong { bytes: part.len() });
        }
    }
    let to: Vec<String> = mail.to.iter().map(|mailbox| mailbox.written("To")).collect::<Result<_, _>>()?;
    check_value("Subject", &mail.subject)?;
    let mut out = format!("From: {}\r\nTo: {}\r\n", mail.from.written("From")?, to.join(",\r\n "));
    out.push_str(&text_header("Subject", &mail.subject));
    out.push_str(&format!("Date: {}\r\n", date(mail.date)?));
    out.push_str(&format!("Message-ID: <{}>\r\n", message_id(&mail.message_id)?));
    for (name, value) in &mail.headers {
        check_name(name)?;
        check_value(name, value)?;
        out.push_str(&text_header(name, value.trim()));
    }
    out.push_str("MIME-Version: 1.0\r\n");
    match &mail.html {
        None => out.push_str(&part("text/plain", &mail.text)),
        Some(html) => {
            let boundary = boundary(&mail.message_id);
            out.push_str(&format!(
                "Content-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n\r\n"
            ));
            // Readers show the last form that they understand.
            for (kind, content) in [("text/plain", &mail.text), ("text/html", html)] {
                out.push_str(&format!("--{boundary}\r\n{}\r\n", part(kind, content)));
            }
            out.push_str(&format!("--{boundary}--\r\n"));
        }
    }
    Ok(out)
}

fn part(kind: &str, content: &str) -> String {
    let (encoding, encoded) = body(content);
    format!("Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{encoded}")
}

/// In neither of the two transfer encodings can `=` be followed by `_`, so no body contains it.
fn boundary(message_id: &str) -> String {
    let digest = Sha256::digest(message_id.as_bytes());
    format!("=_{}", URL_SAFE_NO_PAD.encode(&digest[..18]))
}

fn date(timestamp: Timestamp) -> Result<String, MailRefusal> {
    let zoned = timestamp.to_jiff().to_zoned(TimeZone::UTC);
    if zoned.year() < 1900 {
        return Err(MailRefusal::Date);
    }
    rfc2822::to_string(&zoned).map_err(|_| MailRefusal::Date)
}

fn message_id(id: &str) -> Result<&str, MailRefusal> {
    let fits = id.len() <= 250
        && id.split_once('@').is_some_and(|(left, right)| is_dot_atom(left) && is_dot_atom(right));
    if fits { Ok(id) } else { Err(MailRefusal::MessageId { id: id.chars().take(300).collect() }) }
}

/// RFC 5322, section 3.2.3.
fn is_dot_atom(text: &str) -> bool {
    let is_atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// Headers that the mail writes itself, or that only a mail server may.
const OWN_HEADERS: [&str; 12] = [
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "received",
    "return-path",
    "dkim-signature",
];

fn check_name(name: &str) -> Result<(), MailRefusal> {
    let lower = name.to_ascii_lowercase();
    let fits = (1..=40).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits || OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("content-") {
        return Err(MailRefusal::HeaderName { name: name.chars().take(100).collect() });
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), MailRefusal> {
    if value.chars().any(char::is_control) {
        return Err(MailRefusal::HeaderValue { name: name.into() });
    }
    // A line of a mail holds 998 characters, and a word cannot be broken.
    let longest = value.split(' ').map(str::len).max().unwrap_or(0);
    if value.len() > MAIL_HEADER_BYTES_MAX || longest > 998 - LINE_CHARS_MAX {
        return Err(MailRefusal::HeaderTooLong { name: name.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            from: Mailbox::new(Some("Swan"), "swan@example.com").unwrap(),
            to: vec![Mailbox::new(Some("Ana \"Bo\" Chi"), "ana@example.com").unwrap()],
            subject: "[critical] shop is down".into(),
            message_id: "page_1.step_2@swan.example".into(),
            date: "2026-11-20T09:30:00Z".parse().unwrap(),
            text: ".\nAcknowledge: https://swan.example/a/1\n".into(),
            html: None,
            headers: vec![("List-Unsubscribe".into(), "<https://swan.example/u/1>".into())],
        }
    }

    #[test]
    fn a_mail_of_plain_text_is_written_as_a_person_would_expect() {
        assert_eq!(
            compose(&mail()).unwrap(),
            "From: \"Swan\"\r\n <swan@example.com>\r\n\
             To: \"Ana \\\"Bo\\\" Chi\"\r\n <ana@example.com>\r\n\
             Subject: [critical] shop is down\r\n\
             Date: Fri, 20 Nov 2026 09:30:00 +0000\r\n\
             Message-ID: <page_1.step_2@swan.example>\r\n\
             List-Unsubscribe: <https://swan.example/u/1>\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n\
             .\r\nAcknowledge: https://swan.example/a/1\r\n"
        );
    }

    #[test]
    fn html_comes_after_the_text_in_one_alternative() {
        let composed = compose(&Mail { html: Some("<p>Störung</p>".into()), ..mail() }).unwrap();
        let boundary = boundary("page_1.step_2@swan.example");
        let parts: Vec<&str> = composed.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 4, "{composed}");
        assert!(parts[0].contains("multipart/alternative"));
        assert!(parts[1].contains("text/plain") && parts[1].contains("Acknowledge"));
        assert!(parts[2].contains("text/html") && parts[2].contains("<p>St=C3=B6rung</p>"));
        assert_eq!(parts[3], "--\r\n");
        assert!(composed.is_ascii());
    }

    #[test]
    fn no_field_can_add_a_header_or_a_command() {
        let value = |name: &str| Err(MailRefusal::HeaderValue { name: name.into() });
        for evil in ["x\r\nBcc: eve@example.com", "x\ny", "x\ry", "x\0y", "x\u{7f}", "x\u{85}y"] {
            assert_eq!(compose(&Mail { subject: evil.into(), ..mail() }), value("Subject"), "{evil:?}");
            let headers = vec![("X-Note".to_owned(), evil.to_owned())];
            assert_eq!(compose(&Mail { headers, ..mail() }), value("X-Note"), "{evil:?}");
            let to = vec![Mailbox::new(Some(evil), "ana@example.com").unwrap()];
            assert_eq!(compose(&Mail { to, ..mail() }), value("To"), "{evil:?}");
            let id = format!("{evil}@swan.example");
            assert!(matches!(
                compose(&Mail { message_id: id, ..mail() }),
                Err(MailRefusal::MessageId { .. })
            ));
            let headers = vec![(evil.to_owned(), "x".to_owned())];
            assert!(matches!(compose(&Mail { headers, ..mail() }), Err(MailRefusal::HeaderName { .. })));
            assert!(Mailbox::new(None, &format!("{evil}@example.com")).is_err(), "{evil:?}");
            assert!(
                Mailbox::new(None, &format!("ana@{evil}")).is_err() || !evil.contains(['\r', '\n', '\0'])
            );
        }
        for own in ["From", "bcc", "Content-Type", "MESSAGE-ID", "", "a b", "a:b"] {
            let headers = vec![(own.to_owned(), "x".to_owned())];
            assert!(
                matches!(compose(&Mail { headers, ..mail() }), Err(MailRefusal::HeaderName { .. })),
                "{own}"
            );
        }
    }

    #[test]
    fn an_address_is_one_address() {
        for address in [
            "ana",
            "@example.com",
            "ana@",
            "a b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a,b@example.com",
            "ana@exa mple.com",
            "ana@example.com>",
            "<ana@example.com>",
            "ana@[10.0.0.1]",
            "ana@10.0.0.1",
            "a@b@c.d",
            "\"a b\"@example.com",
            "anä@example.com",
            "ana@example.com\r\nRCPT TO:<eve@example.com>",
            "ana@-\u{0}",
        ] {
            assert!(Mailbox::new(None, address).is_err(), "{address}");
        }
        assert!(Mailbox::new(None, &format!("{}@example.com", "a".repeat(65))).is_err());
        assert_eq!(Mailbox::new(None, "a+b@bücher.example").unwrap().address(), "a+b@xn--bcher-kva.example");
    }

    #[test]
    fn a_mail_beyond_its_limits_is_refused() {
        let to = vec![Mailbox::new(None, "ana@example.com").unwrap(); RECIPIENTS_MAX + 1];
        let too_many = MailRefusal::TooManyRecipients { recipients: RECIPIENTS_MAX + 1 };
        assert_eq!(compose(&Mail { to, ..mail() }), Err(too_many));
        assert_eq!(compose(&Mail { to: vec![], ..mail() }), Err(MailRefusal::NoRecipient));
        let subject = "x".repeat(1000);
        let name = "Subject".to_owned();
        assert_eq!(compose(&Mail { subject, ..mail() }), Err(MailRefusal::HeaderTooLong { name }));
        let text = "x".repeat(MAIL_BODY_BYTES_MAX + 1);
        assert_eq!(
            compose(&Mail { text, ..mail() }),
            Err(MailRefusal::BodyTooLong { bytes: MAIL_BODY_BYTES_MAX + 1 })
        );
        let date = Timestamp::from_secs(-9_000_000_000);
        assert_eq!(compose(&Mail { date, ..mail() }), Err(MailRefusal::Date));
    }
}
