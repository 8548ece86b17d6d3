//! The table itself, for machines where no template makes it.

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};

use super::rows::{EXPIRES, failed};
use super::{Store, listing};
use crate::error::{Error, Result};

impl Store {
    /// Makes the table with its indexes and its time to live, unless it is there.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn create_table(&self) -> Result<()> {
        let incomplete = |error: aws_sdk_dynamodb::error::BuildError| Error::Internal(error.to_string());
        let mut request = self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        for name in ["PK", "SK", "status", "owner", "id"] {
            let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            request = request.attribute_definitions(attribute.build().map_err(incomplete)?);
        }
        let key = |name: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(incomplete)
        };
        request = request.key_schema(key("PK", KeyType::Hash)?).key_schema(key("SK", KeyType::Range)?);
        for (index, attribute) in [(listing::BY_STATUS, "status"), (listing::BY_OWNER, "owner")] {
            let index = GlobalSecondaryIndex::builder()
                .index_name(index)
                .key_schema(key(attribute, KeyType::Hash)?)
                .key_schema(key("id", KeyType::Range)?)
                .projection(Projection::builder().projection_type(ProjectionType::All).build());
            request = request.global_secondary_indexes(index.build().map_err(incomplete)?);
        }
        match request.send().await {
            Ok(_) => {}
            Err(error) if matches!(error.as_service_error(), Some(CreateTableError::ResourceInUseException(_))) => {
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        }
        let expiry = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build();
        let request = self.client.update_time_to_live().table_name(&self.table);
        request.time_to_live_specification(expiry.map_err(incomplete)?).send().await.map_err(failed)?;
        Ok(())
    }
}
