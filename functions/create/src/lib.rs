//! `POST /v1/tasks` and `POST /v1/uploads`.

use easel_core::error::{Error, Result, WrongField};
use easel_core::gallery::UPLOAD_TYPES;
use easel_core::http::{Answer, Call, Operation, Tag, TaskView};
use easel_core::order::Order;
use easel_core::services::Services;
use easel_core::store::IdempotencyKey;

/// The longest file that can be uploaded to start from, in bytes.
const MAX_UPLOAD: u64 = 20 * 1024 * 1024;
const MAX_KEY: usize = 255;

/// Answers a call of a route of this function.
///
/// # Errors
/// Whatever keeps it from being answered as asked.
pub async fn handle(services: Services, call: Call) -> Result<Answer> {
    match call.route.operation {
        Operation::CreateTask => create_task(&services, &call).await,
        Operation::CreateUpload => create_upload(&services, &call).await,
        _ => Err(Error::Internal(format!("{} is not a route of this function", call.route.path))),
    }
}

async fn create_task(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let identity = call.identity()?;
    let key = idempotency_key(call)?;
    let order = Order::read(call.fields()?)?;
    let workflow = &services.workflow;
    let task = workflow.create(order, identity, key.as_ref()).await?;
    let view = TaskView::new(&task, None, identity, &workflow.gallery).await?;
    let answer = Answer::json(201, &view)?.with("location", format!("/v1/tasks/{}", task.id));
    Ok(answer.with("etag", Tag::version(task.version)))
}

fn idempotency_key(call: &Call) -> Result<Option<IdempotencyKey>> {
    let Some(key) = call.header("idempotency-key") else { return Ok(None) };
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("must be 1 to {MAX_KEY} visible ASCII characters");
        return Err(Error::WrongParameters(vec![WrongField::new("Idempotency-Key", message)]));
    }
    let owner = call.identity()?.name.clone();
    Ok(Some(IdempotencyKey { owner, key: key.to_owned(), body_hash: call.body_hash() }))
}

async fn create_upload(services: &Services, call: &Call) -> Result<Answer> {
    call.parameters().finish()?;
    let mut fields = call.fields()?;
    let types: Vec<_> = UPLOAD_TYPES.iter().map(|(name, _)| *name).collect();
    let content_type = fields.choice("content_type", &types);
    let length = fields.whole("content_length", 1..=MAX_UPLOAD);
    for (name, is_missing) in [("content_type", content_type.is_none()), ("content_length", length.is_none())] {
        if is_missing && !fields.is_refused(name) {
            fields.refuse(name, "is missing: the URL is good for one type and length");
        }
    }
    fields.finish()?;
    let (content_type, length) = (content_type.unwrap_or_default(), length.unwrap_or_default());
    let extension =
        UPLOAD_TYPES.iter().find(|(name, _)| *name == content_type).map_or("png", |(_, extension)| extension);
    let upload = services.workflow.gallery.upload_url(&content_type, extension, length).await?;
    Answer::json(201, &upload)
}
