//! What people look at.

use facts::configuration::Rotation;
use facts::oncall::Because;
use kernel::{GroupId, NotificationId, PageId, PersonId, RotationId, Timestamp};

use crate::calendar::{self, Override, Shift};
use crate::limits::SHIFT_HORIZON;
use crate::{Header, Notification, Page, State};

/// Who is on call in a rotation at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The rotation.
    pub rotation: RotationId,
    /// Who, and why; `None` where the rotation has no members.
    pub person: Option<(PersonId, Because)>,
    /// When somebody else takes over; `None` where nobody does within [`SHIFT_HORIZON`].
    pub until: Option<Timestamp>,
    /// Who takes over then.
    pub next: Option<PersonId>,
}

impl State {
    /// Open pages, oldest first.
    pub fn open_pages(&self) -> impl Iterator<Item = &Page> {
        self.open.values()
    }

    /// An open page.
    pub fn page(&self, id: PageId) -> Option<&Page> {
        self.open.get(&id)
    }

    /// The open page of a group.
    pub fn page_of_group(&self, group: GroupId) -> Option<&Page> {
        self.by_group.get(&group).and_then(|id| self.open.get(id))
    }

    /// Headers of pages that are over and still in memory, newest first.
    pub fn closed_pages(&self) -> impl Iterator<Item = &Header> {
        self.closed.values().rev()
    }

    /// The header of a page that is over.
    pub fn closed_page(&self, id: PageId) -> Option<&Header> {
        self.closed.get(&id)
    }

    /// The notifications of an open page that are in memory, oldest first.
    pub fn notifications_of<'a>(&'a self, page: &'a Page) -> impl Iterator<Item = &'a Notification> {
        page.notifications.iter().filter_map(|id| self.notifications.get(id))
    }

    /// A notification that is in memory. A delivery worker looks here right before it sends: an attempt that is no
    /// longer [`Notification::due_attempt`] must not go out.
    pub fn notification(&self, id: NotificationId) -> Option<&Notification> {
        self.notifications.get(&id)
    }

    /// Notifications that still are to be handed over.
    pub fn pending_notifications(&self) -> impl Iterator<Item = &Notification> {
        self.notifications.values().filter(|notification| notification.is_pending())
    }

    /// Rotations of the configuration in force.
    pub fn rotations(&self) -> impl Iterator<Item = (&RotationId, &Rotation)> {
        self.rotations.iter()
    }

    /// Overrides that are not over at an instant, in the order in which they were entered.
    pub fn overrides(&self, at: Timestamp) -> impl Iterator<Item = &Override> {
        self.overrides.values().filter(move |known| known.until > at)
    }

    /// Who is on call in every rotation.
    pub fn who(&self, at: Timestamp) -> Vec<Duty> {
        self.rotations.keys().map(|rotation| self.duty(rotation, at)).collect()
    }

    fn duty(&self, rotation: &RotationId, at: Timestamp) -> Duty {
        let end = at + SHIFT_HORIZON;
        let mut shifts = self.shifts(rotation, at, end).into_iter();
        let now = shifts.next().filter(|shift| shift.from == at);
        let person = now.as_ref().map(|shift| (shift.person.clone(), shift.because.clone()));
        let mut until = now.map(|shift| shift.until);
        // The same person in two shifts is relieved at the end of the second.
        let next = shifts.find(|shift| {
            let relieved = person.as_ref().is_none_or(|(person, _)| shift.person != *person);
            if !relieved {
                until = Some(shift.until);
            }
            relieved
        });
        let until = next.as_ref().map(|shift| shift.from).or(until).filter(|until| *until < end);
        Duty { rotation: rotation.clone(), person, until, next: next.map(|shift| shift.person) }
    }

    /// The shifts of a rotation between two instants, overrides included; none where there is no such rotation.
    pub fn shifts(&self, rotation: &RotationId, from: Timestamp, until: Timestamp) -> Vec<Shift> {
        self.rotations.get(rotation).map_or_else(Vec::new, |found| {
            calendar::shifts(rotation, found, &self.overrides_of(rotation), from, until)
        })
    }
}
