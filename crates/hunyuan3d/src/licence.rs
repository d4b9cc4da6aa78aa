//! The licence of a model, as its README states it.

use std::path::Path;

/// The value of `license_name`, else `license`, in the YAML front matter of `README.md`, the form that model hubs use.
pub(crate) fn of_model(dir: &Path) -> Option<String> {
    of_readme(&std::fs::read_to_string(dir.join("README.md")).ok()?)
}

fn of_readme(text: &str) -> Option<String> {
    let front = text.trim_start_matches('\u{feff}').strip_prefix("---")?.split("\n---").next()?;
    let value = |key: &str| {
        let line = front.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    value("license_name").or_else(|| value("license"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_licence_is_read_from_the_front_matter() {
        assert_eq!(of_readme("---\nlicense: apache-2.0\n---\n# A model").as_deref(), Some("apache-2.0"));
        let named = "---\r\nlicense: other\r\nlicense_name: \"tencent-hunyuan-community\"\r\ntags:\r\n- 3d\r\n---\r\n";
        assert_eq!(of_readme(named).as_deref(), Some("tencent-hunyuan-community"));
        assert_eq!(of_readme("# A model\n\nlicense: MIT"), None);
        assert_eq!(of_readme("---\ntitle: x\n---\nlicense: MIT"), None);
    }
}
