//! Workers against real services: DynamoDB and S3 in this process, the demo model on the CPU.

mod drawing;
mod faults;
mod interruptions;
mod lambda;
#[path = "../../../../tests/lambda_runtime.rs"]
mod lambda_runtime;
mod polling;
mod support;
mod uploads;
