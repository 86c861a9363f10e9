//! The inbox: mails that Swan sent, as they arrived by SMTP on loopback.
//!
//! It accepts a mail for anybody and keeps the newest. Nothing of it is durable, and nothing of Swan depends on it:
//! to Swan it is a mail server like any other.

mod letter;
mod smtp;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use super::limits::MAILS_KEPT_MAX;

pub(super) use letter::Letter;

/// A mail that arrived.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    /// Its place: the first is 1.
    pub(super) number: u64,
    /// How long after the demo began.
    pub(super) after: Duration,
    /// The recipients that the envelope named.
    pub(super) to: Vec<String>,
    pub(super) letter: Letter,
}

impl Mail {
    /// The address behind `Acknowledge:`, where the mail is a page's.
    pub(super) fn acknowledge_link(&self) -> Option<&str> {
        self.letter.text.lines().find_map(|line| line.trim().strip_prefix("Acknowledge: "))
    }

    /// Whether the envelope names the person with this id.
    pub(super) fn is_to(&self, id: &str) -> bool {
        self.to.iter().any(|to| to.split('@').next() == Some(id))
    }
}

/// Every mail that is kept; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    began: Instant,
    mails: Arc<Mutex<Mails>>,
}

#[derive(Debug, Default)]
struct Mails {
    arrived: u64,
    kept: VecDeque<Mail>,
}

impl Inbox {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, mails: Arc::default() }
    }

    /// Accepts mail until the task is dropped.
    pub(super) async fn receive(self, listener: TcpListener) {
        smtp::serve(listener, self).await;
    }

    /// Mails, newest first.
    pub(super) fn newest_first(&self) -> Vec<Mail> {
        // A panic while it is held leaves whole mails.
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.kept.iter().rev().cloned().collect()
    }

    fn keep(&self, to: Vec<String>, letter: Letter) {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.arrived += 1;
        let mail = Mail { number: mails.arrived, after: self.began.elapsed(), to, letter };
        mails.kept.push_back(mail);
        if mails.kept.len() > MAILS_KEPT_MAX {
            mails.kept.pop_front();
        }
    }
}
