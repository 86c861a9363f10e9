//! The story as it is told: chapters, each told once, when what can be seen of Swan shows that it happened.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::people::Player;
use super::sight::Sight;

/// A part of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chapter {
    Traffic,
    Deploy,
    Down,
    Ceiling,
    Paged,
    HandedOn,
    Acknowledged,
    Declared,
    Told,
    RolledBack,
    Recovered,
    Resolved,
    Drafted,
    Attributed,
    Reviewed,
}

impl Chapter {
    /// In the order in which they are looked for.
    const ALL: [Self; 15] = [
        Self::Traffic,
        Self::Deploy,
        Self::Down,
        Self::Ceiling,
        Self::Paged,
        Self::HandedOn,
        Self::Acknowledged,
        Self::Declared,
        Self::Told,
        Self::RolledBack,
        Self::Recovered,
        Self::Resolved,
        Self::Drafted,
        Self::Attributed,
        Self::Reviewed,
    ];
}

/// A page of Swan that a chapter leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: String,
    /// A path at Swan's address.
    pub(super) path: String,
}

/// A chapter that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Telling {
    pub(super) chapter: Chapter,
    /// How long after the beginning.
    pub(super) after: Duration,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) links: Vec<Link>,
}

/// What was told so far; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) began: Instant,
    told: Arc<Mutex<Vec<Telling>>>,
}

impl Story {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, told: Arc::default() }
    }

    /// In the order in which it was told.
    pub(super) fn told(&self) -> Vec<Telling> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the review is drafted and has what people put into it, and customers read that it is over.
    pub(super) fn is_over(&self) -> bool {
        let told = self.told();
        let has = |chapter| told.iter().any(|telling| telling.chapter == chapter);
        has(Chapter::Resolved) && has(Chapter::Drafted) && has(Chapter::Reviewed)
    }

    /// Tells what can be seen and was not told; what is told goes into the result too.
    pub(super) fn tell(&self, sight: &Sight) -> Vec<Telling> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = Vec::new();
        for chapter in Chapter::ALL {
            if told.iter().any(|telling| telling.chapter == chapter) {
                continue;
            }
            let earlier =
                |chapter| told.iter().chain(&fresh).any(|telling: &Telling| telling.chapter == chapter);
            if let Some((title, text, links)) = words(chapter, sight, &earlier) {
                let after = self.began.elapsed();
                fresh.push(Telling { chapter, after, title, text, links });
            }
        }
        told.extend(fresh.iter().cloned());
        fresh
    }
}

type Words = (String, String, Vec<Link>);

/// A chapter's words, where it can be seen to have happened.
fn words(chapter: Chapter, sight: &Sight, told: &dyn Fn(Chapter) -> bool) -> Option<Words> {
    match chapter {
        Chapter::Traffic | Chapter::Deploy | Chapter::Down | Chapter::Ceiling => {
            before_the_page(chapter, sight)
        }
        Chapter::Paged | Chapter::HandedOn | Chapter::Acknowledged => the_page(chapter, sight),
        Chapter::Declared | Chapter::Told | Chapter::RolledBack | Chapter::Recovered => {
            the_response(chapter, sight, told)
        }
        Chapter::Resolved | Chapter::Drafted | Chapter::Attributed | Chapter::Reviewed => {
            afterwards(chapter, sight)
        }
    }
}

fn before_the_page(chapter: Chapter, sight: &Sight) -> Option<Words> {
    match chapter {
        Chapter::Traffic if sight.is_measured() => Some((
            "Customers shop".to_owned(),
            "Some 25 requests a second. The shop's edge reports each with its outcome, an agent sends figures by \
             remote write, and Swan scrapes the rest. Swan judges every five seconds of each service: up, down, or \
             unknown. The days before today are unknown, because nobody measured them."
                .to_owned(),
            vec![link("Now", "/"), link("Status page", "/status")],
        )),
        Chapter::Deploy if sight.is_bad => Some((
            "Version 42 of the checkout goes out".to_owned(),
            "Three of five payments fail from here on. Nobody tells Swan.".to_owned(),
            vec![link("The checkout", "/services/checkout")],
        )),
        Chapter::Down if sight.checkout_is_down() => Some((
            "The ledger counts the checkout as down".to_owned(),
            "More than 5 % of its requests failed in a slice of five seconds. Watch its budget shrink.".to_owned(),
            vec![link("The checkout", "/services/checkout"), link("Availability", "/availability")],
        )),
        Chapter::Ceiling => sight.tickets.iter().find(|ticket| ticket.resolution.is_none()).map(|ticket| {
            let text = format!(
                "Past four fifths of its maximum: not worth waking anybody, so the list gets a mail and {} is \
                 opened, due in 24 hours. The search workers are at their maximum too, but pinned there, so \
                 nobody is told.",
                ticket.id
            );
            ("A connection pool nears its ceiling".to_owned(), text, vec![link("Now", "/")])
        }),
        _ => None,
    }
}

fn the_page(chapter: Chapter, sight: &Sight) -> Option<Words> {
    let page = sight.page.as_ref()?;
    let links = vec![link("The page", &format!("/pages/{}", page.id)), link("Alerts", "/alerts")];
    let acknowledged = page.acknowledged_by.as_deref();
    match chapter {
        Chapter::Paged => Some((
            "Swan notices, and pages Ana".to_owned(),
            format!(
                "\"{}\". Ana is first on call, and asleep. You can answer in her place: open the link in her mail \
                 below, and press the button.",
                page.title
            ),
            links,
        )),
        Chapter::HandedOn => {
            let has_bo = page.responders.iter().any(|person| person.as_str() == Player::Bo.id());
            (has_bo && acknowledged.is_none()).then(|| {
                let text = "Fifteen seconds are over, so the page goes to its second step: Bo. \
                            Again you can be faster than he is."
                    .to_owned();
                ("Nobody answers".to_owned(), text, links)
            })
        }
        Chapter::Acknowledged => acknowledged.map(|by| {
            let text = match Player::by_id(by) {
                Some(Player::Bo) => {
                    "He opened the link in his mail, which changed nothing, and pressed its button, which did. \
                     Nobody else is notified."
                }
                _ => {
                    "Nobody else is notified. Go on in Swan's pages if you like: declare, join, tell customers, roll \
                     back. After fifteen seconds of nothing the story goes on by itself."
                }
            };
            (format!("{} answers", name_of(by)), text.to_owned(), links)
        }),
        _ => None,
    }
}

fn the_response(chapter: Chapter, sight: &Sight, told: &dyn Fn(Chapter) -> bool) -> Option<Words> {
    let incident = sight.incident.as_ref();
    match chapter {
        Chapter::Declared => incident.map(|incident| {
            let leader = incident.leader.as_ref().map_or("Nobody", |person| name_of(person.as_str()));
            let text = format!(
                "{leader} leads. The incident's log is a view of Swan's journal, beside what people write; an \
                 update is due every minute, and a late one reminds the leader."
            );
            let links = vec![link("The incident", &format!("/incidents/{}", incident.id))];
            (format!("{} is declared", incident.id), text, links)
        }),
        Chapter::Told => sight.public.as_ref().map(|public| {
            let first = public.incident_updates.last().map_or("", |update| update.body.as_str());
            let text = format!("\"{first}\" The components follow the incident.");
            ("Customers are told".to_owned(), text, vec![link("Status page", "/status")])
        }),
        Chapter::RolledBack => (told(Chapter::Deploy) && !sight.is_bad).then(|| {
            let text = "Checkouts go through from here on.".to_owned();
            ("Version 42 is rolled back".to_owned(), text, vec![link("The checkout", "/services/checkout")])
        }),
        Chapter::Recovered => {
            let page = sight.page.as_ref().filter(|page| page.is_over())?;
            let text = "The alert's condition cleared, so the page is over too. Nobody had to close anything.";
            let links = vec![link("The page", &format!("/pages/{}", page.id)), link("Now", "/")];
            Some(("Swan sees it recover".to_owned(), text.to_owned(), links))
        }
        _ => None,
    }
}

fn afterwards(chapter: Chapter, sight: &Sight) -> Option<Words> {
    let incident = sight.incident.as_ref().filter(|incident| incident.is_resolved())?;
    let review = sight.post_mortem.as_ref();
    let of_review = |review: &super::sight::PostMortem| {
        vec![link("The post-mortem", &format!("/post-mortems/{}", review.id))]
    };
    match chapter {
        Chapter::Resolved => sight.public.as_ref().filter(|public| public.status == "resolved").map(|_| {
            let links = vec![
                link("Status page", "/status"),
                link("The incident", &format!("/incidents/{}", incident.id)),
            ];
            let text = "The status page says so too.".to_owned();
            (format!("{} is resolved", incident.id), text, links)
        }),
        Chapter::Drafted => review.map(|review| {
            let text =
                "Impact from the ledger, timeline from the journal: nobody types what Swan knows.".to_owned();
            ("The post-mortem is drafted".to_owned(), text, of_review(review))
        }),
        Chapter::Attributed => {
            let outage = sight.outages.iter().find(|outage| outage.attribution.is_some())?;
            let text =
                format!("{} lasted {} and is attributed to a deploy.", outage.id, outage.end - outage.start);
            Some(("The outage has a cause".to_owned(), text, vec![link("Availability", "/availability")]))
        }
        Chapter::Reviewed => {
            let review = review.filter(|review| !review.whys.is_empty())?;
            let action = review.actions.first()?;
            let text = format!(
                "A first why, and what is done about it: {}, \"{}\". The draft stays open until every why ends in an \
                 action or an accepted risk.",
                action.id, action.title
            );
            Some(("People begin to learn from it".to_owned(), text, of_review(review)))
        }
        _ => None,
    }
}

fn link(name: &str, path: &str) -> Link {
    Link { name: name.to_owned(), path: path.to_owned() }
}

/// How the story names whoever it was.
fn name_of(id: &str) -> &str {
    Player::by_id(id).map_or("Somebody", Player::name)
}
