//! Who may come in on one machine: the tokens that were issued, the links that sign in, and the record of both.
//!
//! `easel serve` and `easel token` work on the same database in the data folder, also at the same time.

mod audit;

use std::path::PathBuf;

use easel_api::{IssuedToken, Revocations, Token, TokenKey};
use easel_domain::identity::{Identity, Role};
use easel_system::files;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use crate::command_error::CommandError;
use crate::serve::DataFolder;
use audit::{Audit, AuditEvent};

const FILE: &str = "access.sqlite";
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA busy_timeout = 10000;
    CREATE TABLE IF NOT EXISTS tokens (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        issued INTEGER NOT NULL, -- seconds since 1970, as all times
        expires INTEGER NOT NULL,
        revoked INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sign_in_codes (
        hash TEXT NOT NULL PRIMARY KEY, -- the code itself is nowhere but in its link
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        expires INTEGER NOT NULL
    ) WITHOUT ROWID;";
/// For how long a link signs in.
pub(crate) const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// For how long somebody is signed in by a link.
pub(crate) const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// For how long a token that has ended is still listed.
const LISTED_AFTER_END: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The register of tokens in a data folder.
#[derive(Debug)]
pub(crate) struct Access {
    path: PathBuf,
    connection: Mutex<Connection>,
    audit: Audit,
}

/// How a token came to its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issue<'a> {
    /// It was printed.
    Printed,
    /// Somebody signed in with a link.
    SignIn,
    /// Somebody who is signed in made it.
    MadeBy(&'a str),
}

impl Access {
    /// The register of a data folder, made if there is none.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(folder: &DataFolder) -> Result<Self, CommandError> {
        let path = folder.place(FILE);
        // SQLite gives the files beside it the same permissions.
        let made = files::private_file(&path);
        made.map_err(|error| CommandError::failed(format!("--data: {}: {error}", path.display())))?;
        let opened = Connection::open(&path).and_then(|connection| {
            connection.execute_batch(SCHEMA)?;
            let ended = (Timestamp::now() - LISTED_AFTER_END).as_second();
            connection.execute("DELETE FROM tokens WHERE expires < ?1", [ended])?;
            connection.execute("DELETE FROM sign_in_codes WHERE expires < ?1", [ended])?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => {
                Ok(Self { path, connection: Mutex::new(connection), audit: Audit::new(folder.place(audit::FILE)) })
            }
            Err(error) => Err(CommandError::failed(format!(
                "--data: {} cannot be opened ({error}): restore it from a copy, or remove it and revoke nothing",
                path.display()
            ))),
        }
    }

    /// Issues a token and writes down that it did, before anybody gets it.
    ///
    /// # Errors
    /// It cannot be signed, or not be written down.
    pub(crate) fn issue(
        &self,
        key: &TokenKey,
        identity: &Identity,
        lifetime: SignedDuration,
        issue: Issue<'_>,
    ) -> Result<Token, CommandError> {
        let token = key.issue(identity, lifetime)?;
        let (name, role) = (&identity.name, identity.role.as_str());
        let values = params![token.id, name, role, token.issued_at.as_second(), token.expires_at.as_second()];
        let sql = "INSERT INTO tokens (id, name, role, issued, expires) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.connection.lock().execute(sql, values).map_err(|error| self.failed(&error))?;
        let (event, by) = match issue {
            Issue::Printed => (AuditEvent::TokenIssued, None),
            Issue::SignIn => (AuditEvent::SignedIn, None),
            Issue::MadeBy(by) => (AuditEvent::TokenIssued, Some(by)),
        };
        self.audit.write(event, Some(&token.id), name, role, Some(token.expires_at), by)?;
        Ok(token)
    }

    /// A code that signs somebody in once, within [`LINK_LIFETIME`].
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) fn new_code(&self, identity: &Identity) -> Result<String, CommandError> {
        let code = hex::encode(rand::random::<[u8; 32]>());
        let (name, role, expires) = (&identity.name, identity.role.as_str(), Timestamp::now() + LINK_LIFETIME);
        let sql = "INSERT INTO sign_in_codes (hash, name, role, expires) VALUES (?1, ?2, ?3, ?4)";
        let values = params![hash(&code), name, role, expires.as_second()];
        self.connection.lock().execute(sql, values).map_err(|error| self.failed(&error))?;
        self.audit.write(AuditEvent::LinkCreated, None, name, role, Some(expires), None)?;
        Ok(code)
    }

    /// Whom a code signs in; nobody if it was used, is too old, or was never given out. It is used up with this.
    ///
    /// # Errors
    /// The register cannot be read or written.
    pub(crate) fn use_code(&self, code: &str) -> Result<Option<Identity>, CommandError> {
        let sql = "DELETE FROM sign_in_codes WHERE hash = ?1 RETURNING name, role, expires";
        let found = self.connection.lock().query_row(sql, [hash(code)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        });
        let found = found.optional().map_err(|error| self.failed(&error))?;
        Ok(found.filter(|(_, _, expires)| Timestamp::now().as_second() < *expires).and_then(|(name, role, _)| {
            let role = Role::named(&role)?;
            Some(Identity::new(name, role))
        }))
    }

    /// Every token that was issued, the newest first.
    ///
    /// # Errors
    /// The register cannot be read.
    pub(crate) fn tokens(&self) -> Result<Vec<IssuedToken>, CommandError> {
        self.select("SELECT id, name, role, issued, expires, revoked FROM tokens ORDER BY issued DESC, id DESC", &[])
    }

    /// Revokes the token of this id, or every one of this name with its links; those that it revoked.
    ///
    /// # Errors
    /// The register cannot be written.
    pub(crate) fn revoke(&self, id_or_name: &str) -> Result<Vec<IssuedToken>, CommandError> {
        let now = Timestamp::now().as_second();
        let sql = "UPDATE tokens SET revoked = ?2 WHERE (id = ?1 OR name = ?1) AND revoked IS NULL AND expires > ?2
                   RETURNING id, name, role, issued, expires, revoked";
        let revoked = self.select(sql, &[&id_or_name, &now])?;
        let sql = "DELETE FROM sign_in_codes WHERE name = ?1";
        self.connection.lock().execute(sql, [id_or_name]).map_err(|error| self.failed(&error))?;
        self.record_revoked(&revoked, None)?;
        Ok(revoked)
    }

    /// So many tokens behind the one of this id, the newest first: those of this name, or everybody's.
    ///
    /// # Errors
    /// The register cannot be read.
    pub(crate) fn page(
        &self,
        name: Option<&str>,
        behind: Option<&str>,
        limit: usize,
    ) -> Result<Vec<IssuedToken>, CommandError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // Ids grow with time.
        let sql = "SELECT id, name, role, issued, expires, revoked FROM tokens
                   WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3";
        self.select(sql, &[&name, &behind, &limit])
    }

    /// How many tokens of this name are good.
    ///
    /// # Errors
    /// The register cannot be read.
    pub(crate) fn count_good(&self, name: &str) -> Result<usize, CommandError> {
        let sql = "SELECT count(*) FROM tokens WHERE name = ?1 AND revoked IS NULL AND expires > ?2";
        let count: i64 = self
            .connection
            .lock()
            .query_row(sql, params![name, Timestamp::now().as_second()], |row| row.get(0))
            .map_err(|error| self.failed(&error))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Revokes the good token of this id, if it is of this name or no name is given, for who asks for it.
    ///
    /// # Errors
    /// The register cannot be written.
    pub(crate) fn revoke_one(
        &self,
        id: &str,
        name: Option<&str>,
        by: &str,
    ) -> Result<Option<IssuedToken>, CommandError> {
        let now = Timestamp::now().as_second();
        let sql = "UPDATE tokens SET revoked = ?2 WHERE id = ?1 AND (?3 IS NULL OR name = ?3)
                   AND revoked IS NULL AND expires > ?2 RETURNING id, name, role, issued, expires, revoked";
        let revoked = self.select(sql, &[&id, &now, &name])?;
        self.record_revoked(&revoked, Some(by))?;
        Ok(revoked.into_iter().next())
    }

    fn record_revoked(&self, revoked: &[IssuedToken], by: Option<&str>) -> Result<(), CommandError> {
        revoked.iter().try_for_each(|token| {
            self.audit.write(AuditEvent::TokenRevoked, Some(&token.id), &token.name, &token.role, None, by)
        })
    }

    fn select(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<IssuedToken>, CommandError> {
        let connection = self.connection.lock();
        let rows = || connection.prepare_cached(sql)?.query_map(values, issued)?.collect::<rusqlite::Result<_>>();
        rows().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &rusqlite::Error) -> CommandError {
        CommandError::failed(format!("--data: {}: {error}", self.path.display()))
    }
}

impl Revocations for Access {
    fn is_revoked(&self, token_id: &str) -> Result<bool, String> {
        let connection = self.connection.lock();
        let sql = "SELECT 1 FROM tokens WHERE id = ?1 AND revoked IS NOT NULL";
        let found = connection.prepare_cached(sql).and_then(|mut statement| statement.exists([token_id]));
        found.map_err(|error| format!("whether a token was revoked, {} does not say: {error}", self.path.display()))
    }
}

fn issued(row: &Row<'_>) -> rusqlite::Result<IssuedToken> {
    let wrong = |error: jiff::Error| rusqlite::Error::UserFunctionError(error.to_string().into());
    let time = |second: i64| Timestamp::from_second(second).map_err(wrong);
    Ok(IssuedToken {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        issued_at: time(row.get(3)?)?,
        expires_at: time(row.get(4)?)?,
        revoked_at: row.get::<_, Option<i64>>(5)?.map(time).transpose()?,
    })
}

fn hash(code: &str) -> String {
    hex::encode(Sha256::digest(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::create(Some(&folder.path().join("data"))).expect("made");
        (folder, data)
    }

    fn key() -> TokenKey {
        TokenKey::new(b"a secret".to_vec())
    }

    #[test]
    fn a_code_signs_in_once_and_not_for_long() {
        let (_folder, data) = folder();
        let (here, there) = (Access::open(&data).expect("opened"), Access::open(&data).expect("opened twice"));
        let robin = Identity::new("robin", Role::Reviewer);
        let code = here.new_code(&robin).expect("a code");
        assert_eq!(there.use_code(&code).expect("read"), Some(robin.clone()));
        assert_eq!(here.use_code(&code).expect("read"), None, "it was used");
        assert_eq!(here.use_code("another").expect("read"), None);

        let old = here.new_code(&robin).expect("a code");
        let past = Timestamp::now().as_second() - 1;
        here.connection.lock().execute("UPDATE sign_in_codes SET expires = ?1", [past]).expect("aged");
        assert_eq!(here.use_code(&old).expect("read"), None, "it is too old");
        assert_eq!(here.use_code(&old).expect("read"), None);
    }

    #[test]
    fn what_is_revoked_is_known_at_once_to_who_has_the_register_open() {
        let (_folder, data) = folder();
        let (service, command) = (Access::open(&data).expect("opened"), Access::open(&data).expect("opened twice"));
        let hour = SignedDuration::from_hours(1);
        let issue = |name: &str| {
            let identity = Identity::new(name, Role::Creator);
            command.issue(&key(), &identity, hour, Issue::Printed).expect("a token").id
        };
        let (carla, chris, again) = (issue("carla"), issue("chris"), issue("chris"));
        let code = command.new_code(&Identity::new("chris", Role::Creator)).expect("a code");
        assert_eq!(service.tokens().expect("listed").len(), 3);
        assert!(!service.is_revoked(&carla).expect("known"));

        assert_eq!(command.revoke(&carla).expect("revoked").len(), 1);
        assert!(service.is_revoked(&carla).expect("known"));
        assert!(!service.is_revoked(&chris).expect("known"));
        assert_eq!(command.revoke("chris").expect("revoked").len(), 2);
        assert!(service.is_revoked(&chris).expect("known") && service.is_revoked(&again).expect("known"));
        assert_eq!(service.use_code(&code).expect("read"), None, "a link of somebody whose tokens are revoked");
        assert_eq!(command.revoke("chris").expect("nothing left").len(), 0);
        assert!(service.tokens().expect("listed").iter().all(|token| token.revoked_at.is_some()));
    }

    #[test]
    fn everything_is_on_record_and_nothing_that_lets_somebody_in() {
        let (_folder, data) = folder();
        let access = Access::open(&data).expect("opened");
        let carla = Identity::new("carla", Role::Creator);
        let token = access.issue(&key(), &carla, SignedDuration::from_hours(1), Issue::Printed).expect("a token");
        let code = access.new_code(&carla).expect("a code");
        access.issue(&key(), &carla, SESSION_LIFETIME, Issue::SignIn).expect("a token");
        access.revoke(&token.id).expect("revoked");

        let record = std::fs::read_to_string(data.place(audit::FILE)).expect("a record");
        assert!(!record.contains(&token.text) && !record.contains(&code), "{record}");
        let lines: Vec<serde_json::Value> =
            record.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().expect("a name")).collect();
        assert_eq!(events, ["token_issued", "link_created", "signed_in", "token_revoked"]);
        assert_eq!((&lines[0]["token_id"], &lines[0]["name"]), (&token.id.as_str().into(), &"carla".into()));
        assert_eq!(lines[3]["token_id"], token.id);
    }
}
