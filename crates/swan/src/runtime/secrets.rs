//! Secrets: made from the machine's randomness, or read where the configuration says they are. None is ever logged.

use facts::configuration::SecretRef;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 24;

/// A token that nobody can guess, in characters that are safe in a URL.
pub(crate) fn token() -> String {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes).expect("the machine has randomness");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The secret behind a reference.
pub(crate) fn resolve(reference: &SecretRef) -> Result<String, String> {
    match reference {
        SecretRef::Env(name) => {
            std::env::var(name).map_err(|_| format!("the environment has no variable `{name}`"))
        }
        SecretRef::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            .map_err(|error| format!("cannot read the secret file `{path}`: {error}")),
        SecretRef::Directory(name) => {
            Err(format!("`{name}` is in the directory, and only scraping asks there"))
        }
    }
}
