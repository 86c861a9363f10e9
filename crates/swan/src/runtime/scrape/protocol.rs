//! The formats that a target is asked for, and how each is read.

use egress::header::HeaderValue;
use facts::configuration::{NameEscaping, NameValidation, ScrapeConfig, ScrapeProtocol};
use signals::exposition::Protocol;

/// Which formats a target is asked for, as Prometheus asks: the most wanted first, anything last.
pub(super) fn accepted(config: &ScrapeConfig) -> HeaderValue {
    use ScrapeProtocol as Asked;
    let escaping = match (config.metric_name_escaping_scheme, config.metric_name_validation_scheme) {
        (Some(NameEscaping::AllowUtf8), _) => "allow-utf-8",
        (Some(NameEscaping::Underscores), _) | (None, Some(NameValidation::Legacy)) => "underscores",
        (Some(NameEscaping::Dots), _) => "dots",
        (Some(NameEscaping::Values), _) => "values",
        (None, _) => "allow-utf-8",
    };
    let mut weight = 6;
    let mut ranges: Vec<String> = Vec::new();
    for protocol in config.protocols() {
        let range = match protocol {
            Asked::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
                    .to_owned()
            }
            Asked::OpenMetricsText100 => {
                format!("application/openmetrics-text;version=1.0.0;escaping={escaping}")
            }
            Asked::OpenMetricsText001 => "application/openmetrics-text;version=0.0.1".to_owned(),
            Asked::PrometheusText100 => format!("text/plain;version=1.0.0;escaping={escaping}"),
            Asked::PrometheusText004 => "text/plain;version=0.0.4".to_owned(),
        };
        ranges.push(format!("{range};q=0.{weight}"));
        weight = (weight - 1).max(1);
    }
    ranges.push(format!("*/*;q=0.{weight}"));
    HeaderValue::from_str(&ranges.join(",")).expect("media types are ASCII")
}

pub(super) fn protocol_of(configured: ScrapeProtocol) -> Protocol {
    match configured {
        ScrapeProtocol::PrometheusProto => Protocol::MetricFamilies,
        ScrapeProtocol::OpenMetricsText001 | ScrapeProtocol::OpenMetricsText100 => Protocol::OpenMetrics,
        ScrapeProtocol::PrometheusText004 | ScrapeProtocol::PrometheusText100 => Protocol::Text,
    }
}
