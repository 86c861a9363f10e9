//! What the directory promises: addresses and credentials are found, and forgotten on request.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use facts::configuration::{Channel, SecretRef};
use kernel::{PageId, PersonId, Refuse, Span, Timestamp};
use store::{
    ContactOwner, ContactRow, Directory, DirectoryError, DirectoryRefusal, Erased, TokenKind, limits,
};

const NOW: Timestamp = Timestamp::from_secs(1_795_167_000);
const PASSWORD: &str = "four words are enough";

struct Opened {
    directory: Directory,
    folder: tempfile::TempDir,
}

fn opened() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(&folder.path().join("directory.db")).unwrap();
    Opened { directory, folder }
}

/// Text as long as a secret has to be.
fn secret(name: &str) -> String {
    format!("{name:-<32}")
}

fn contact(id: &str, owner: ContactOwner, channel: Channel, address: &str) -> ContactRow {
    let secret = (channel == Channel::Webhook).then(|| SecretRef::Env("HOOK_SECRET".to_owned()));
    ContactRow { contact: id.into(), owner, channel, address: address.to_owned(), display_name: None, secret }
}

fn ana() -> PersonId {
    "ana".into()
}

/// Whether the text stands anywhere in the directory's files.
fn on_disk(folder: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn contacts_are_all_replaced_and_found_by_id() {
    let Opened { directory, folder } = opened();
    let mail = ContactRow {
        display_name: Some("Ana".to_owned()),
        ..contact("ana/email/0", ContactOwner::Person(ana()), Channel::Email, "ana@example.com")
    };
    let list = contact("list/ops", ContactOwner::List("ops".to_owned()), Channel::Email, "ops@example.com");
    let hook = contact(
        "webhook/chat",
        ContactOwner::Webhook("chat".to_owned()),
        Channel::Webhook,
        "https://example.com/h",
    );
    directory.replace_contacts(&[mail.clone(), list.clone(), hook.clone()]).unwrap();
    assert_eq!(directory.contacts().unwrap(), [mail, list.clone(), hook.clone()]);
    assert_eq!(directory.address(&"webhook/chat".into()).unwrap(), Some(hook.clone()));
    let moved = ContactRow { address: "https://example.com/moved".to_owned(), ..hook };
    directory.replace_contacts(&[moved.clone(), list]).unwrap();
    assert_eq!(directory.address(&"ana/email/0".into()).unwrap(), None);
    drop(directory);
    let again = Directory::open(&folder.path().join("directory.db")).unwrap();
    assert_eq!(again.address(&"webhook/chat".into()).unwrap(), Some(moved));
}

#[test]
fn a_token_is_found_by_its_secret_and_the_secret_is_not_kept() {
    let Opened { directory, folder } = opened();
    let (admin, ingest) = (secret("canary-admin"), secret("canary-ingest"));
    directory.create_token("first", TokenKind::Admin, &admin, NOW).unwrap();
    directory.create_token("agents", TokenKind::Ingest, &ingest, NOW + Span::from_secs(1)).unwrap();
    let found = directory.find_token(&ingest).unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.kind), ("agents", TokenKind::Ingest));
    assert_eq!(directory.find_token(&secret("canary-other")).unwrap(), None);
    assert_eq!(directory.find_token("").unwrap(), None);
    let names = |directory: &Directory| {
        let tokens = directory.tokens().unwrap().into_iter();
        tokens.map(|token| (token.name, token.kind)).collect::<Vec<_>>()
    };
    let both = [("agents".to_owned(), TokenKind::Ingest), ("first".to_owned(), TokenKind::Admin)];
    assert_eq!(names(&directory), both);
    assert!(!on_disk(folder.path(), "canary"));
    assert!(directory.revoke_token("agents").unwrap());
    assert!(!directory.revoke_token("agents").unwrap());
    assert_eq!(directory.find_token(&ingest).unwrap(), None);
    assert_eq!(names(&directory), both[1..]);
}

#[test]
fn a_token_s_name_stands_once() {
    let Opened { directory, .. } = opened();
    directory.create_token("agents", TokenKind::Ingest, &secret("one"), NOW).unwrap();
    let refused = directory.create_token("agents", TokenKind::Admin, &secret("two"), NOW);
    let Err(DirectoryError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal, DirectoryRefusal::TokenNameTaken);
    assert_eq!((refusal.code(), refusal.hint().is_some()), ("token_name_taken", true));
    assert_eq!(directory.find_token(&secret("two")).unwrap(), None);
}

#[test]
#[should_panic(expected = "a secret has at least 128 random bits")]
fn a_short_secret_is_a_bug_of_the_caller() {
    let _ = opened().directory.create_token("agents", TokenKind::Ingest, "hunter2", NOW);
}

#[test]
fn a_password_is_kept_as_argon2id_and_matches_its_person_only() {
    let Opened { directory, folder } = opened();
    directory.set_password(&ana(), PASSWORD).unwrap();
    assert!(directory.password_matches(&ana(), PASSWORD).unwrap());
    assert!(!directory.password_matches(&ana(), "four words are enougH").unwrap());
    assert!(!directory.password_matches(&"bertil".into(), PASSWORD).unwrap());
    assert!(!directory.password_matches(&ana(), &"x".repeat(limits::PASSWORD_BYTES_MAX + 1)).unwrap());
    assert!(on_disk(folder.path(), "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!on_disk(folder.path(), PASSWORD));
    let refusal = |password: &str| match directory.set_password(&ana(), password) {
        Err(DirectoryError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal("fourteen signs"), DirectoryRefusal::PasswordTooShort);
    assert_eq!(refusal(&"x".repeat(limits::PASSWORD_BYTES_MAX + 1)), DirectoryRefusal::PasswordTooLong);
}

#[test]
fn a_session_lasts_until_it_expires_or_ends() {
    let Opened { directory, folder } = opened();
    let (one, two) = (secret("canary-one"), secret("canary-two"));
    let hour = Span::from_hours(1);
    let session = directory.create_session(&one, &ana(), NOW, hour).unwrap();
    directory.create_session(&two, &"bertil".into(), NOW, hour).unwrap();
    let last_moment = NOW + hour - Span::from_millis(1);
    assert_eq!(directory.find_session(&one, last_moment).unwrap(), Some(session));
    assert_eq!(directory.find_session(&one, NOW + hour).unwrap(), None);
    assert!(directory.end_session(&one).unwrap());
    assert_eq!(directory.find_session(&one, NOW).unwrap(), None);
    assert!(directory.find_session(&two, NOW).unwrap().is_some());
    assert!(!on_disk(folder.path(), "canary"));
    assert_eq!(directory.remove_expired(last_moment).unwrap(), 0);
    assert_eq!(directory.remove_expired(NOW + hour).unwrap(), 1);
}

#[test]
fn one_session_too_many_ends_the_one_that_would_expire_first() {
    let Opened { directory, .. } = opened();
    for number in 0..=limits::SESSIONS_PER_PERSON_MAX as i64 {
        let lasts = Span::from_hours(100 - number);
        directory.create_session(&secret(&number.to_string()), &ana(), NOW, lasts).unwrap();
    }
    let there: Vec<i64> = (0..=limits::SESSIONS_PER_PERSON_MAX as i64)
        .filter(|number| directory.find_session(&secret(&number.to_string()), NOW).unwrap().is_some())
        .collect();
    let ended = limits::SESSIONS_PER_PERSON_MAX as i64 - 1;
    assert!(!there.contains(&ended), "the new one counts, and this one would have expired next");
    assert_eq!(there.len(), limits::SESSIONS_PER_PERSON_MAX);
}

#[test]
fn a_password_that_changes_signs_its_person_out() {
    let Opened { directory, .. } = opened();
    directory.create_session(&secret("one"), &ana(), NOW, Span::from_hours(1)).unwrap();
    directory.set_password(&ana(), PASSWORD).unwrap();
    assert_eq!(directory.find_session(&secret("one"), NOW).unwrap(), None);
}

#[test]
fn a_link_acknowledges_one_page_as_one_person_for_thirty_days() {
    let Opened { directory, folder } = opened();
    let one = secret("canary-link");
    directory.create_link(&one, PageId(7), &ana(), NOW).unwrap();
    directory.create_link(&one, PageId(8), &"bertil".into(), NOW).unwrap();
    for _ in 0..2 {
        let link = directory.find_link(&one, NOW).unwrap().unwrap();
        assert_eq!((link.page, link.person), (PageId(7), ana()), "it stays what it was, and is not used up");
    }
    assert_eq!(directory.find_link(&secret("canary-guess"), NOW).unwrap(), None);
    assert_eq!(directory.find_link(&one, NOW + limits::LINK_LASTS).unwrap(), None);
    assert_eq!(directory.remove_expired(NOW + limits::LINK_LASTS).unwrap(), 1);
    assert!(!on_disk(folder.path(), "canary"));
}

#[test]
fn an_erased_person_is_on_no_page_of_the_files() {
    let Opened { directory, folder } = opened();
    let mail = |id: &str, person: &str, address: &str| {
        contact(id, ContactOwner::Person(person.into()), Channel::Email, address)
    };
    let bertil = mail("bertil/email/0", "bertil", "bertil@example.com");
    let rows = [mail("ana/email/0", "ana", "ana@canary.example"), bertil.clone()];
    directory.replace_contacts(&rows).unwrap();
    directory.set_password(&ana(), PASSWORD).unwrap();
    for person in [ana(), "bertil".into()] {
        directory.create_session(&secret(person.as_str()), &person, NOW, Span::from_hours(1)).unwrap();
        directory.create_link(&secret(&format!("{person}-link")), PageId(7), &person, NOW).unwrap();
    }
    assert!(on_disk(folder.path(), "ana@canary.example"));
    let erased = directory.erase_person(&ana()).unwrap();
    assert_eq!(erased, Erased { contacts: 1, passwords: 1, sessions: 1, links: 1 });
    assert!(!on_disk(folder.path(), "ana@canary.example"));
    assert!(!on_disk(folder.path(), "argon2id"));
    assert!(!directory.password_matches(&ana(), PASSWORD).unwrap());
    assert_eq!(directory.find_session(&secret("ana"), NOW).unwrap(), None);
    assert_eq!(directory.find_link(&secret("ana-link"), NOW).unwrap(), None);
    assert_eq!(directory.contacts().unwrap(), [bertil]);
    assert!(directory.find_session(&secret("bertil"), NOW).unwrap().is_some());
    assert!(directory.find_link(&secret("bertil-link"), NOW).unwrap().is_some());
    assert_eq!(directory.erase_person(&ana()).unwrap(), Erased::default());
}
