use kernel::{PageId, PersonId, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{Directory, DirectoryFault, digest_of, digest_of_new, same};
use crate::limits::LINK_LASTS;

/// What the link of a notification authorises: acknowledging this page as this person, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Which page.
    pub page: PageId,
    /// As whom.
    pub person: PersonId,
    /// When it was made; it is good for [`LINK_LASTS`].
    pub created_at: Timestamp,
}

impl Directory {
    /// Keeps a link. The secret is random text from the caller, stands in the link, and is stored as its SHA-256
    /// only. A link that is made again with the same secret stays as it was.
    ///
    /// # Panics
    /// Where the secret has fewer than [`SECRET_BYTES_MIN`](crate::limits::SECRET_BYTES_MIN) bytes.
    pub fn create_link(
        &self,
        secret: &str,
        page: PageId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<(), DirectoryFault> {
        let digest = digest_of_new(secret);
        let saved = self.connection().execute(
            "INSERT INTO links (digest, page, person, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (digest) DO NOTHING",
            params![digest, page.0 as i64, person.as_str(), now.as_millis()],
        );
        saved.map(drop).map_err(DirectoryFault::CreateLink)
    }

    /// What the link with this secret authorises; `None` where there is none, or its time is over. Opening a link
    /// does not use it up: mail programs open links before people do.
    pub fn find_link(&self, secret: &str, now: Timestamp) -> Result<Option<Link>, DirectoryFault> {
        let digest = digest_of(secret);
        let connection = self.connection();
        let find = || {
            connection
                .prepare_cached("SELECT page, person, created_at, digest FROM links WHERE digest = ?1")?
                .query_row([digest], |row| {
                    let link = Link {
                        page: PageId(row.get::<_, i64>(0)?.unsigned_abs()),
                        person: PersonId::new(row.get::<_, String>(1)?),
                        created_at: Timestamp::from_millis(row.get(2)?),
                    };
                    Ok((link, row.get(3)?))
                })
                .optional()
        };
        let found = find().map_err(DirectoryFault::ReadLink)?;
        let valid =
            found.filter(|(link, stored)| same(*stored, digest) && now - link.created_at < LINK_LASTS);
        Ok(valid.map(|(link, _)| link))
    }
}
