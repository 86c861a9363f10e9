//! How much the demo keeps, and how long its characters wait.

use std::time::Duration;

/// Mails that the inbox keeps; the oldest give way.
pub(super) const MAILS_KEPT_MAX: usize = 200;
/// Bytes of one mail with its headers; a longer one is refused.
pub(super) const MAIL_BYTES_MAX: usize = 256 << 10;
/// Bytes of one SMTP command or line of a mail (RFC 5321, section 4.5.3.1, allows 512 and 1000).
pub(super) const SMTP_LINE_BYTES_MAX: usize = 2048;
/// Recipients of one mail.
pub(super) const RECIPIENTS_MAX: usize = 50;
/// Connections that the inbox serves at once; more wait to be accepted.
pub(super) const SMTP_CONNECTIONS_MAX: usize = 16;
/// How long a mail client may be silent.
pub(super) const SMTP_SILENCE_MAX: Duration = Duration::from_secs(60);

/// Request events that wait to be reported; the oldest give way.
pub(super) const EVENTS_HELD_MAX: usize = 10_000;
/// How long any request of the demo may take.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// When the deploy that breaks the checkout goes out.
pub(super) const DEPLOY_AFTER: Duration = Duration::from_secs(18);
/// How often the demo looks at Swan.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often an act is tried before the story goes on without it.
pub(super) const TRIES_MAX: u32 = 3;
/// How long somebody who watches, and took the page, may take for each act before the story goes on without them.
pub(super) const PATIENCE_WITH_WATCHER: Duration = Duration::from_secs(15);
/// How long the story may take where the demo ends with it.
pub(super) const STORY_TIMEOUT: Duration = Duration::from_secs(240);
