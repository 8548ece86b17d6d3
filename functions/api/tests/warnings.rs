//! What the drawing has to say comes out wherever its task is shown.

use serde_json::{Value, json};

use crate::support::{TestApi, carla};

#[tokio::test]
async fn warnings_are_with_the_task_in_its_history_and_in_lists() {
    let api = TestApi::start().await;
    let carla = carla();
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let path = format!("/v1/tasks/{}", task.id);
    let shown = async |path: &str| api.call(&carla, "GET", path, &Value::Null).await.expect(200);
    assert_eq!(shown(&path).await["attempt"]["warnings"], json!([]));
    api.draw(&task, 1).await;
    // A worker may say as much as it likes; what is kept is what people read.
    let said = json!([format!("{}…", "w".repeat(199))]);
    assert_eq!(shown(&path).await["attempt"]["warnings"], said);
    assert_eq!(shown("/v1/tasks").await["tasks"][0]["attempt"]["warnings"], said);
    let history = shown(&format!("{path}/history")).await;
    assert_eq!(history["events"][2]["details"]["generation"]["warnings"], said);
}
