//! What somebody who looks at Swan sees: its API's answers, and nothing that its API does not tell.

use kernel::{
    ActionId, IncidentId, ObjectiveId, OutageId, PageId, PersonId, PostMortemId, ServiceId, Span, TicketId,
    Timestamp, WhyId,
};
use serde::Deserialize;
use serde_json::Value;

use super::peer::{Peer, PeerFault};

/// The service that the story is about.
pub(super) const CHECKOUT: &str = "checkout";

/// Swan at a moment, as far as the story is concerned.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    pub(super) services: Vec<Service>,
    /// The checkout's newest page.
    pub(super) page: Option<Page>,
    /// The checkout's open incident, else its newest.
    pub(super) incident: Option<Incident>,
    /// What customers are told of it.
    pub(super) public: Option<Public>,
    pub(super) outages: Vec<Outage>,
    pub(super) post_mortem: Option<PostMortem>,
    pub(super) tickets: Vec<Ticket>,
    /// Whether the shop runs the bad version; the one thing here that Swan does not tell.
    pub(super) is_bad: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Service {
    pub(super) id: ServiceId,
    pub(super) is_down: bool,
    pub(super) judged_through: Option<Timestamp>,
    pub(super) objectives: Vec<Objective>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Objective {
    pub(super) name: ObjectiveId,
    pub(super) target: String,
    pub(super) window: String,
    pub(super) budget: Span,
    pub(super) spent: Span,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Page {
    pub(super) id: PageId,
    pub(super) title: String,
    service: Option<ServiceId>,
    pub(super) opened_at: Timestamp,
    /// `walking`, `acknowledged`, `exhausted` or `over`.
    pub(super) state: String,
    pub(super) acknowledged_by: Option<String>,
    pub(super) next: Option<String>,
    pub(super) responders: Vec<PersonId>,
}

impl Page {
    pub(super) fn is_over(&self) -> bool {
        self.state == "over"
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Incident {
    pub(super) id: IncidentId,
    service: ServiceId,
    /// `investigating`, `identified`, `monitoring` or `resolved`.
    pub(super) phase: String,
    declared_at: Timestamp,
    pub(super) leader: Option<PersonId>,
    pub(super) recovery: Vec<PersonId>,
}

impl Incident {
    pub(super) fn is_resolved(&self) -> bool {
        self.phase == "resolved"
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PublicIncidents {
    incidents: Vec<Public>,
}

/// An incident in Statuspage's JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Public {
    id: IncidentId,
    pub(super) status: String,
    /// Newest first.
    pub(super) incident_updates: Vec<PublicUpdate>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct PublicUpdate {
    pub(super) body: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Ledger {
    outages: Vec<Outage>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Outage {
    pub(super) id: OutageId,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    slices: u32,
    pub(super) is_open: bool,
    /// Whatever its shape, somebody said what it was.
    pub(super) attribution: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Review {
    id: PostMortemId,
    incident: IncidentId,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct PostMortem {
    pub(super) id: PostMortemId,
    pub(super) whys: std::collections::BTreeMap<WhyId, Value>,
    pub(super) actions: Vec<Action>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Action {
    pub(super) id: ActionId,
    pub(super) title: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Ticket {
    pub(super) id: TicketId,
    pub(super) title: String,
    pub(super) resolution: Option<String>,
}

impl Sight {
    /// Looks at Swan; what is older than the demo is not part of the story.
    pub(super) async fn of(swan: &Peer, since: Timestamp) -> Result<Self, PeerFault> {
        let of_checkout = |service: &ServiceId| service.as_str() == CHECKOUT;
        let pages: Vec<Page> = swan.get("/v1/pages").await?;
        let of_story =
            |page: &Page| page.service.as_ref().is_some_and(of_checkout) && page.opened_at >= since;
        let page = pages.into_iter().filter(of_story).max_by_key(|page| page.id);
        let incidents: Vec<Incident> = swan.get("/v1/incidents").await?;
        let of_story = |incident: &Incident| {
            of_checkout(&incident.service) && (incident.declared_at >= since || !incident.is_resolved())
        };
        let incident = incidents.into_iter().filter(of_story).max_by_key(|incident| incident.id);
        let mut sight = Self {
            services: swan.get("/v1/services").await?,
            tickets: swan.get("/v1/tickets").await?,
            page,
            ..Self::default()
        };
        if let Some(incident) = incident {
            sight.follow(swan, incident, since).await?;
        }
        Ok(sight)
    }

    async fn follow(&mut self, swan: &Peer, incident: Incident, since: Timestamp) -> Result<(), PeerFault> {
        let public: PublicIncidents = swan.get("/api/v2/incidents.json").await?;
        self.public = public.incidents.into_iter().find(|public| public.id == incident.id);
        let ledger: Ledger = swan.get(&format!("/v1/services/{CHECKOUT}/ledger")).await?;
        let of_story = |outage: &Outage| outage.slices > 0 && outage.end >= since;
        self.outages = ledger.outages.into_iter().filter(of_story).collect();
        let reviews: Vec<Review> = swan.get("/v1/post-mortems").await?;
        if let Some(review) = reviews.into_iter().find(|review| review.incident == incident.id) {
            self.post_mortem = Some(swan.get(&format!("/v1/post-mortems/{}", review.id)).await?);
        }
        self.incident = Some(incident);
        Ok(())
    }

    /// Whether the last judged slice of the checkout was down.
    pub(super) fn checkout_is_down(&self) -> bool {
        self.services.iter().any(|service| service.id.as_str() == CHECKOUT && service.is_down)
    }

    /// Whether Swan judges the checkout.
    pub(super) fn is_measured(&self) -> bool {
        let mut services = self.services.iter();
        services.any(|service| service.id.as_str() == CHECKOUT && service.judged_through.is_some())
    }

    /// The outage that is over and that nobody attributed.
    pub(super) fn unattributed(&self) -> Option<&Outage> {
        self.outages.iter().find(|outage| !outage.is_open && outage.attribution.is_none())
    }
}
