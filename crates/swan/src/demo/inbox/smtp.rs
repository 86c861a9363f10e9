//! A mail server that accepts everything (RFC 5321), for one machine: no relaying, no TLS, no authentication.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Inbox, Letter};
use crate::demo::limits::{
    MAIL_BYTES_MAX, RECIPIENTS_MAX, SMTP_CONNECTIONS_MAX, SMTP_LINE_BYTES_MAX, SMTP_SILENCE_MAX,
};

pub(super) async fn serve(listener: TcpListener, inbox: Inbox) {
    let places = Arc::new(Semaphore::new(SMTP_CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes the semaphore");
        let Ok((stream, _)) = listener.accept().await else { continue };
        let inbox = inbox.clone();
        tokio::spawn(async move {
            let (reading, writing) = stream.into_split();
            // A client that breaks off has delivered what it was told was delivered.
            _ = Session { reading: BufReader::new(reading), writing, inbox }.converse().await;
            drop(place);
        });
    }
}

struct Session<R, W> {
    reading: R,
    writing: W,
    inbox: Inbox,
}

/// Whom the mail is for, once a sender was named.
type Envelope = Option<Vec<String>>;

impl<R: AsyncBufRead + Unpin, W: AsyncWrite + Unpin> Session<R, W> {
    async fn converse(mut self) -> io::Result<()> {
        self.say("220 inbox.fernhill.example ready").await?;
        let mut envelope: Envelope = None;
        while let Some(line) = self.line().await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match (verb.as_str(), &mut envelope) {
                ("EHLO" | "HELO", _) => {
                    envelope = None;
                    self.say("250 inbox.fernhill.example").await?;
                }
                ("MAIL", None) => {
                    envelope = Some(Vec::new());
                    self.say("250 go on").await?;
                }
                ("RCPT", Some(to)) if to.len() < RECIPIENTS_MAX => match recipient(&line) {
                    Some(address) => {
                        to.push(address);
                        self.say("250 welcome").await?;
                    }
                    None => self.say("501 no address in angle brackets").await?,
                },
                ("RCPT", Some(_)) => self.say("452 too many recipients").await?,
                ("DATA", Some(to)) if !to.is_empty() => {
                    let to = std::mem::take(to);
                    envelope = None;
                    self.take(to).await?;
                }
                ("RSET", _) => {
                    envelope = None;
                    self.say("250 forgotten").await?;
                }
                ("NOOP", _) => self.say("250 still here").await?,
                ("QUIT", _) => return self.say("221 goodbye").await,
                ("MAIL" | "RCPT" | "DATA", _) => self.say("503 not in this order").await?,
                _ => self.say("502 not supported here").await?,
            }
        }
        Ok(())
    }

    /// The mail's content up to the line with a dot.
    async fn take(&mut self, to: Vec<String>) -> io::Result<()> {
        self.say("354 go on, and end with a dot").await?;
        let (mut content, mut too_long) = (Vec::new(), false);
        while let Some(line) = self.line().await? {
            if line == b".\r\n" || line == b".\n" {
                if too_long {
                    return self.say("552 the mail is too long").await;
                }
                self.inbox.keep(to, Letter::read(&content));
                return self.say("250 delivered to the inbox").await;
            }
            // A dot before a line's own dot was put there for the way.
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            too_long |= content.len() > MAIL_BYTES_MAX;
            if too_long {
                content.clear();
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// A line with its end; `None` where the client left.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reading).take(SMTP_LINE_BYTES_MAX as u64);
        let read = timeout(SMTP_SILENCE_MAX, limited.read_until(b'\n', &mut line)).await;
        match read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            0 => Ok(None),
            _ if line.ends_with(b"\n") => Ok(Some(line)),
            _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.writing.write_all(format!("{reply}\r\n").as_bytes()).await
    }
}

/// The address of `RCPT TO:<bo@fernhill.example>`.
fn recipient(line: &str) -> Option<String> {
    let inside = line.split_once('<')?.1.split_once('>')?.0;
    (!inside.is_empty()).then(|| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use egress::smtp::{Mail, Mailbox, Mailer, Relay, Security};
    use tokio::time::Instant;

    use super::*;

    async fn spoken(client: &str) -> (String, Inbox) {
        let inbox = Inbox::new(Instant::now());
        let mut said = Vec::new();
        let session = Session { reading: client.as_bytes(), writing: &mut said, inbox: inbox.clone() };
        _ = session.converse().await;
        let codes = String::from_utf8(said).unwrap();
        (codes.lines().map(|line| &line[..3]).collect::<Vec<_>>().join(" "), inbox)
    }

    #[tokio::test]
    async fn a_mail_that_swans_own_mailer_sends_arrives_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inbox = Inbox::new(Instant::now());
        let serving = tokio::spawn(inbox.clone().receive(listener));
        let tls = egress::tls::Tls::load(None).unwrap();
        let mailer = Mailer::new(egress::network::Network::system(tls));
        let relay = Relay::new(address.ip().to_string(), address.port(), Security::Plain);
        let mail = Mail {
            from: Mailbox::new(Some("Swan"), "swan@fernhill.example").unwrap(),
            to: vec![Mailbox::new(None, "bo@fernhill.example").unwrap()],
            subject: "CheckoutFails".to_owned(),
            message_id: "page_1@fernhill.example".to_owned(),
            date: "2026-11-20T09:30:00Z".parse().unwrap(),
            text: ".\n..\nAcknowledge: http://127.0.0.1:7926/ack/abc\n".to_owned(),
            html: None,
            headers: vec![],
        };
        mailer.send(&relay, &mail).await.unwrap();
        let arrived = inbox.newest_first();
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].letter.text, mail.text);
        assert!(arrived[0].is_to("bo") && !arrived[0].is_to("ana"));
        assert_eq!(arrived[0].acknowledge_link(), Some("http://127.0.0.1:7926/ack/abc"));
        serving.abort();
    }

    #[tokio::test]
    async fn commands_out_of_order_are_refused_and_nothing_arrives() {
        let (codes, inbox) =
            spoken("DATA\r\nRCPT TO:<bo@x>\r\nMAIL FROM:<a@x>\r\nDATA\r\nVRFY\r\nQUIT\r\n").await;
        assert_eq!(codes, "220 503 503 250 503 502 221");
        assert!(inbox.newest_first().is_empty());
    }

    #[tokio::test]
    async fn a_mail_that_breaks_off_never_arrived() {
        let (codes, inbox) = spoken("MAIL FROM:<a@x>\r\nRCPT TO:<bo@x>\r\nDATA\r\nhalf of it\r\n").await;
        assert_eq!(codes, "220 250 250 354");
        assert!(inbox.newest_first().is_empty());
    }

    #[tokio::test]
    async fn a_mail_beyond_the_limit_is_refused_and_the_next_one_arrives() {
        let long = "x".repeat(1000) + "\r\n";
        let long = long.repeat(MAIL_BYTES_MAX / long.len() + 1);
        let envelope = "MAIL FROM:<a@x>\r\nRCPT TO:<bo@x>\r\nDATA\r\n";
        let (codes, inbox) =
            spoken(&format!("{envelope}{long}.\r\n{envelope}\r\nhello\r\n.\r\nQUIT\r\n")).await;
        assert_eq!(codes, "220 250 250 354 552 250 250 354 250 221");
        assert_eq!(inbox.newest_first()[0].letter.text, "hello\n");
    }
}
