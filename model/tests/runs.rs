//! What generations give: in one go, and gone on with from every checkpoint.

use easel_model::{Checkpoint, Generation, Model, Request};

/// The bytes of every image.
pub(crate) fn bytes(mut run: Generation) -> Vec<u8> {
    run.finish().expect("the run ends well").iter().flat_map(|image| image.as_raw().clone()).collect()
}

/// The bytes of what `request` gives.
pub(crate) fn drawn(model: &Model, request: &Request) -> Vec<u8> {
    bytes(model.start(request.clone()).expect("the request is good"))
}

/// Goes on from the checkpoint before the first step and after each: the images are those of an unbroken run.
pub(crate) fn check_checkpoints(model: &Model, request: &Request) {
    let unbroken = drawn(model, request);
    let mut run = model.start(request.clone()).expect("the request is good");
    loop {
        let saved = run.checkpoint().to_bytes().expect("it can be saved");
        let checkpoint = Checkpoint::from_bytes(&saved).expect("it can be read");
        let resumed = model.resume_with(checkpoint, request.clone()).expect("it fits");
        assert_eq!((resumed.step(), resumed.total()), (run.step(), run.total()));
        assert!(bytes(resumed) == unbroken, "{:?}: after step {}", request.settings, run.step());
        if run.advance().expect("the step is done").is_none() {
            break;
        }
    }
}
