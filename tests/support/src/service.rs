//! The service under test.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Deserialize;

use crate::addresses::Addresses;
use crate::person::Person;
use crate::program::{self, ServeProcess};
use crate::storage::Storage;

/// Names a file like this: what `easel serve --json` prints, and `tokens`.
const DEPLOYMENT: &str = "EASEL_TEST_DEPLOYMENT";

/// What lets people in.
#[derive(Debug, Clone, Deserialize)]
struct AccessTokens {
    creator: String,
    other_creator: String,
    reviewer: String,
    admin: String,
}

#[derive(Debug, Deserialize)]
struct Deployment {
    #[serde(flatten)]
    addresses: Addresses,
    tokens: AccessTokens,
}

/// The people of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Asks for images.
    Creator,
    /// Asks for others.
    OtherCreator,
    /// Decides.
    Reviewer,
    /// May do everything.
    Admin,
}

/// A service that answers.
#[derive(Debug)]
pub struct Service {
    /// Where it answers.
    pub addresses: Addresses,
    tokens: AccessTokens,
    process: Option<ServeProcess>,
}

impl Service {
    /// A service that draws, for tests that do not disturb each other.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Service>> = Mutex::new(Weak::new());
        Self::running(&SHARED, &[])
    }

    /// A service whose tasks stay pending, for tests that make many; a deployment draws them all the same.
    #[must_use]
    pub fn without_worker() -> Arc<Self> {
        static SHARED: Mutex<Weak<Service>> = Mutex::new(Weak::new());
        Self::running(&SHARED, &["--no-generate"])
    }

    /// A service for one test alone; `None` where the tests run against a deployment.
    #[must_use]
    pub fn alone() -> Option<Self> {
        Self::alone_with(&[])
    }

    /// Like [`Service::alone`], with options of `easel serve`.
    #[must_use]
    pub fn alone_with(options: &[&'static str]) -> Option<Self> {
        match deployment() {
            None => Some(Self::start(options)),
            Some(_) => {
                eprintln!("left out: a deployment is nothing to kill or to look inside");
                None
            }
        }
    }

    /// The tests hold the service, so that it ends with the last of them.
    fn running(shared: &Mutex<Weak<Self>>, options: &[&'static str]) -> Arc<Self> {
        let mut shared = shared.lock();
        shared.upgrade().unwrap_or_else(|| {
            let service = Arc::new(Self::of(deployment(), options));
            *shared = Arc::downgrade(&service);
            service
        })
    }

    fn of(deployment: Option<Deployment>, options: &[&'static str]) -> Self {
        match deployment {
            Some(Deployment { addresses, tokens }) => Self { addresses, tokens, process: None },
            None => Self::start(options),
        }
    }

    fn start(options: &[&'static str]) -> Self {
        let (process, ready) = ServeProcess::start(options);
        let data = process.data();
        let data = data.to_str().expect("a name in UTF-8");
        let token = |role: &str, name: &str| {
            let output = program::run(&mut program::easel(&["token", "--data", data, "--role", role, "--name", name]));
            assert_eq!(output.code, Some(0), "{output:?}");
            output.stdout.trim().to_owned()
        };
        let tokens = AccessTokens {
            creator: token("creator", "carla"),
            other_creator: token("creator", "chris"),
            reviewer: token("reviewer", "robin"),
            admin: token("admin", "ada"),
        };
        Self { addresses: read(&ready), tokens, process: Some(process) }
    }

    /// One of the people, with their token.
    #[must_use]
    pub fn person(&self, who: Who) -> Person {
        Person::new(&self.addresses.api, Some(self.token(who)))
    }

    /// Everybody that most tests need.
    #[must_use]
    pub fn people(&self) -> (Person, Person) {
        (self.person(Who::Creator), self.person(Who::Reviewer))
    }

    /// Somebody with this token, or none.
    #[must_use]
    pub fn bearer(&self, token: Option<&str>) -> Person {
        Person::new(&self.addresses.api, token)
    }

    /// One of the people's token.
    #[must_use]
    pub fn token(&self, who: Who) -> &str {
        match who {
            Who::Creator => &self.tokens.creator,
            Who::OtherCreator => &self.tokens.other_creator,
            Who::Reviewer => &self.tokens.reviewer,
            Who::Admin => &self.tokens.admin,
        }
    }

    /// What the service's S3 and DynamoDB hold.
    #[must_use]
    pub fn storage(&self) -> Storage {
        Storage::new(&self.addresses)
    }

    /// Whether it is `easel serve` that answers, and not a gateway in front of functions.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.process.is_some()
    }

    /// The folder of a service of our own.
    #[must_use]
    pub fn data(&self) -> Option<PathBuf> {
        Some(self.process.as_ref()?.data())
    }

    /// The secret that this machine's tokens are signed with.
    #[must_use]
    pub fn token_secret(&self) -> Option<String> {
        let secrets = fs::read_to_string(self.data()?.join("secrets.json")).expect("secrets");
        let secrets: serde_json::Value = serde_json::from_str(&secrets).expect("JSON");
        Some(secrets["token_secret"].as_str().expect("a text").to_owned())
    }

    /// Ends the service as a power cut would.
    pub fn kill(&mut self) {
        self.process.as_mut().expect("a service of our own").kill();
    }

    /// Starts it again where it was killed.
    pub fn start_again(&mut self) {
        self.addresses = read(&self.process.as_mut().expect("a service of our own").start_again());
    }
}

fn read(ready: &str) -> Addresses {
    serde_json::from_str(ready).unwrap_or_else(|error| panic!("{ready} does not say where everything is: {error}"))
}

fn deployment() -> Option<Deployment> {
    let path = std::env::var_os(DEPLOYMENT)?;
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{DEPLOYMENT}: {path:?}: {error}"));
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{DEPLOYMENT}: {path:?}: {error}")))
}
