//! What a reader that federates takes: which names, and in which format.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};

/// What a reader takes of names beyond letters, digits, underscores and colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// None: other characters become underscores.
    Old,
    /// All, in quotes.
    Any,
}

impl Names {
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let takes_any = accepted
            .flat_map(|value| value.split(';'))
            .any(|part| part.split(',').any(|part| part.trim().eq_ignore_ascii_case("escaping=allow-utf-8")));
        if takes_any { Names::Any } else { Names::Old }
    }

    pub(super) fn content_type(self, format: Format) -> &'static str {
        match (format, self) {
            (Format::Text, Names::Old) => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            (Format::Text, Names::Any) => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
            (Format::Families, Names::Old) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores"
            }
            (Format::Families, Names::Any) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8"
            }
        }
    }

    /// A name as the reader takes it.
    pub(super) fn shown(self, name: &str) -> Cow<'_, str> {
        match self {
            Names::Old if !is_plain(name) => plain(name).into(),
            _ => name.into(),
        }
    }
}

/// In which of its two forms the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Families,
}

impl Format {
    /// The one that the reader likes best; text where it likes none more.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let (mut text, mut families) = (0.0_f32, 0.0_f32);
        for clause in accepted.flat_map(|value| value.split(',')) {
            let mut parts = clause.split(';').map(|part| part.trim().to_ascii_lowercase());
            let kind = parts.next().unwrap_or_default();
            let parameters: Vec<String> = parts.collect();
            let weight = parameters.iter().find_map(|part| part.strip_prefix("q=")?.trim().parse().ok());
            let weight = weight.unwrap_or(1.0_f32);
            let has = |parameter: &str| parameters.iter().any(|part| part == parameter);
            match &*kind {
                "text/plain" | "text/*" | "*/*" => text = text.max(weight),
                "application/vnd.google.protobuf"
                    if has("proto=io.prometheus.client.metricfamily") && has("encoding=delimited") =>
                {
                    families = families.max(weight);
                }
                _ => {}
            }
        }
        if families > text { Format::Families } else { Format::Text }
    }
}

/// Whether a name is one of before UTF-8.
pub(super) fn is_plain(name: &str) -> bool {
    let fits = |(place, c): (usize, char)| {
        c.is_ascii_alphabetic() || c == '_' || c == ':' || (place > 0 && c.is_ascii_digit())
    };
    !name.is_empty() && name.chars().enumerate().all(fits)
}

pub(super) fn plain(name: &str) -> String {
    let fitting = |(place, c): (usize, char)| {
        let fits = c.is_ascii_alphabetic() || c == '_' || c == ':' || (place > 0 && c.is_ascii_digit());
        if fits { c } else { '_' }
    };
    name.chars().enumerate().map(fitting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_the_reader_likes_best() {
        let wanted = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            (Format::wanted(&headers), Names::wanted(&headers))
        };
        // A Prometheus that scrapes native histograms, and one that does not.
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,\
                      application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                      application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                      text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert_eq!(wanted(native), (Format::Families, Names::Any));
        let classic = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(wanted(classic), (Format::Text, Names::Any));
        for text in ["*/*", "text/plain", "application/vnd.google.protobuf", "application/json"] {
            assert_eq!(wanted(text), (Format::Text, Names::Old), "{text}");
        }
        let least = "text/plain, application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; q=0.5";
        assert_eq!(wanted(least).0, Format::Text);
        assert_eq!(Format::wanted(&HeaderMap::new()), Format::Text);
    }
}
