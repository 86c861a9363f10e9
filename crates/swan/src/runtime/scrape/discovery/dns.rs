//! Targets from the records of names.

use egress::lookup::{Lookup, Record, Records};
use facts::configuration::{DnsDiscovery, DnsRecord, TargetGroup};

use super::super::limits::DISCOVERY_TIMEOUT;
use super::{Group, Teller};

/// Looks the names up on the refresh interval.
pub(super) async fn look_up(found: DnsDiscovery, mut teller: Teller) {
    let lookup = match Lookup::system() {
        Ok(lookup) => lookup,
        Err(fault) => {
            tracing::warn!(%fault, "names cannot be looked up, so a discovery by DNS finds nothing");
            return;
        }
    };
    let mut rounds = tokio::time::interval(found.refresh_interval.to_std());
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        teller.tell(groups(&lookup, &found).await).await;
    }
}

async fn groups(lookup: &Lookup, found: &DnsDiscovery) -> Result<Vec<Group>, String> {
    let kind = match found.kind {
        DnsRecord::SRV => Records::Srv,
        DnsRecord::A => Records::A,
        DnsRecord::AAAA => Records::Aaaa,
        DnsRecord::MX => Records::Mx,
        DnsRecord::NS => Records::Ns,
    };
    let mut groups = Vec::new();
    for name in &found.names {
        let records = lookup.records(name, kind, DISCOVERY_TIMEOUT).await.map_err(|fault| in_full(&fault))?;
        groups.extend(records.iter().map(|record| group(name, found, record)));
    }
    Ok(groups)
}

fn group(name: &str, found: &DnsDiscovery, record: &Record) -> Group {
    // Prometheus writes hosts of records with the dot at their end.
    let rooted = format!("{}.", record.host);
    let port = record.port.or(found.port).unwrap_or_default();
    let mut labels = std::collections::BTreeMap::new();
    let mut say = |name: &str, value: &str| _ = labels.insert(format!("__meta_dns_{name}"), value.to_owned());
    match found.kind {
        DnsRecord::SRV => {
            say("srv_record_target", &rooted);
            say("srv_record_port", &port.to_string());
        }
        DnsRecord::MX => say("mx_record_target", &rooted),
        DnsRecord::NS => say("ns_record_target", &rooted),
        DnsRecord::A | DnsRecord::AAAA => {}
    }
    let targets = vec![format!("{}:{port}", record.host)];
    Group::new(TargetGroup { targets, labels }, ("__meta_dns_name", name))
}

use crate::failure::in_full;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: DnsRecord, port: Option<u16>) -> DnsDiscovery {
        DnsDiscovery {
            names: vec!["shop.test".to_owned()],
            kind,
            port,
            refresh_interval: kernel::Span::from_secs(30),
        }
    }

    #[test]
    fn a_record_becomes_a_target_with_the_labels_that_prometheus_gives_it() {
        let record = |port| Record { host: "a.shop.test".to_owned(), port };
        let service = group("shop.test", &found(DnsRecord::SRV, None), &record(Some(8080)));
        assert_eq!(service.targets, ["a.shop.test:8080"]);
        assert_eq!(service.labels["__meta_dns_name"], "shop.test");
        assert_eq!(service.labels["__meta_dns_srv_record_target"], "a.shop.test.");
        assert_eq!(service.labels["__meta_dns_srv_record_port"], "8080");
        let mail = group("shop.test", &found(DnsRecord::MX, Some(9100)), &record(None));
        assert_eq!(mail.targets, ["a.shop.test:9100"]);
        assert_eq!(mail.labels["__meta_dns_mx_record_target"], "a.shop.test.");
    }
}
