use kernel::{NotificationId, OverrideId, PageId, PersonId, PolicyId, Refuse, RotationId};

use crate::limits;

/// Why the on-call slice says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There never was such a page.
    NoSuchPage(PageId),
    /// The page is over.
    PageIsOver(PageId),
    /// Only people and programs with a token answer for a page.
    NobodyAnswers,
    /// The configuration has no such policy.
    NoSuchPolicy(PolicyId),
    /// A page needs a line that says what it is about.
    EmptyTitle,
    /// People opened too many pages.
    TooManyPages,
    /// Too many notifications of the page are on their way.
    TooManyPending(PageId),
    /// There never was such a notification.
    NoSuchNotification(NotificationId),
    /// The configuration has no such rotation.
    NoSuchRotation(RotationId),
    /// The configuration has no such person.
    NoSuchPerson(PersonId),
    /// The person could not be reached.
    PersonHasNoContact(PersonId),
    /// The override ends before it begins, or has ended.
    OverrideIsEmpty,
    /// The override is longer, or begins later, than overrides may.
    OverrideIsTooLong,
    /// Too many overrides are waiting.
    TooManyOverrides,
    /// There never was such an override.
    NoSuchOverride(OverrideId),
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchPage(_) => "no_such_page",
            Refusal::PageIsOver(_) => "page_is_over",
            Refusal::NobodyAnswers => "nobody_answers",
            Refusal::NoSuchPolicy(_) => "no_such_policy",
            Refusal::EmptyTitle => "empty_title",
            Refusal::TooManyPages => "too_many_pages",
            Refusal::TooManyPending(_) => "too_many_pending",
            Refusal::NoSuchNotification(_) => "no_such_notification",
            Refusal::NoSuchRotation(_) => "no_such_rotation",
            Refusal::NoSuchPerson(_) => "no_such_person",
            Refusal::PersonHasNoContact(_) => "person_has_no_contact",
            Refusal::OverrideIsEmpty => "override_is_empty",
            Refusal::OverrideIsTooLong => "override_is_too_long",
            Refusal::TooManyOverrides => "too_many_overrides",
            Refusal::NoSuchOverride(_) => "no_such_override",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::NoSuchPage(page) => format!("there is no page `{page}`"),
            Refusal::PageIsOver(page) => format!("`{page}` is over"),
            Refusal::NobodyAnswers => "only a person or a token can answer for a page".to_owned(),
            Refusal::NoSuchPolicy(policy) => format!("the configuration has no escalation policy `{policy}`"),
            Refusal::EmptyTitle => "the page has no title".to_owned(),
            Refusal::TooManyPages => {
                format!("{} pages opened by hand are open, which is the limit", limits::PAGES_BY_HAND_MAX)
            }
            Refusal::TooManyPending(page) => format!(
                "`{page}` has {} notifications on their way, which is the limit",
                limits::PENDING_PER_PAGE_MAX
            ),
            Refusal::NoSuchNotification(notification) => format!("there is no notification `{notification}`"),
            Refusal::NoSuchRotation(rotation) => format!("the configuration has no rotation `{rotation}`"),
            Refusal::NoSuchPerson(person) => format!("the configuration has no person `{person}`"),
            Refusal::PersonHasNoContact(person) => {
                format!("`{person}` has no contact, so nobody could be reached")
            }
            Refusal::OverrideIsEmpty => "the override ends before it begins, or has ended already".to_owned(),
            Refusal::OverrideIsTooLong => format!(
                "an override lasts at most {} and begins at most {} ahead",
                limits::OVERRIDE_LENGTH_MAX,
                limits::OVERRIDE_AHEAD_MAX
            ),
            Refusal::TooManyOverrides => {
                format!("{} overrides are waiting, which is the limit", limits::OVERRIDES_MAX)
            }
            Refusal::NoSuchOverride(id) => format!("there is no override `{id}`"),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Refusal::NoSuchPage(_) => "look for its id among the open pages",
            Refusal::PageIsOver(_) => "nothing is left to do: a new alert opens a new page",
            Refusal::NobodyAnswers => "sign in, or use the link in the message",
            Refusal::NoSuchPolicy(_)
            | Refusal::NoSuchRotation(_)
            | Refusal::NoSuchPerson(_)
            | Refusal::PersonHasNoContact(_) => "add it to the configuration and apply that",
            Refusal::EmptyTitle => "say in one line what is wrong",
            Refusal::TooManyPages => "resolve the pages that are dealt with",
            Refusal::TooManyPending(_) => "wait until they are handed over or given up",
            Refusal::OverrideIsEmpty => "give a time in the future that is after its beginning",
            Refusal::OverrideIsTooLong => "change the rotation's members instead",
            Refusal::TooManyOverrides => "take back those that are not needed",
            Refusal::NoSuchNotification(_) | Refusal::NoSuchOverride(_) => return None,
        };
        Some(hint.to_owned())
    }
}
