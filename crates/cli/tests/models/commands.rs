use std::path::Path;

use crate::{ckpt, failure, file_names, stdout, tiny_model};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn list_prints_published_and_local_models() {
    let dir = tempfile::tempdir().unwrap();
    let empty = stdout(&["list", "--models", text(dir.path())]);
    assert!(empty.contains("dit-v2-mini-turbo") && empty.contains("No models in"), "{empty}");

    tiny_model(&dir.path().join("a/tiny"));
    let broken = dir.path().join("broken");
    tiny_model(&broken);
    std::fs::write(broken.join("config.yaml"), "nonsense").unwrap();
    let here = stdout(&["list", "--models", text(dir.path())]);
    assert!(here.contains("a/tiny") && here.contains("Hunyuan3D 2.0"), "{here}");
    assert!(here.contains("configuration, file: not a mapping"), "{here}");

    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["list", "--json", "--models", text(dir.path())])).unwrap();
    let v2_0 = json["published"].as_array().unwrap().iter().find(|model| model["name"] == "dit-v2-0").unwrap();
    assert_eq!(v2_0["bytes"], 4_928_151_562u64);
    assert_eq!(json["local"][0]["sound"], true);
    assert!(json["local"][1]["error"].is_string());
}

#[test]
fn inspect_prints_text_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("tiny");
    tiny_model(&model);
    let page = stdout(&["inspect", text(&model)]);
    let digest = checkpoint::digest(&model).unwrap();
    assert!(page.contains(&digest) && page.contains("Hunyuan3D 2.0") && page.contains("F16"), "{page}");
    assert!(page.contains("names and shapes are those of the configuration"), "{page}");
    let json: serde_json::Value = serde_json::from_str(&stdout(&["inspect", "--json", text(&model)])).unwrap();
    assert_eq!(json["digest"], digest);
    assert_eq!(json["mismatch"], serde_json::Value::Null);
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["inspect", "--json", "--no-digest", text(&model)])).unwrap();
    assert_eq!(json["digest"], serde_json::Value::Null);

    let config = std::fs::read_to_string(model.join("config.yaml")).unwrap();
    std::fs::write(model.join("config.yaml"), config.replacen("width: 16", "width: 32", 1)).unwrap();
    let (code, line) = failure(&["inspect", text(&model)]);
    assert_eq!(code, 1);
    assert!(line.starts_with("orfeas: the weights are not those of the configuration: "), "{line}");
    assert!(line.contains("misshapen: vae.post_kl.weight is [16, 4], not [32, 4]"), "{line}");
}

#[test]
fn inspect_of_nothing_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let (code, line) = failure(&["inspect", text(dir.path())]);
    assert_eq!(code, 3);
    assert!(line.ends_with("no config.yaml or config.json found"), "{line}");
    let model = dir.path().join("hunyuan3d-dit-v2-0");
    tiny_model(&model);
    let (code, line) = failure(&["inspect", text(dir.path())]);
    assert_eq!(code, 3);
    assert!(line.ends_with(&format!("there are models in {}", model.display())), "{line}");
}

#[test]
fn convert_undoes_what_torch_saved() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("tiny");
    tiny_model(&model);
    let weights = model.join("model.fp16.safetensors");
    let (input, output) = (dir.path().join("model.ckpt"), dir.path().join("out.safetensors"));
    std::fs::write(&input, ckpt::from_safetensors(&weights)).unwrap();
    let said = stdout(&["convert", text(&input), text(&output)]);
    assert!(said.contains("tensors"), "{said}");
    assert!(std::fs::read(&output).unwrap() == std::fs::read(&weights).unwrap());
    let (code, line) = failure(&["convert", text(&input), text(&output)]);
    assert_eq!(code, 2);
    assert!(line.contains("exists already"), "{line}");
    stdout(&["convert", "--force", text(&input), text(&output)]);
}

#[test]
fn convert_refuses_what_is_no_model() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("model.ckpt"), dir.path().join("out.safetensors"));
    std::fs::write(&input, b"not a zip").unwrap();
    let (code, line) = failure(&["convert", text(&input), text(&output)]);
    assert_eq!(code, 1);
    assert!(line.contains("no sound zip"), "{line}");
    assert_eq!(file_names(dir.path()), ["model.ckpt"]);
}

#[test]
fn synthesize_makes_the_same_again_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    tiny_model(&one);
    tiny_model(&two);
    assert_eq!(checkpoint::digest(&one).unwrap(), checkpoint::digest(&two).unwrap());
    let config = dir.path().join("one.yaml");
    let (code, line) = failure(&["synthesize", "--config", text(&config), "-o", text(&one)]);
    assert_eq!(code, 2);
    assert!(line.contains("config.yaml exists already"), "{line}");
    stdout(&["synthesize", "--config", text(&config), "--seed", "1", "--force", "-o", text(&one)]);
    assert_ne!(checkpoint::digest(&one).unwrap(), checkpoint::digest(&two).unwrap());
    let (code, _) = failure(&["synthesize", "-o", text(&one)]);
    assert_eq!(code, 2);
}
