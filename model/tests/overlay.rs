//! Networks of the reference data that are mostly the demo model's UNet: only what differs is kept (`assemble.py`).

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// Writes `config.json` and `diffusion_pytorch_model.safetensors` of the folder `overlay`, which is about the UNet in the folder
/// `unet`, to the folder `to`.
pub(crate) fn assemble(unet: &Path, overlay: &Path, to: &Path) {
    let read = |path: &Path| std::fs::read(path).expect("the tensors are there");
    let own = read(&overlay.join("overlay.safetensors"));
    let base = read(&unet.join("diffusion_pytorch_model.safetensors"));
    let (_, header) = SafeTensors::read_metadata(&own).expect("a header");
    let from_base = header.metadata().as_ref().and_then(|metadata| metadata.get("from_base")).expect("a list");
    let from_base: Vec<String> = serde_json::from_str(from_base).expect("a list of names");
    let own = SafeTensors::deserialize(&own).expect("the tensors are well formed");
    let base = SafeTensors::deserialize(&base).expect("the tensors are well formed");
    let mut tensors: BTreeMap<String, TensorView> =
        from_base.into_iter().map(|name| (name.clone(), base.tensor(&name).expect("the base has it"))).collect();
    tensors.extend(own.tensors());
    std::fs::create_dir_all(to).expect("the folder is made");
    std::fs::copy(overlay.join("config.json"), to.join("config.json")).expect("the configuration is copied");
    let bytes = safetensors::serialize(tensors, None).expect("they are tensors");
    std::fs::write(to.join("diffusion_pytorch_model.safetensors"), bytes).expect("written");
}
