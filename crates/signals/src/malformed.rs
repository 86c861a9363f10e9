use std::borrow::Cow;
use std::fmt::{self, Write};

use kernel::Refuse;

use crate::limits::TEXT_SHOWN_CHARS_MAX;

/// The format that some input was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines of an HTTP server's access log.
    AccessLog,
    /// Snapshots of the NGINX Plus status page.
    NginxStatus,
    /// Request events.
    Events,
    /// The Prometheus text format.
    Exposition,
    /// OpenMetrics text.
    OpenMetrics,
    /// The protobuf exposition format.
    MetricFamilies,
    /// Prometheus remote write.
    RemoteWrite,
}

/// Why some input was refused: where it stands, what it is, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What the input was read as.
    pub format: Format,
    /// The line, from 1; 0 where one line was read by itself or the format has no lines.
    pub line: u64,
    /// Bytes before the offending text in its line, or in the decoded body where the format has no lines.
    pub offset: usize,
    /// What is wrong, without the text and the place.
    pub what: Cow<'static, str>,
    /// The offending text, shortened and printable; may be empty.
    pub text: String,
    /// What to do instead, where there is something.
    pub hint: Option<Cow<'static, str>>,
}

impl Malformed {
    pub(crate) fn new(
        format: Format,
        offset: usize,
        text: &[u8],
        what: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { format, line: 0, offset, what: what.into(), text: shortened(text), hint: None }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error, in this line of a file or body.
    #[must_use]
    pub fn in_line(mut self, line: u64) -> Self {
        self.line = line;
        self
    }
}

impl Refuse for Malformed {
    fn code(&self) -> &'static str {
        match self.format {
            Format::AccessLog => "malformed_access_log",
            Format::NginxStatus => "malformed_nginx_status",
            Format::Events => "malformed_events",
            Format::Exposition => "malformed_exposition",
            Format::OpenMetrics => "malformed_openmetrics",
            Format::MetricFamilies => "malformed_metric_families",
            Format::RemoteWrite => "malformed_remote_write",
        }
    }

    fn sentence(&self) -> String {
        let line = if self.line == 0 { String::new() } else { format!("line {}, ", self.line) };
        let text = if self.text.is_empty() { String::new() } else { format!(": `{}`", self.text) };
        format!("{line}byte {}: {}{text}", self.offset, self.what)
    }

    fn hint(&self) -> Option<String> {
        self.hint.as_deref().map(str::to_owned)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Malformed {}

/// Text for an error message: at most [`TEXT_SHOWN_CHARS_MAX`] characters, no control characters, always UTF-8.
pub fn shortened(text: &[u8]) -> String {
    // Four bytes a character is the longest UTF-8; one more tells whether anything was left out.
    let head = &text[..text.len().min((TEXT_SHOWN_CHARS_MAX + 1) * 4)];
    let lossy = String::from_utf8_lossy(head);
    let mut shown = String::new();
    for (i, c) in lossy.chars().enumerate() {
        if i == TEXT_SHOWN_CHARS_MAX {
            shown.push('…');
            break;
        }
        if c.is_control() {
            // Writing to a String never fails.
            let _ = write!(shown, "\\x{:02x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sees_no_control_characters_and_no_endless_lines() {
        assert_eq!(shortened(b"a\x1b[31mb\xff"), "a\\x1b[31mb\u{fffd}");
        let long = shortened("é".repeat(1000).as_bytes());
        assert_eq!(long.chars().count(), TEXT_SHOWN_CHARS_MAX + 1);
        assert!(long.ends_with('…'));
        assert_eq!(shortened(&[b'x'; 80]).chars().count(), 80);
    }

    #[test]
    fn an_error_says_where_what_and_what_instead() {
        let error =
            Malformed::new(Format::Events, 7, b"nmae", "unknown key").hint("did you mean `name`?").in_line(3);
        assert_eq!(error.to_string(), "line 3, byte 7: unknown key: `nmae` (hint: did you mean `name`?)");
    }
}
