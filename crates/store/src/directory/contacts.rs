use facts::configuration::{Channel, SecretRef};
use kernel::{ContactId, PersonId};
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Directory, DirectoryFault};

/// Whose contact it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContactOwner {
    /// A person's; erased with them.
    Person(PersonId),
    /// A mail list's, by its name.
    List(String),
    /// A webhook's, by its name.
    Webhook(String),
}

impl ContactOwner {
    fn kind_and_name(&self) -> (&'static str, &str) {
        match self {
            Self::Person(person) => ("person", person.as_str()),
            Self::List(name) => ("list", name),
            Self::Webhook(name) => ("webhook", name),
        }
    }

    fn from_row(kind: &str, name: String) -> Result<Self, String> {
        match kind {
            "person" => Ok(Self::Person(PersonId::new(name))),
            "list" => Ok(Self::List(name)),
            "webhook" => Ok(Self::Webhook(name)),
            other => Err(format!("`{other}` is no kind of contact owner")),
        }
    }
}

/// Where a contact is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    /// By which facts know it.
    pub contact: ContactId,
    /// Whose it is.
    pub owner: ContactOwner,
    /// What carries it.
    pub channel: Channel,
    /// A mail address or a URL, as the channel has it.
    pub address: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// Where a webhook's signing secret is kept; never the secret.
    pub secret: Option<SecretRef>,
}

const COLUMNS: &str =
    "SELECT contact, owner_kind, owner, channel, address, display_name, secret FROM contacts";

impl Directory {
    /// Makes these all the contacts that there are, in one step: what a configuration no longer names is forgotten.
    pub fn replace_contacts(&self, rows: &[ContactRow]) -> Result<(), DirectoryFault> {
        let mut connection = self.connection();
        let mut replace = || {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM contacts", [])?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO contacts (contact, owner_kind, owner, channel, address, display_name, secret)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?;
                for row in rows {
                    let (kind, owner) = row.owner.kind_and_name();
                    insert.execute(params![
                        row.contact.as_str(),
                        kind,
                        owner,
                        as_text(&row.channel)?,
                        row.address,
                        row.display_name,
                        row.secret.as_ref().map(as_text).transpose()?
                    ])?;
                }
            }
            transaction.commit()
        };
        replace().map_err(DirectoryFault::ReplaceContacts)
    }

    /// Where this contact is reached; `None` where nobody knows.
    pub fn address(&self, contact: &ContactId) -> Result<Option<ContactRow>, DirectoryFault> {
        let connection = self.connection();
        let find = || {
            let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE contact = ?1"))?;
            statement.query_row([contact.as_str()], contact_of).optional()
        };
        find().map_err(DirectoryFault::ReadContacts)
    }

    /// All contacts, by id.
    pub fn contacts(&self) -> Result<Vec<ContactRow>, DirectoryFault> {
        let connection = self.connection();
        let all = || {
            let mut statement = connection.prepare_cached(&format!("{COLUMNS} ORDER BY contact"))?;
            statement.query_map([], contact_of)?.collect::<Result<Vec<_>, _>>()
        };
        all().map_err(DirectoryFault::ReadContacts)
    }
}

fn contact_of(row: &Row<'_>) -> rusqlite::Result<ContactRow> {
    let kind: String = row.get(1)?;
    let owner = ContactOwner::from_row(&kind, row.get(2)?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into()))?;
    let secret: Option<String> = row.get(6)?;
    Ok(ContactRow {
        contact: ContactId::new(row.get::<_, String>(0)?),
        owner,
        channel: from_text(3, &row.get::<_, String>(3)?)?,
        address: row.get(4)?,
        display_name: row.get(5)?,
        secret: secret.map(|text| from_text(6, &text)).transpose()?,
    })
}

fn as_text(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn from_text<T: DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
