//! The table of mesh file formats. A new format is a row here and a writer in `mesh::write`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// One mesh file format.
#[derive(Debug, PartialEq, Eq)]
pub struct FormatInfo {
    /// The name in requests, also the file extension without the dot.
    pub name: &'static str,
    /// The registered media type.
    pub media_type: &'static str,
    /// What the format is, for people.
    pub title: &'static str,
    /// The vocabulary level that introduced it, see [`crate::LEVEL`].
    pub since: u32,
}

/// All formats; the first is the default.
pub const FORMATS: &[FormatInfo] = &[
    FormatInfo { name: "glb", media_type: "model/gltf-binary", title: "binary glTF 2.0", since: 1 },
    FormatInfo { name: "obj", media_type: "model/obj", title: "Wavefront OBJ", since: 1 },
    FormatInfo { name: "stl", media_type: "model/stl", title: "binary STL", since: 1 },
];

/// The names of all formats, as a choice of a request parameter.
pub const FORMAT_NAMES: &[&str] = &{
    let mut names = [""; FORMATS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = FORMATS[i].name;
        i += 1;
    }
    names
};

/// The row of every format that only a newer version knows. It is read from stored records, and never requested.
const UNKNOWN: &FormatInfo =
    &FormatInfo { name: "unknown", media_type: "application/octet-stream", title: "unknown", since: u32::MAX };

/// A mesh file format: a row of [`FORMATS`]. Reading a stored record accepts every name, as the record may have been
/// written by a newer version; [`FromStr`] refuses unknown ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MeshFormat(&'static FormatInfo);

impl MeshFormat {
    /// Binary glTF 2.0.
    pub const GLB: MeshFormat = MeshFormat(&FORMATS[0]);
    /// Wavefront OBJ.
    pub const OBJ: MeshFormat = MeshFormat(&FORMATS[1]);
    /// Binary STL.
    pub const STL: MeshFormat = MeshFormat(&FORMATS[2]);

    /// The row of the table.
    pub fn info(self) -> &'static FormatInfo {
        self.0
    }

    /// The name in requests.
    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    /// The registered media type.
    pub fn media_type(self) -> &'static str {
        self.0.media_type
    }

    /// The usual file extension, without the dot.
    pub fn extension(self) -> &'static str {
        self.0.name
    }

    /// All formats.
    pub fn all() -> impl Iterator<Item = MeshFormat> {
        FORMATS.iter().map(MeshFormat)
    }
}

impl Default for MeshFormat {
    fn default() -> Self {
        Self::GLB
    }
}

impl fmt::Display for MeshFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Debug for MeshFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// A text that names no mesh format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a mesh format: use one of {}", FORMAT_NAMES.join(", "))]
pub struct UnknownFormat;

impl FromStr for MeshFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        FORMATS.iter().find(|format| format.name == text).map(MeshFormat).ok_or(UnknownFormat)
    }
}

impl Serialize for MeshFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for MeshFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(text.parse().unwrap_or(MeshFormat(UNKNOWN)))
    }
}

impl utoipa::PartialSchema for MeshFormat {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("File format of a mesh."))
            .enum_values(Some(FORMAT_NAMES.iter().copied()))
            .build()
            .into()
    }
}

impl utoipa::ToSchema for MeshFormat {
    fn name() -> Cow<'static, str> {
        "MeshFormat".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_round_trip_through_json() {
        for format in MeshFormat::all() {
            assert_eq!(FORMATS.iter().filter(|other| other.name == format.as_str()).count(), 1);
            let json = serde_json::to_string(&format).unwrap();
            assert_eq!(serde_json::from_str::<MeshFormat>(&json).unwrap(), format);
        }
        let newer: MeshFormat = serde_json::from_str("\"fbx\"").unwrap();
        assert_eq!((newer.as_str(), newer.media_type()), ("unknown", "application/octet-stream"));
        assert!("fbx".parse::<MeshFormat>().is_err() && "unknown".parse::<MeshFormat>().is_err());
        assert_eq!(MeshFormat::default().as_str(), "glb");
    }
}
