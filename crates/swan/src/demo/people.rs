//! The players: the people of the shop who can answer a page.

/// Somebody who can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Player {
    /// First on call. She sleeps and opens no mail.
    Ana,
    /// Second on call. He answers.
    Bo,
    /// On neither rotation.
    Chi,
}

impl Player {
    pub(super) const ALL: [Self; 3] = [Self::Ana, Self::Bo, Self::Chi];

    /// Their key in the configuration.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Ana => "ana",
            Self::Bo => "bo",
            Self::Chi => "chi",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ana => "Ana",
            Self::Bo => "Bo",
            Self::Chi => "Chi",
        }
    }

    /// Shown on the demo's page: it opens nothing but this demo, which trusts everybody on this machine anyway.
    pub(super) fn password(self) -> &'static str {
        match self {
            Self::Ana => "fernhill shop ana",
            Self::Bo => "fernhill shop bo!",
            Self::Chi => "fernhill shop chi",
        }
    }

    pub(super) fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|player| player.id() == id)
    }
}
