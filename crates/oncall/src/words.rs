//! What people read: subjects, bodies, and why a page stands where it stands.

use std::fmt::Write;

use facts::oncall::{Because, StepReason};
use kernel::{Span, Timestamp};

use crate::{NextMove, Page, Position};

/// `[critical] shop: HighErrorRate (page_7)`.
pub(crate) fn subject(page: &Page) -> String {
    let service = page.service.as_ref().map_or_else(String::new, |service| format!("{service}: "));
    format!("[{}] {service}{} ({})", page.priority.as_str(), page.title, page.id)
}

/// What is wrong, since when, and why this reader is told. The link that acknowledges is added by whoever hands the
/// message over: it carries a secret.
pub(crate) fn body(
    page: &Page,
    position: Position,
    reason: &StepReason,
    because: Option<&Because>,
) -> String {
    let mut text = format!("{}\n\n", page.title);
    if let Some(service) = &page.service {
        _ = writeln!(text, "Service: {service}");
    }
    _ = writeln!(text, "Since: {}", page.opened_at);
    if let Some(because) = because {
        _ = writeln!(text, "You are told because {}.", why_you(because));
    }
    if let Some(why) = why_here(reason) {
        _ = writeln!(text, "{} came here because {why}.", page.id);
    }
    if page.step_at(position).is_none() {
        text.push_str("No step of its policy could reach anybody, so everybody is told.\n");
    }
    if !page.body.is_empty() {
        _ = write!(text, "\n{}\n", page.body);
    }
    text
}

fn why_you(because: &Because) -> String {
    match because {
        Because::OnCall(rotation) => format!("you are on call in {rotation}"),
        Because::Override(id) => format!("you are on call by {id}"),
        Because::Named => "the escalation policy names you".to_owned(),
        Because::Team(team) => format!("you are in team {team}"),
    }
}

fn why_here(reason: &StepReason) -> Option<&'static str> {
    match reason {
        StepReason::Opened => None,
        StepReason::NobodyAcknowledged => Some("nobody acknowledged"),
        StepReason::EscalatedByHand => Some("somebody passed it on"),
        StepReason::NobodyReachable => Some("nobody before you could be reached"),
        StepReason::NobodyOnCall => Some("nobody was on call before you"),
    }
}

impl Page {
    /// What happens next and why, for people: `goes to step 2 in 2:10: nobody acknowledged`.
    pub fn next_in_words(&self, now: Timestamp) -> String {
        if let Some(taken) = &self.acknowledged {
            return format!("acknowledged by {}", taken.by);
        }
        let Some((at, next)) = self.next_move() else { return "waits".to_owned() };
        let left = clock(at - now);
        match next {
            NextMove::Step(position) => {
                format!("goes to step {} in {left}: nobody acknowledged", position.step + 1)
            }
            NextMove::Exhausted => format!("ends its policy in {left}: nobody acknowledged"),
            NextMove::StartsAgain(_) => {
                format!("starts again with step 1 in {left}: its policy ended and nobody acknowledged")
            }
        }
    }
}

/// `2:10`, `1:00:00`; `0:00` where the time has come.
fn clock(left: Span) -> String {
    let seconds = left.as_millis().max(0) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The text cut to so many bytes, at a character's end, with an ellipsis where something is missing.
pub(crate) fn shortened(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}
