//! The table itself, for machines where no template makes it.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
    GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};

use super::Store;
use super::indexes::{BY_OWNER, BY_STATUS, INDEXES, Index};
use super::rows::{EXPIRES, failed};
use crate::error::{Error, Result};

impl Store {
    /// Makes the table with its indexes and its time to live. One that is there from before it had these indexes gets them,
    /// and its tasks are counted; one from before tags had rows gets these.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn create_table(&self) -> Result<()> {
        let mut request = self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        for name in ["PK", "SK", BY_STATUS.key, BY_OWNER.key, "id"] {
            request = request.attribute_definitions(text(name)?);
        }
        let key = |name: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(incomplete)
        };
        request = request.key_schema(key("PK", KeyType::Hash)?).key_schema(key("SK", KeyType::Range)?);
        for index in INDEXES {
            request = request.global_secondary_indexes(index.definition().map_err(incomplete)?);
        }
        match request.send().await {
            Ok(_) => {}
            Err(error) if matches!(error.as_service_error(), Some(CreateTableError::ResourceInUseException(_))) => {
                return self.add_indexes().await;
            }
            Err(error) => return Err(failed(error)),
        }
        let expiry = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build();
        let request = self.client.update_time_to_live().table_name(&self.table);
        request.time_to_live_specification(expiry.map_err(incomplete)?).send().await.map_err(failed)?;
        self.has_all_tags().await
    }

    /// Gives an older table the indexes that it has not, takes those away that nobody reads any more, and counts its tasks.
    async fn add_indexes(&self) -> Result<()> {
        let described = self.client.describe_table().table_name(&self.table).send().await.map_err(failed)?;
        let there = described.table.and_then(|table| table.global_secondary_indexes).unwrap_or_default();
        let there: Vec<_> = there.into_iter().filter_map(|index| index.index_name).collect();
        let missing: Vec<_> =
            INDEXES.into_iter().filter(|index| !there.iter().any(|name| name == index.name)).collect();
        for index in &missing {
            self.add_index(*index).await?;
        }
        for name in there.into_iter().filter(|name| INDEXES.iter().all(|index| index.name != name)) {
            let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(name).build().map_err(incomplete)?;
            let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
            let request = self.client.update_table().table_name(&self.table).global_secondary_index_updates(update);
            request.send().await.map_err(failed)?;
        }
        if !missing.is_empty() {
            let counted = self.recount().await?;
            tracing::info!(counted, "the table has new indexes");
        }
        while !self.write_tags().await? {}
        Ok(())
    }

    async fn add_index(&self, index: Index) -> Result<()> {
        let create = CreateGlobalSecondaryIndexAction::builder().index_name(index.name).projection(Index::projection());
        let create =
            create.set_key_schema(Some(index.key_schema().map_err(incomplete)?)).build().map_err(incomplete)?;
        let update = GlobalSecondaryIndexUpdate::builder().create(create).build();
        let mut request = self.client.update_table().table_name(&self.table).global_secondary_index_updates(update);
        for name in [index.key, "id"] {
            request = request.attribute_definitions(text(name)?);
        }
        request.send().await.map_err(failed)?;
        Ok(())
    }
}

/// An attribute that keys have.
fn text(name: &str) -> Result<AttributeDefinition> {
    let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
    attribute.build().map_err(incomplete)
}

fn incomplete(error: BuildError) -> Error {
    Error::Internal(error.to_string())
}
