/// In which format a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Prometheus text 0.0.4 (and 1.0.0, which adds quoted names).
    Text,
    /// OpenMetrics text 1.0.0 (and 0.0.1, its draft).
    OpenMetrics,
    /// Delimited `io.prometheus.client.MetricFamily`.
    MetricFamilies,
}

impl Protocol {
    /// What a `Content-Type` names; `None` where it names none of the three.
    pub fn of_content_type(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let media_type = parts.next()?.to_ascii_lowercase();
        let parameters: Vec<(&str, &str)> = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        let says = |name: &str, wanted: &str| {
            let found = parameters.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            found.is_none_or(|(_, value)| value.eq_ignore_ascii_case(wanted))
        };
        match media_type.as_str() {
            "text/plain" => Some(Protocol::Text),
            "application/openmetrics-text" => Some(Protocol::OpenMetrics),
            "application/vnd.google.protobuf"
                if says("proto", "io.prometheus.client.MetricFamily") && says("encoding", "delimited") =>
            {
                Some(Protocol::MetricFamilies)
            }
            _ => None,
        }
    }
}
