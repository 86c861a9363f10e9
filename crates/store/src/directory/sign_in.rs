use std::sync::PoisonError;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, password_hash};
use kernel::{PersonId, Span, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{Directory, DirectoryError, DirectoryFault, DirectoryRefusal, digest_of, digest_of_new, same};
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, SESSIONS_PER_PERSON_MAX};

/// A hash of no password that anybody knows: verifying somebody who has none takes as long as somebody who has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c3dhbi1ub2JvZHktc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A person who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub person: PersonId,
    /// When they have to sign in again.
    pub expires_at: Timestamp,
}

impl Directory {
    /// Gives a person a password and ends their sessions. Kept as argon2id with the parameters of the OWASP
    /// password storage recommendation (19 MiB, two passes, one lane), which are this crate's default.
    pub fn set_password(&self, person: &PersonId, password: &str) -> Result<(), DirectoryError> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(DirectoryError::Refused(DirectoryRefusal::PasswordTooShort));
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(DirectoryError::Refused(DirectoryRefusal::PasswordTooLong));
        }
        let phc = self.hash(password)?;
        let mut connection = self.connection();
        let mut set = || {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO passwords (person, phc) VALUES (?1, ?2)
                 ON CONFLICT (person) DO UPDATE SET phc = excluded.phc",
                params![person.as_str(), phc],
            )?;
            transaction.execute("DELETE FROM sessions WHERE person = ?1", [person.as_str()])?;
            transaction.commit()
        };
        Ok(set().map_err(DirectoryFault::SetPassword)?)
    }

    fn hash(&self, password: &str) -> Result<String, DirectoryFault> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(DirectoryFault::MakeSalt)?;
        let salt = SaltString::encode_b64(&salt).map_err(DirectoryFault::HashPassword)?;
        let _one_at_a_time = self.0.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
        Ok(hash.map_err(DirectoryFault::HashPassword)?.to_string())
    }

    /// Whether this is the person's password. Takes as long for a person who has none.
    pub fn password_matches(&self, person: &PersonId, password: &str) -> Result<bool, DirectoryFault> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let stored: Option<String> = self
            .connection()
            .query_row("SELECT phc FROM passwords WHERE person = ?1", [person.as_str()], |row| row.get(0))
            .optional()
            .map_err(DirectoryFault::ReadPassword)?;
        let hash =
            PasswordHash::new(stored.as_deref().unwrap_or(NOBODY)).map_err(DirectoryFault::HashPassword)?;
        let _one_at_a_time = self.0.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        match Argon2::default().verify_password(password.as_bytes(), &hash) {
            Ok(()) => Ok(stored.is_some()),
            Err(password_hash::Error::Password) => Ok(false),
            Err(error) => Err(DirectoryFault::HashPassword(error)),
        }
    }

    /// Signs a person in for so long. The secret is random text from the caller and stored as its SHA-256 only.
    /// Past [`SESSIONS_PER_PERSON_MAX`] the one that would expire first ends.
    ///
    /// # Panics
    /// Where the secret has fewer than [`SECRET_BYTES_MIN`](crate::limits::SECRET_BYTES_MIN) bytes.
    pub fn create_session(
        &self,
        secret: &str,
        person: &PersonId,
        now: Timestamp,
        lasts: Span,
    ) -> Result<Session, DirectoryFault> {
        let digest = digest_of_new(secret);
        let expires_at = now + lasts;
        let mut connection = self.connection();
        let mut create = || {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO sessions (digest, person, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
                params![digest, person.as_str(), now.as_millis(), expires_at.as_millis()],
            )?;
            transaction.execute(
                "DELETE FROM sessions WHERE person = ?1 AND digest <> ?2 AND digest NOT IN (
                    SELECT digest FROM sessions WHERE person = ?1 AND digest <> ?2
                    ORDER BY expires_at DESC LIMIT ?3)",
                params![person.as_str(), digest, SESSIONS_PER_PERSON_MAX as i64 - 1],
            )?;
            transaction.commit()
        };
        create().map_err(DirectoryFault::CreateSession)?;
        Ok(Session { person: person.clone(), expires_at })
    }

    /// The session that has this secret and has not expired.
    pub fn find_session(&self, secret: &str, now: Timestamp) -> Result<Option<Session>, DirectoryFault> {
        let digest = digest_of(secret);
        let connection = self.connection();
        let find = || {
            connection
                .prepare_cached("SELECT person, expires_at, digest FROM sessions WHERE digest = ?1")?
                .query_row([digest], |row| {
                    let person = PersonId::new(row.get::<_, String>(0)?);
                    let expires_at = Timestamp::from_millis(row.get(1)?);
                    Ok((Session { person, expires_at }, row.get(2)?))
                })
                .optional()
        };
        let found = find().map_err(DirectoryFault::ReadSession)?;
        let valid = found.filter(|(session, stored)| same(*stored, digest) && now < session.expires_at);
        Ok(valid.map(|(session, _)| session))
    }

    /// Signs out; false where there was no such session.
    pub fn end_session(&self, secret: &str) -> Result<bool, DirectoryFault> {
        let removed =
            self.connection().execute("DELETE FROM sessions WHERE digest = ?1", [digest_of(secret)]);
        removed.map(|rows| rows > 0).map_err(DirectoryFault::EndSession)
    }
}
