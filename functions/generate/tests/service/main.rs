//! Workers against real services: DynamoDB and S3 in this process, the demo model on the CPU.

mod crashes;
mod enlarging;
mod faults;
mod generating;
mod interruptions;
mod lambda;
mod limits;
mod offers;
mod outages;
mod permits;
mod polling;
mod support;
mod uploads;
