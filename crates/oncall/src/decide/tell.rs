use facts::OncallFact;
use facts::configuration::ContactRef;
use facts::oncall::Purpose;
use kernel::{NotificationId, PersonId, Timestamp};

use crate::limits::{BODY_BYTES_MAX, NOTIFICATIONS_PER_STEP_MAX, TITLE_BYTES_MAX};
use crate::words::shortened;
use crate::{Audience, State};

/// Where nobody is listed, or the person has no contact, nobody is told: what it is about stays visible elsewhere.
pub(super) fn tell(
    state: &State,
    now: Timestamp,
    audience: Audience,
    purpose: Purpose,
    subject: &str,
    body: &str,
) -> Vec<OncallFact> {
    let (person, contacts) = contacts_of(state, audience);
    let about = root_of_key(&purpose, now);
    let keyed = contacts.iter().map(|contact| (contact, format!("{about}/{}", contact.id)));
    let untold = keyed.filter(|(_, key)| !state.telling.contains_key(key)).take(NOTIFICATIONS_PER_STEP_MAX);
    let ids = state.last_notification.saturating_add(1)..;
    let intended = untold.zip(ids).map(|((contact, idempotency_key), id)| OncallFact::NotificationIntended {
        notification: NotificationId(id),
        purpose: purpose.clone(),
        person: person.clone(),
        contact: contact.id.clone(),
        channel: contact.channel,
        idempotency_key,
        subject: shortened(subject, TITLE_BYTES_MAX),
        body: shortened(body, BODY_BYTES_MAX),
    });
    intended.collect()
}

fn contacts_of(state: &State, audience: Audience) -> (Option<PersonId>, Vec<ContactRef>) {
    match audience {
        Audience::Person(person) => {
            let contacts = state.people.get(&person).cloned().unwrap_or_default();
            (Some(person), contacts)
        }
        Audience::ListOfService(service) => {
            let named = service.and_then(|service| state.services.get(&service)?.list.clone());
            let of_service = named.and_then(|name| state.lists.get(&name));
            let list = of_service.or_else(|| state.lists.get("default"));
            (None, list.cloned().into_iter().collect())
        }
    }
}

/// A reminder is repeated until its update comes, so its key also names when it was said.
fn root_of_key(purpose: &Purpose, now: Timestamp) -> String {
    match purpose {
        Purpose::Page { page, round, step } => format!("{page}/{round}/{step}"),
        Purpose::PageOver { page } => format!("{page}/over"),
        Purpose::HighPriority { group } => group.to_string(),
        Purpose::UpdateOverdue { incident, due } => format!("{incident}/{due}/{now}"),
        Purpose::DeadlineQuarantined { entry } => format!("quarantine/{entry}"),
    }
}
