//! Targets from a web server, as JSON.

use egress::guard::{Origin, read_url};
use egress::header::{ACCEPT, HeaderName, HeaderValue};
use egress::http::{Limits, Overflow, Request};
use egress::{Method, Url};
use facts::configuration::HttpDiscovery;

use super::super::ScrapeTools;
use super::super::access::Access;
use super::super::limits::{DISCOVERY_BYTES_MAX, DISCOVERY_TIMEOUT};
use super::{Group, Teller, groups_of_json};
use crate::failure::in_full;

const REFRESH: HeaderName = HeaderName::from_static("x-prometheus-refresh-interval-seconds");

/// Fetches the list on the refresh interval.
pub(super) async fn fetch(tools: ScrapeTools, found: HttpDiscovery, access: Access, mut teller: Teller) {
    let mut rounds = tokio::time::interval(found.refresh_interval.to_std());
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let groups = groups(&tools, &found, &access).await;
        teller.tell(groups).await;
    }
}

async fn groups(tools: &ScrapeTools, found: &HttpDiscovery, access: &Access) -> Result<Vec<Group>, String> {
    let url: Url = read_url(Origin::Operator, &found.url).map_err(|refusal| refusal.to_string())?;
    let client = access.client(tools)?;
    let mut request = Request::new(Method::GET, url, DISCOVERY_TIMEOUT, Origin::Operator);
    request.headers = access.headers(tools)?;
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let seconds = found.refresh_interval.to_std().as_secs_f64().to_string();
    if let Ok(seconds) = HeaderValue::from_str(&seconds) {
        request.headers.insert(REFRESH, seconds);
    }
    request.limits = Limits {
        body_bytes_max: DISCOVERY_BYTES_MAX,
        overflow: Overflow::Fault,
        redirects_max: if found.follow_redirects { 10 } else { 0 },
    };
    let response = client.send(request).await.map_err(|fault| in_full(&fault))?;
    let response = response.accepted().map_err(|fault| in_full(&fault))?;
    groups_of_json(&response.body, ("__meta_url", &found.url))
}
