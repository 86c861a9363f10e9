//! One conversation with a relay: commands out, replies in, each within its time.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::{Credentials, Relay, SmtpFault, Step, Timeouts};
use crate::http::excerpt;
use crate::limits::{QUIT_TIMEOUT, REPLY_LINE_BYTES_MAX, REPLY_LINES_MAX, TIMEOUT_MAX};
use crate::network::{Network, Phases, Place, Stream, Unreached};

pub(super) struct Session {
    stream: Stream,
    host: String,
    timeouts: Timeouts,
    /// What has been received and not yet read.
    received: Vec<u8>,
    /// The lines of the last reply to EHLO after its first, in upper case.
    offered: Vec<String>,
}

pub(super) struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Session {
    pub(super) fn new(stream: TcpStream, relay: &Relay) -> Self {
        let (stream, received, offered) = (Stream::Plain(stream), Vec::new(), Vec::new());
        Self { stream, host: relay.host.clone(), timeouts: relay.timeouts, received, offered }
    }

    pub(super) fn secured(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    pub(super) fn offers(&self, extension: &str) -> bool {
        self.offered.iter().any(|line| line.split(' ').next() == Some(extension))
    }

    pub(super) async fn secure(
        self,
        network: &Network,
        place: &Place,
        deadline: Instant,
    ) -> Result<Self, Unreached> {
        match self.stream {
            Stream::Plain(stream) => {
                let stream = network.secure(place, stream, deadline, &mut Phases::default()).await?;
                Ok(Self { stream, ..self })
            }
            Stream::Tls(_) => Ok(self),
        }
    }

    /// Waits for the relay's greeting and greets it.
    pub(super) async fn greet(&mut self, name: &str) -> Result<(), SmtpFault> {
        let reply = self.reply(Step::Greeting).await?;
        self.expect(Step::Greeting, reply, 220)?;
        self.hello(name).await
    }

    pub(super) async fn hello(&mut self, name: &str) -> Result<(), SmtpFault> {
        let reply = self.command(Step::Hello, &format!("EHLO {name}"), 250).await?;
        // Some servers write `AUTH=PLAIN`, as a draft of the extension did.
        self.offered = reply
            .lines
            .into_iter()
            .skip(1)
            .map(|line| line.to_ascii_uppercase().replace("AUTH=", "AUTH "))
            .collect();
        Ok(())
    }

    pub(super) async fn start_tls(&mut self) -> Result<(), SmtpFault> {
        self.command(Step::StartTls, "STARTTLS", 220).await?;
        if !self.received.is_empty() {
            return Err(SmtpFault::StartTlsInjected { host: self.host.clone() });
        }
        self.offered.clear();
        Ok(())
    }

    pub(super) async fn log_in(&mut self, credentials: &Credentials) -> Result<(), SmtpFault> {
        let Credentials { user, password } = credentials;
        if user.contains('\0') || password.contains('\0') {
            return Err(SmtpFault::Credentials { host: self.host.clone() });
        }
        let ways: Vec<&str> = self
            .offered
            .iter()
            .filter_map(|line| line.strip_prefix("AUTH "))
            .flat_map(|ways| ways.split(' '))
            .collect();
        if ways.contains(&"PLAIN") {
            let line = format!("AUTH PLAIN {}", BASE64.encode(format!("\0{user}\0{password}")));
            self.command(Step::LogIn, &line, 235).await?;
        } else if ways.contains(&"LOGIN") {
            self.command(Step::LogIn, "AUTH LOGIN", 334).await?;
            self.command(Step::LogIn, &BASE64.encode(user), 334).await?;
            self.command(Step::LogIn, &BASE64.encode(password), 235).await?;
        } else {
            let offered = excerpt(ways.join(" ").as_bytes());
            return Err(SmtpFault::LoginNotOffered { host: self.host.clone(), offered });
        }
        Ok(())
    }

    pub(super) async fn recipient(&mut self, address: &str) -> Result<(), SmtpFault> {
        self.write(Step::RecipientTo, format!("RCPT TO:<{address}>\r\n").as_bytes()).await?;
        match self.reply(Step::RecipientTo).await? {
            // 251: the relay forwards; 252: it cannot verify, but takes the mail.
            Reply { code: 250..=252, .. } => Ok(()),
            reply => self.expect(Step::RecipientTo, reply, 250).map(drop),
        }
    }

    /// Sends the mail and its final dot; returns the relay's last word.
    pub(super) async fn content(&mut self, content: &str) -> Result<String, SmtpFault> {
        self.write(Step::Content, stuffed(content).as_bytes()).await?;
        // A relay that has left or said no by this time has not seen the end of the mail.
        if self.has_spoken().await? {
            let reply = self.reply(Step::Content).await?;
            return Err(self.answered(Step::Content, reply));
        }
        self.write(Step::FinalDot, b".\r\n").await?;
        let reply = self.reply(Step::FinalDot).await?;
        match reply.code {
            200..=299 => Ok(excerpt(reply.lines.join(" ").as_bytes())),
            _ => Err(self.answered(Step::FinalDot, reply)),
        }
    }

    /// Takes leave; whether the relay answers changes nothing any more.
    pub(super) async fn quit(mut self) {
        self.timeouts.command = QUIT_TIMEOUT;
        if self.write(Step::Quit, b"QUIT\r\n").await.is_ok() && self.reply(Step::Quit).await.is_ok() {
            // The socket is dropped either way.
            let _ = timeout(QUIT_TIMEOUT, self.stream.shutdown()).await;
        }
    }

    /// Sends one command line and expects one reply code.
    pub(super) async fn command(&mut self, step: Step, line: &str, code: u16) -> Result<Reply, SmtpFault> {
        self.write(step, format!("{line}\r\n").as_bytes()).await?;
        let reply = self.reply(step).await?;
        self.expect(step, reply, code)
    }

    fn expect(&self, step: Step, reply: Reply, code: u16) -> Result<Reply, SmtpFault> {
        if reply.code == code { Ok(reply) } else { Err(self.answered(step, reply)) }
    }

    fn answered(&self, step: Step, reply: Reply) -> SmtpFault {
        let text = excerpt(reply.lines.join(" ").as_bytes());
        SmtpFault::Answered { host: self.host.clone(), step, code: reply.code, text }
    }

    async fn write(&mut self, step: Step, bytes: &[u8]) -> Result<(), SmtpFault> {
        let (time, host) = (self.time(step), self.host.clone());
        let stream = &mut self.stream;
        let write = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        within(time, host, step, write).await
    }

    async fn reply(&mut self, step: Step) -> Result<Reply, SmtpFault> {
        let (time, host) = (self.time(step), self.host.clone());
        let read = within(time, host, step, self.read_reply()).await?;
        read.map_err(|line| {
            let line = excerpt(line.as_bytes());
            SmtpFault::Garbled { host: self.host.clone(), step, line }
        })
    }

    fn time(&self, step: Step) -> Duration {
        let time = match step {
            Step::Content | Step::FinalDot => self.timeouts.data,
            _ => self.timeouts.command,
        };
        time.min(TIMEOUT_MAX)
    }

    /// A reply (RFC 5321, section 4.2), or the line that makes it none.
    async fn read_reply(&mut self) -> io::Result<Result<Reply, String>> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        loop {
            let line = match self.read_line().await? {
                Ok(line) => line,
                Err(line) => return Ok(Err(line)),
            };
            let Some((code, more, text)) = split(&line) else {
                return Ok(Err(line));
            };
            if (!reply.lines.is_empty() && code != reply.code) || reply.lines.len() == REPLY_LINES_MAX {
                return Ok(Err(line));
            }
            reply.code = code;
            reply.lines.push(text.to_owned());
            if !more {
                return Ok(Ok(reply));
            }
        }
    }

    async fn read_line(&mut self) -> io::Result<Result<String, String>> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return Ok(Ok(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.received.len() > REPLY_LINE_BYTES_MAX {
                return Ok(Err(String::from_utf8_lossy(&self.received).into_owned()));
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether the relay has said something that nobody has asked for yet. Does not wait.
    async fn has_spoken(&mut self) -> Result<bool, SmtpFault> {
        if !self.received.is_empty() {
            return Ok(true);
        }
        let mut bytes = [0; 512];
        let mut buffer = ReadBuf::new(&mut bytes);
        let stream = &mut self.stream;
        let read = poll_fn(|cx| match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => Poll::Ready(None),
        });
        let ended = match read.await {
            None => return Ok(false),
            Some(Ok(())) if !buffer.filled().is_empty() => {
                self.received.extend_from_slice(buffer.filled());
                return Ok(true);
            }
            Some(Ok(())) => io::ErrorKind::UnexpectedEof.into(),
            Some(Err(source)) => source,
        };
        Err(SmtpFault::Lost { host: self.host.clone(), step: Step::Content, source: ended })
    }
}

async fn within<T>(
    time: Duration,
    host: String,
    step: Step,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, SmtpFault> {
    match timeout(time, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(source)) => Err(SmtpFault::Lost { host, step, source }),
        Err(_) => Err(SmtpFault::TimedOut { host, step }),
    }
}

/// Code, whether more lines follow, and text of one line of a reply.
fn split(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    let code = code.parse().ok().filter(|code| digits && (200..600).contains(code))?;
    match rest.chars().next() {
        None => Some((code, false, "")),
        Some(' ') => Some((code, false, &rest[1..])),
        Some('-') => Some((code, true, &rest[1..])),
        Some(_) => None,
    }
}

/// Doubles a dot at the start of a line (RFC 5321, section 4.5.2).
fn stuffed(content: &str) -> String {
    let stuffed = content.replace("\r\n.", "\r\n..");
    if stuffed.starts_with('.') { format!(".{stuffed}") } else { stuffed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_reply_is_a_code_and_a_text() {
        assert_eq!(split("250-PIPELINING"), Some((250, true, "PIPELINING")));
        assert_eq!(split("250 2.1.0 Ok"), Some((250, false, "2.1.0 Ok")));
        assert_eq!(split("354"), Some((354, false, "")));
        for line in ["", "25", "250+x", "999 x", "100 x", "abc", "+50 x", "25é x"] {
            assert_eq!(split(line), None, "{line}");
        }
    }

    #[test]
    fn no_line_of_a_mail_can_end_it() {
        assert_eq!(stuffed(".\r\n.\r\n..\r\na.\r\n"), "..\r\n..\r\n...\r\na.\r\n");
    }
}
