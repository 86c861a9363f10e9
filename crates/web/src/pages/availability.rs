//! Were we as good as we promised: every service over a period, and what its down time is attributed to.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use engine::World;
use kernel::{ServiceId, Span, Timestamp};
use serde::Deserialize;

use super::form::{given, utc};
use super::shell::{Answer, Here, Notice, Shell, SignedIn, html};
use super::words::{Day, date_field, length};
use crate::answer::{Error, Result};
use crate::doors::Doorway;

/// The period where none is asked for.
const DAYS: i64 = 90;

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/availability", get(look))
}

/// A period in days, both of them included.
#[derive(Debug, Deserialize)]
struct Period {
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
}

impl Period {
    /// The first instant, and the first one after it.
    fn bounds(&self, today: Timestamp) -> Result<(Timestamp, Timestamp)> {
        let day = Span::from_days(1);
        let last = given(&self.until).map(utc).transpose()?.unwrap_or(today).floor(day);
        let first =
            given(&self.from).map(utc).transpose()?.unwrap_or(last - Span::from_days(DAYS - 1)).floor(day);
        if first > last {
            return Err(Error::bad_request("the period ends before it begins"));
        }
        Ok((first, last + day))
    }
}

async fn look(
    SignedIn(caller): SignedIn,
    State(doorway): State<Doorway>,
    Query(period): Query<Period>,
) -> Answer {
    let now = doorway.now();
    let today = now.floor(Span::from_days(1));
    let ninety_days = (today - Span::from_days(DAYS - 1), today + Span::from_days(1));
    let (bounds, notice) = match period.bounds(today) {
        Ok(bounds) => (bounds, None),
        Err(error) => (ninety_days, Some(Notice::new(error, None))),
    };
    let view = doorway.view(move |world| AvailabilityView::of(world, bounds, now)).await?;
    let shell = Shell::new(&caller, Here::Availability, notice);
    Ok(html(shell.status(), &AvailabilityPage { shell, view }))
}

#[derive(Template)]
#[template(path = "availability.html", whitespace = "minimize")]
struct AvailabilityPage {
    shell: Shell,
    view: AvailabilityView,
}

/// What stands on the page.
#[derive(Debug)]
struct AvailabilityView {
    from: Day,
    until: Day,
    from_field: String,
    until_field: String,
    services: Vec<ServiceReport>,
}

#[derive(Debug)]
struct ServiceReport {
    id: ServiceId,
    /// `None` where nothing was measured.
    availability: Option<String>,
    up: String,
    down: String,
    unknown: String,
    causes: Vec<CauseLine>,
}

/// Down time of one cause.
#[derive(Debug)]
struct CauseLine {
    /// `None` is what nobody attributed.
    cause: Option<String>,
    down: String,
    outages: u64,
    /// Of the service's down time.
    percent: i64,
}

impl AvailabilityView {
    fn of(world: &World, (from, until): (Timestamp, Timestamp), now: Timestamp) -> Self {
        // What has not happened yet is no gap in the measurement.
        let end = until.min(now).max(from);
        let services =
            world.configuration().into_iter().flat_map(|configuration| configuration.services.keys());
        let last = until - Span::from_days(1);
        Self {
            from: Day(from),
            until: Day(last),
            from_field: date_field(from),
            until_field: date_field(last),
            services: services.map(|id| report(world, id, from, end)).collect(),
        }
    }
}

fn report(world: &World, id: &ServiceId, from: Timestamp, until: Timestamp) -> ServiceReport {
    let found = objectives::availability(&world.objectives, id, from, until);
    let causes = objectives::causes(&world.objectives, id, from, until);
    let all = found.down.as_millis().max(1);
    ServiceReport {
        id: id.clone(),
        availability: found.ratio.map(|ratio| ratio.to_string()),
        up: length(found.up),
        down: length(found.down),
        unknown: length(found.unknown),
        causes: causes
            .into_iter()
            .map(|share| CauseLine {
                percent: (share.down.as_millis().saturating_mul(100) / all).min(100),
                cause: share.cause,
                down: length(share.down),
                outages: share.outages,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_includes_both_of_its_days() {
        let today: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        let period = |from: &str, until: &str| Period { from: from.to_owned(), until: until.to_owned() };
        let one_day = period("2026-11-01", "2026-11-01").bounds(today).unwrap();
        assert_eq!(one_day.1 - one_day.0, Span::from_days(1));
        let (from, until) = period("", "").bounds(today).unwrap();
        assert_eq!((until - from, until), (Span::from_days(90), today + Span::from_days(1)));
        assert!(period("2026-11-02", "2026-11-01").bounds(today).is_err());
        assert!(period("yesterday", "").bounds(today).is_err());
    }
}
