//! The conditions a write can depend on.

use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Result, s3_error};

use super::object::IndexedObject;

/// What must hold for the object of a key at the moment it is written or deleted.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// `If-Match`.
    pub(super) if_match: Option<ETagCondition>,
    /// `If-None-Match`, of which S3 knows only `*`.
    pub(super) if_none_match: Option<ETagCondition>,
}

impl Conditions {
    pub(super) fn check(&self, existing: Option<&IndexedObject>) -> S3Result<()> {
        match &self.if_none_match {
            None => {}
            Some(ETagCondition::ETag(_)) => return Err(s3_error!(NotImplemented, "If-None-Match takes only *")),
            Some(ETagCondition::Any) if existing.is_some() => {
                return Err(s3_error!(PreconditionFailed, "the key has an object already"));
            }
            Some(ETagCondition::Any) => {}
        }
        match (&self.if_match, existing) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "the key has no object")),
            (Some(ETagCondition::Any), Some(_)) => Ok(()),
            (Some(ETagCondition::ETag(expected)), Some(object)) => {
                if expected.strong_cmp(&ETag::Strong(object.e_tag.clone())) {
                    Ok(())
                } else {
                    Err(s3_error!(PreconditionFailed, "the object has another ETag"))
                }
            }
        }
    }
}
