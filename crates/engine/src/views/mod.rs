//! What people and programs are shown, made of several slices. Views are functions of the World (and, for stories,
//! of entries that a stream is read from); nothing here is state.

mod group;
mod status_page;
mod story;
mod words;

pub use group::group_in_words;
pub use status_page::{BAR_DAYS, ComponentView, DayBar, ServiceView, StatusPageView, status_page};
pub use story::{post_mortem_markdown, streams_of_incident, streams_of_page, timeline};
pub use words::in_words;
