//! Bytes that are no good checkpoint: a clear error, never a panic, never a long wait.

use easel_model::scheduler::Sampler;
use easel_model::{Checkpoint, DevicePreference, Error, Model, ResolvedSettings};
use rand_mt::Mt64;

use crate::common::demo_model;

fn checkpoint(model: &Model) -> Vec<u8> {
    let request = ResolvedSettings {
        steps: 5,
        width: Some(64),
        height: Some(64),
        scheduler: Some(Sampler::UniPc.into()),
        ..ResolvedSettings::new("a red circle on a blue background")
    };
    let mut run = model.start(request).expect("the run starts");
    run.advance().expect("the step is done");
    run.advance().expect("the step is done");
    run.checkpoint().to_bytes().expect("it can be saved")
}

/// Magic, version and checksum come before the fields.
const FIELDS: usize = 16;

/// Makes the checksum right, so that the fields themselves are read.
fn seal(bytes: &mut [u8]) {
    let checksum = crc32fast::hash(&bytes[FIELDS..]).to_le_bytes();
    bytes[12..FIELDS].copy_from_slice(&checksum);
}

fn read(model: &Model, bytes: &[u8]) {
    match Checkpoint::from_bytes(bytes).and_then(|checkpoint| model.resume(checkpoint)) {
        Ok(run) => assert!(run.settings().validate().is_ok()),
        Err(Error::Checkpoint(message)) => assert!(message.contains("start the image again"), "{message}"),
        Err(Error::InvalidRequest { .. }) => {}
        Err(other) => panic!("not the checkpoint is blamed but: {other}"),
    }
}

#[test]
fn a_hundred_thousand_damaged_checkpoints() {
    let model = demo_model(DevicePreference::Flex, None);
    let good = checkpoint(&model);
    let mut random = Mt64::new(1);
    let mut below = |bound: usize| (random.next_u64() % bound as u64) as usize;
    for _ in 0..100_000 {
        let mut bytes = good.clone();
        for _ in 0..=below(3) {
            // Most damage is done to the short fields at the beginning and the end, where it changes what is read.
            let place = match below(3) {
                0 => FIELDS + below(200),
                1 => bytes.len() - 1 - below(40),
                _ => below(bytes.len()),
            };
            bytes[place] = below(256) as u8;
        }
        if below(5) == 0 {
            bytes.truncate(below(bytes.len()));
        }
        if below(10) != 0 && bytes.len() > FIELDS {
            seal(&mut bytes);
        }
        read(&model, &bytes);
    }
}

#[test]
fn each_kind_of_damage_is_named() {
    let model = demo_model(DevicePreference::Flex, None);
    let good = checkpoint(&model);
    let message = |bytes: &[u8]| Checkpoint::from_bytes(bytes).expect_err("it is damaged").to_string();
    assert!(message(b"").contains("not a checkpoint"));
    assert!(message(b"PK\x03\x04 something else").contains("not a checkpoint"));
    assert!(message(&good[..10]).contains("cut short"));
    assert!(message(&good[..good.len() - 1]).contains("damaged"));
    for other in [5, 7] {
        let mut bytes = good.clone();
        bytes[8] = other;
        let said = message(&bytes);
        assert!(said.contains(&format!("version {other}")) && said.contains("reads version 6"), "{said}");
    }
    let mut longer = good.clone();
    longer.push(0);
    seal(&mut longer);
    assert!(message(&longer).contains("left over"));
}
