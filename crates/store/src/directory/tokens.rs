use kernel::Timestamp;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

use super::{Directory, DirectoryError, DirectoryFault, DirectoryRefusal, digest_of, digest_of_new, same};
use crate::limits::TOKENS_MAX;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// Everything.
    Admin,
    /// To send samples, events and alerts.
    Ingest,
    /// To read, and to act in the API.
    Api,
}

impl TokenKind {
    /// The word that people and programs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ingest => "ingest",
            Self::Api => "api",
        }
    }

    fn from_word(word: &str) -> Result<Self, String> {
        match word {
            "admin" => Ok(Self::Admin),
            "ingest" => Ok(Self::Ingest),
            "api" => Ok(Self::Api),
            other => Err(format!("`{other}` is no kind of token")),
        }
    }
}

/// A program's credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// By which facts know it.
    pub name: String,
    /// What it may be used for.
    pub kind: TokenKind,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Directory {
    /// Keeps a token under a name that no other has. The secret is random text from the caller, shown once and
    /// stored as its SHA-256 only.
    ///
    /// # Panics
    /// Where the secret has fewer than [`SECRET_BYTES_MIN`](crate::limits::SECRET_BYTES_MIN) bytes.
    pub fn create_token(
        &self,
        name: &str,
        kind: TokenKind,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        let digest = digest_of_new(secret);
        let mut connection = self.connection();
        let mut create = || {
            let transaction = connection.transaction()?;
            let taken = transaction
                .query_row("SELECT 1 FROM tokens WHERE name = ?1", [name], |_| Ok(()))
                .optional()?;
            if taken.is_some() {
                return Ok(Err(DirectoryRefusal::TokenNameTaken));
            }
            if Self::count(&transaction, "SELECT count(*) FROM tokens")? >= TOKENS_MAX {
                return Ok(Err(DirectoryRefusal::TooManyTokens));
            }
            transaction.execute(
                "INSERT INTO tokens (name, kind, digest, created_at) VALUES (?1, ?2, ?3, ?4)",
                params![name, kind.as_str(), digest, now.as_millis()],
            )?;
            transaction.commit()?;
            Ok(Ok(()))
        };
        create().map_err(DirectoryFault::CreateToken)?.map_err(DirectoryError::Refused)
    }

    /// The token that has this secret.
    pub fn find_token(&self, secret: &str) -> Result<Option<Token>, DirectoryFault> {
        let digest = digest_of(secret);
        let connection = self.connection();
        let find = || {
            connection
                .prepare_cached("SELECT name, kind, created_at, digest FROM tokens WHERE digest = ?1")?
                .query_row([digest], |row| Ok((token_of(row)?, row.get(3)?)))
                .optional()
        };
        let found = find().map_err(DirectoryFault::ReadTokens)?;
        Ok(found.filter(|(_, stored)| same(*stored, digest)).map(|(token, _)| token))
    }

    /// All tokens, by name.
    pub fn tokens(&self) -> Result<Vec<Token>, DirectoryFault> {
        let connection = self.connection();
        let all = || {
            let mut statement =
                connection.prepare_cached("SELECT name, kind, created_at FROM tokens ORDER BY name")?;
            statement.query_map([], token_of)?.collect::<Result<Vec<_>, _>>()
        };
        all().map_err(DirectoryFault::ReadTokens)
    }

    /// Forgets a token; false where there was none of this name.
    pub fn revoke_token(&self, name: &str) -> Result<bool, DirectoryFault> {
        let removed = self.connection().execute("DELETE FROM tokens WHERE name = ?1", [name]);
        removed.map(|rows| rows > 0).map_err(DirectoryFault::RevokeToken)
    }
}

fn token_of(row: &Row<'_>) -> rusqlite::Result<Token> {
    let kind: String = row.get(1)?;
    let kind = TokenKind::from_word(&kind)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into()))?;
    Ok(Token { name: row.get(0)?, kind, created_at: Timestamp::from_millis(row.get(2)?) })
}
