//! Times the service on this machine:
//!
//! - `functions [FOLDER]`: size, cold start and warm latency of the packaged functions (`cargo lambda build`) in FOLDER,
//!   against embedded services;
//! - `listing`: lists and reads of `easel serve` with few and with many tasks in the table;
//! - `load [SECONDS]`: mixed calls at a steady rate while images are drawn.
//!
//! Each prints a table in Markdown. `cargo bench --package easel --bench service -- NAME`.

mod functions;
mod listing;
mod load;
mod numbers;
mod tasks;

#[tokio::main]
async fn main() {
    // Cargo says `--bench` to every benchmark.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["functions"] => functions::run(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/lambda").as_ref()).await,
        ["functions", folder] => functions::run(folder.as_ref()).await,
        ["listing"] => listing::run().await,
        ["load"] => load::run(60).await,
        ["load", seconds] => load::run(seconds.parse().expect("a number of seconds")).await,
        _ => panic!("say one of: functions [FOLDER], listing, load [SECONDS]"),
    }
}
