use facts::status::ComponentStatus;
use kernel::{ComponentId, ServiceId, Span, StatusPageId, Timestamp};
use status::PublicIncident;

use crate::World;

/// Days that a bar shows.
pub const BAR_DAYS: i64 = 90;

/// What a status page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusPageView {
    /// Which page; `None` where the configuration has none and everything is shown.
    pub id: Option<StatusPageId>,
    /// What stands at its top.
    pub title: String,
    /// The worst of its components.
    pub worst: ComponentStatus,
    /// Its services with their components.
    pub services: Vec<ServiceView>,
    /// Published incidents of its services, newest first.
    pub incidents: Vec<PublicIncident>,
    /// When it was made.
    pub at: Timestamp,
}

/// A service as a status page shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceView {
    /// Which.
    pub id: ServiceId,
    /// Its components.
    pub components: Vec<ComponentView>,
    /// One bar a day, oldest first, 90 of them.
    pub days: Vec<DayBar>,
    /// Up ÷ (up + down) over those days; `None` where nothing was measured.
    pub availability: Option<f64>,
}

/// A component as a status page shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentView {
    /// Which.
    pub id: ComponentId,
    /// How it does.
    pub status: ComponentStatus,
    /// Since when it does not work as usual.
    pub since: Option<Timestamp>,
}

/// A day of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayBar {
    /// Its start, in UTC.
    pub day: Timestamp,
    /// Down time.
    pub down: Span,
    /// Measured time that was not down.
    pub up: Span,
}

/// What this page shows at `now`; `None` where the configuration has no such page.
///
/// Without any status page in the configuration, `None` for `page` shows every service.
pub fn status_page(world: &World, page: Option<&StatusPageId>, now: Timestamp) -> Option<StatusPageView> {
    let configuration = world.configuration()?;
    let declared = match page {
        Some(id) => Some(configuration.status_pages.get(id)?),
        None => None,
    };
    let shows = |service: &ServiceId, component: &ComponentId| {
        declared.is_none_or(|page| page.components.iter().any(|pattern| matches(pattern, service, component)))
    };
    let services: Vec<ServiceView> = configuration
        .services
        .iter()
        .filter_map(|(id, service)| {
            let listed = service.components.iter().filter(|component| shows(id, component));
            let components: Vec<ComponentView> =
                listed.map(|component| component_view(world, id, component)).collect();
            let whole = service.components.is_empty() && shows(id, &ComponentId::new("*"));
            (!components.is_empty() || whole).then(|| service_view(world, id, components, now))
        })
        .collect();
    let shown = |incident: &&PublicIncident| services.iter().any(|service| service.id == incident.service);
    let incidents = world.status.incidents().filter(shown).cloned().collect();
    let every = services.iter().flat_map(|service| &service.components);
    let worst = every.map(|component| component.status).max().unwrap_or(ComponentStatus::Operational);
    let title = declared.and_then(|page| page.title.clone()).unwrap_or_else(|| "Status".to_owned());
    Some(StatusPageView { id: page.cloned(), title, worst, services, incidents, at: now })
}

/// `shop/*` matches every component of the service, `shop/checkout` one.
fn matches(pattern: &str, service: &ServiceId, component: &ComponentId) -> bool {
    pattern
        .split_once('/')
        .is_some_and(|(of, name)| of == service.as_str() && (name == "*" || name == component.as_str()))
}

fn component_view(world: &World, service: &ServiceId, component: &ComponentId) -> ComponentView {
    let (status, since) = world.status.component(service, component);
    ComponentView { id: component.clone(), status, since }
}

fn service_view(
    world: &World,
    id: &ServiceId,
    components: Vec<ComponentView>,
    now: Timestamp,
) -> ServiceView {
    let today = now.floor(Span::from_days(1));
    let from = today - Span::from_days(BAR_DAYS - 1);
    let days = objectives::days(&world.objectives, id, from, today + Span::from_days(1));
    let days: Vec<DayBar> =
        days.into_iter().map(|day| DayBar { day: day.start, down: day.down, up: day.up }).collect();
    let (up, down) =
        days.iter().fold((Span::ZERO, Span::ZERO), |(up, down), day| (up + day.up, down + day.down));
    let measured = up + down;
    let availability = (measured > Span::ZERO).then(|| up.as_secs_f64() / measured.as_secs_f64());
    ServiceView { id: id.clone(), components, days, availability }
}
