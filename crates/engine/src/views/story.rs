//! Stories: what the journal holds about one incident or page, in order. The caller reads the streams; these
//! functions say which, and turn entries into lines.

use std::collections::BTreeSet;

use facts::oncall::{OncallFact, Purpose};
use facts::{AlertingFact, Entry, Fact, IncidentsFact, Stream};
use kernel::{GroupId, PageId};
use learning::markdown::{TimelineLine, render};

use super::words::in_words;
use crate::World;

/// Lines of a timeline, oldest first: each entry once, bookkeeping left out.
pub fn timeline(entries: impl IntoIterator<Item = Entry>) -> Vec<TimelineLine> {
    let mut sorted: Vec<Entry> = entries.into_iter().collect();
    sorted.sort_by_key(|entry| entry.seq);
    sorted.dedup_by_key(|entry| entry.seq);
    let line = |entry: &Entry| {
        in_words(entry).map(|text| TimelineLine { at: entry.at, by: entry.actor.to_string(), text })
    };
    sorted.iter().filter_map(line).collect()
}

/// Streams that an incident's own stream leads to: its groups, their alerts and pages, and the pages' notifications.
/// Call it with the entries that were read so far until it names nothing new.
pub fn streams_of_incident(entries: &[Entry]) -> BTreeSet<Stream> {
    entries.iter().flat_map(led_to).collect()
}

/// Streams that a page's own stream leads to: its notifications and its group.
pub fn streams_of_page(entries: &[Entry]) -> BTreeSet<Stream> {
    entries.iter().flat_map(led_to).collect()
}

fn led_to(entry: &Entry) -> Vec<Stream> {
    let group = |group: &GroupId| Stream::of(group);
    let page = |page: &PageId| Stream::of(page);
    match &entry.fact {
        Fact::Incidents(IncidentsFact::GroupJoined { group: joined, .. }) => vec![group(joined)],
        Fact::Incidents(IncidentsFact::IncidentDeclared { reason, .. }) => match reason {
            facts::incidents::DeclareReason::FromPage(from) => vec![page(from)],
            facts::incidents::DeclareReason::Automatically(from) => vec![group(from)],
            facts::incidents::DeclareReason::ByHand => Vec::new(),
        },
        Fact::Alerting(AlertingFact::GroupOpened { alert, .. } | AlertingFact::GroupGrew { alert, .. }) => {
            vec![Stream::named("alert", alert)]
        }
        Fact::Oncall(OncallFact::PageOpened { page: opened, group: of, .. }) => {
            std::iter::once(page(opened)).chain(of.iter().map(group)).collect()
        }
        Fact::Oncall(OncallFact::NotificationIntended { notification, purpose, .. }) => {
            let of_page = matches!(purpose, Purpose::Page { .. } | Purpose::PageOver { .. });
            if of_page { vec![Stream::of(notification)] } else { Vec::new() }
        }
        Fact::Learning(facts::LearningFact::PostMortemDrafted { post_mortem, .. }) => {
            vec![Stream::of(post_mortem)]
        }
        _ => Vec::new(),
    }
}

/// The Markdown of a review with its incident's timeline; `None` where the review is not in memory.
pub fn post_mortem_markdown(
    world: &World,
    post_mortem: kernel::PostMortemId,
    entries: impl IntoIterator<Item = Entry>,
) -> Option<String> {
    let review = world.learning.review(post_mortem)?;
    Some(render(&world.learning, review, &timeline(entries)))
}
