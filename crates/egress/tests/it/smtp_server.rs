//! A mail server that does as it is told: says no, hangs up or falls silent at any step.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::servers::serve;

/// What a server does. Steps are `greeting`, `EHLO`, `STARTTLS`, `AUTH`, `user`, `password`, `MAIL`, `RCPT`, `DATA`,
/// `content` (while the mail is being sent), `dot` and `QUIT`.
#[derive(Clone, Default)]
pub(crate) struct Script {
    pub(crate) offers: Vec<&'static str>,
    /// Replies other than the usual ones.
    pub(crate) replies: BTreeMap<&'static str, &'static str>,
    /// Closes the connection instead of replying.
    pub(crate) hangs_up_at: Option<&'static str>,
    /// Never replies; time jumps to whatever the client waits for.
    pub(crate) silent_at: Option<&'static str>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) implicit: bool,
}

/// What a server has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Command lines; `TLS` where the connection became secure.
    pub(crate) lines: Vec<String>,
    /// Mails, as far as they came, without the final dot and still dot-stuffed.
    pub(crate) mails: Vec<String>,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(crate) async fn serve_smtp(script: Script) -> (SocketAddr, Arc<Mutex<Seen>>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let record = seen.clone();
    let address = serve(move |stream, _| {
        let (script, record) = (script.clone(), record.clone());
        async move {
            // Ends early when either side hangs up.
            let _ = converse(stream, &script, &record).await;
        }
    })
    .await;
    (address, seen)
}

/// Replies at a step as the script has it; `None` hangs up.
async fn reply(
    io: &mut BufReader<Box<dyn Io>>,
    script: &Script,
    step: &'static str,
    usual: &str,
) -> Option<()> {
    if script.hangs_up_at == Some(step) {
        return None;
    }
    if script.silent_at == Some(step) {
        tokio::time::pause();
        std::future::pending::<()>().await;
    }
    let text = script.replies.get(step).copied().unwrap_or(usual);
    io.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    io.flush().await.ok()
}

async fn line(io: &mut BufReader<Box<dyn Io>>, seen: &Mutex<Seen>) -> Option<String> {
    let mut line = String::new();
    io.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
    let line = line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned();
    seen.lock().unwrap().lines.push(line.clone());
    Some(line)
}

async fn secured(
    io: BufReader<Box<dyn Io>>,
    script: &Script,
    seen: &Mutex<Seen>,
) -> Option<BufReader<Box<dyn Io>>> {
    let stream = script.tls.as_ref()?.accept(io.into_inner()).await.ok()?;
    seen.lock().unwrap().lines.push("TLS".into());
    Some(BufReader::new(Box::new(stream)))
}

async fn converse(stream: TcpStream, script: &Script, seen: &Mutex<Seen>) -> Option<()> {
    let mut io: BufReader<Box<dyn Io>> = BufReader::new(Box::new(stream));
    if script.implicit {
        io = secured(io, script, seen).await?;
    }
    reply(&mut io, script, "greeting", "220 mail.example ESMTP").await?;
    loop {
        let command = line(&mut io, seen).await?;
        match command.split([' ', ':']).next().unwrap() {
            "EHLO" => {
                let mut usual = String::from("250-mail.example");
                for offer in &script.offers {
                    usual.push_str(&format!("\r\n250-{offer}"));
                }
                reply(&mut io, script, "EHLO", &format!("{usual}\r\n250 HELP")).await?;
            }
            "STARTTLS" => {
                reply(&mut io, script, "STARTTLS", "220 go ahead").await?;
                io = secured(io, script, seen).await?;
            }
            "AUTH" if command == "AUTH LOGIN" => {
                reply(&mut io, script, "user", "334 VXNlcm5hbWU6").await?;
                line(&mut io, seen).await?;
                reply(&mut io, script, "password", "334 UGFzc3dvcmQ6").await?;
                line(&mut io, seen).await?;
                reply(&mut io, script, "AUTH", "235 welcome").await?;
            }
            "AUTH" => reply(&mut io, script, "AUTH", "235 welcome").await?,
            "MAIL" => reply(&mut io, script, "MAIL", "250 sender ok").await?,
            "RCPT" => reply(&mut io, script, "RCPT", "250 recipient ok").await?,
            "DATA" => {
                reply(&mut io, script, "DATA", "354 go ahead").await?;
                if script.replies.get("DATA").is_some_and(|reply| !reply.starts_with("354")) {
                    continue;
                }
                content(&mut io, script, seen).await?;
                reply(&mut io, script, "dot", "250 2.0.0 queued as 4711").await?;
            }
            "QUIT" => return reply(&mut io, script, "QUIT", "221 bye").await,
            other => panic!("`{other}` is no command"),
        }
    }
}

async fn content(io: &mut BufReader<Box<dyn Io>>, script: &Script, seen: &Mutex<Seen>) -> Option<()> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        io.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
        if line == ".\r\n" {
            seen.lock().unwrap().mails.push(mail);
            return Some(());
        }
        mail.push_str(&line);
        if script.hangs_up_at == Some("content") {
            return None;
        }
        if script.silent_at == Some("content") {
            tokio::time::pause();
            std::future::pending::<()>().await;
        }
    }
}
