//! A call of the API, taken apart.

use lambda_http::{Body, Request, RequestExt};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::identification::Identification;
use super::routes::{self, Route};
use crate::error::{Error, Result, WrongField};
use crate::fields::Fields;
use crate::identity::{Identity, Role};

/// The longest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// A call of a known route by a known caller.
#[derive(Debug)]
pub struct Call {
    /// Where it goes.
    pub route: &'static Route,
    id: Option<String>,
    identity: Option<Identity>,
    headers: Vec<(String, String)>,
    parameters: Parameters,
    body: Vec<u8>,
}

impl Call {
    /// Takes a request apart.
    ///
    /// # Errors
    /// Unknown routes, unknown callers, callers whose role does not do, over-long bodies.
    pub fn new(request: &Request, identification: &Identification) -> Result<Self> {
        let (route, id) = routes::find(request.method().as_str(), request.raw_http_path())?;
        let identity = match route.role {
            None => None,
            Some(needed) => Some(known(identification.identify(request)?, needed)?),
        };
        let body = match request.body() {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes.as_slice(),
            _ => &[],
        };
        if body.len() > MAX_BODY {
            return Err(Error::TooLong { length: body.len(), limit: MAX_BODY });
        }
        let headers = request.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into()));
        let parameters = request.query_string_parameters();
        let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self {
            route,
            id,
            identity,
            headers: headers.collect(),
            parameters: Parameters::new(parameters),
            body: body.to_vec(),
        })
    }

    /// Who calls.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] on a route that is open to everybody.
    pub fn identity(&self) -> Result<&Identity> {
        self.identity.as_ref().ok_or_else(|| Error::Unauthenticated("this needs a token".to_owned()))
    }

    /// The task in the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the path has none or no id.
    pub fn task(&self) -> Result<Uuid> {
        let id = self.id.as_deref().unwrap_or_default();
        id.parse().map_err(|_| Error::NotFound(format!("there is no task {id}: ids are UUIDs")))
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// Every header of this name.
    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The query parameters.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }

    /// The fields of the body.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn fields(&self) -> Result<Fields> {
        Fields::parse(&self.body)
    }

    /// A hash of what the body says: however it is laid out, the same fields have the same hash.
    #[must_use]
    pub fn body_hash(&self) -> String {
        let body = serde_json::from_slice::<Value>(&self.body).map(|value| value.to_string().into_bytes());
        let hash = Sha256::digest(body.unwrap_or_else(|_| self.body.clone()));
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The version in `If-Match`, if the caller cares.
    ///
    /// # Errors
    /// [`Error::WrongParameters`] if it is no version of a task.
    pub fn expected_version(&self) -> Result<Option<u64>> {
        let Some(header) = self.header("if-match").map(str::trim).filter(|header| *header != "*") else {
            return Ok(None);
        };
        let number = header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')?.parse().ok());
        let wrong = || WrongField::new("If-Match", "is no version of a task: send the `ETag` that came with it");
        number.map(Some).ok_or_else(|| Error::WrongParameters(vec![wrong()]))
    }
}

fn known(identity: Identity, needed: Role) -> Result<Identity> {
    if identity.role < needed {
        return Err(Error::Forbidden { needed, role: identity.role });
    }
    Ok(identity)
}

/// Query parameters that nobody has read yet, and what was wrong with those that were.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    unread: Vec<(String, String)>,
    known: Vec<&'static str>,
    wrong: Vec<WrongField>,
}

impl Parameters {
    fn new(parameters: Vec<(String, String)>) -> Self {
        Self { unread: parameters, ..Self::default() }
    }

    /// A parameter as `read` understands it; what it says of others is refused with `advice`.
    pub fn read<T>(&mut self, name: &'static str, advice: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.known.push(name);
        let mut values: Vec<_> = self.unread.extract_if(.., |(other, _)| other == name).collect();
        let (_, value) = values.pop()?;
        if !values.is_empty() {
            self.wrong.push(WrongField::new(name, "is given more than once"));
            return None;
        }
        let result = read(&value);
        if result.is_none() {
            self.wrong.push(WrongField::new(name, format!("`{value}` {advice}")));
        }
        result
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::WrongParameters`] with every wrong parameter, those that nobody asked for among them.
    pub fn finish(mut self) -> Result<()> {
        let known = if self.known.is_empty() { "there are none here".into() } else { self.known.join(", ") };
        let unknown = self.unread.iter().map(|(name, _)| name);
        self.wrong.extend(unknown.map(|name| WrongField::new(name, format!("is not a parameter; there are: {known}"))));
        if self.wrong.is_empty() { Ok(()) } else { Err(Error::WrongParameters(self.wrong)) }
    }
}
