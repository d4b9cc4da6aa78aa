//! Where results are written.

use super::options::Options;
use crate::Error;
use domain::MeshFormat;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// One picture and the files that come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// The picture to send.
    pub(super) picture: PathBuf,
    /// The mesh file.
    pub(super) mesh: PathBuf,
    /// The picture of the mesh.
    pub(super) thumbnail: Option<PathBuf>,
    /// The job's record.
    pub(super) record: Option<PathBuf>,
}

/// Decides the format and all files before anything is sent.
pub(super) fn orders(options: &Options) -> Result<(MeshFormat, Vec<Order>), Error> {
    let output = options.output.as_deref();
    let file = output.filter(|path| is_file(path));
    let named = file.and_then(Path::extension).and_then(|end| end.to_str()).and_then(|end| end.parse().ok());
    let format: MeshFormat = match (options.parameters.format, named) {
        (Some(asked), Some(named)) if asked != named => {
            let (asked, file) = (asked.extension(), output.unwrap_or(Path::new("")).display());
            return Err(Error::Usage(format!("--format {asked} does not fit the file name {file}")));
        }
        (Some(format), _) | (None, Some(format)) => format,
        (None, None) => MeshFormat::default(),
    };
    if let Some(file) = file
        && options.pictures.len() > 1
    {
        let file = file.display();
        return Err(Error::Usage(format!("several pictures cannot go into the one file {file}; name a directory")));
    }

    let mut taken = HashSet::new();
    let order = |picture: &PathBuf| {
        let mesh = match (file, output) {
            (Some(file), _) => file.to_owned(),
            (None, Some(folder)) => {
                folder.join(picture.file_name().unwrap_or_default()).with_extension(format.extension())
            }
            (None, None) => picture.with_extension(format.extension()),
        };
        if !taken.insert(mesh.clone()) {
            let mesh = mesh.display();
            return Err(Error::Usage(format!("two pictures would both be written to {mesh}; rename one")));
        }
        let mut thumbnail = mesh.with_extension("png");
        if thumbnail == *picture {
            thumbnail = mesh.with_extension("thumbnail.png");
        }
        let record = mesh.with_extension("json");
        let picture = picture.clone();
        Ok(Order {
            picture,
            mesh,
            thumbnail: options.thumbnail.then_some(thumbnail),
            record: options.json.then_some(record),
        })
    };
    Ok((format, options.pictures.iter().map(order).collect::<Result<_, _>>()?))
}

/// A path with the extension of a mesh is a file, unless there is a directory of that name.
fn is_file(path: &Path) -> bool {
    let has_extension =
        path.extension().and_then(|end| end.to_str()).is_some_and(|end| end.parse::<MeshFormat>().is_ok());
    has_extension && !path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn lines(arguments: &str) -> Result<Vec<String>, String> {
        let options = Line::try_parse_from(["generate"].into_iter().chain(arguments.split(' '))).unwrap().options;
        let (format, orders) = orders(&options).map_err(|error| {
            assert_eq!(error.code(), 2);
            error.to_string()
        })?;
        let line = |order: &Order| {
            let files = [Some(&order.mesh), order.thumbnail.as_ref(), order.record.as_ref()];
            files.into_iter().flatten().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        Ok([format.extension().to_owned()].into_iter().chain(orders.iter().map(line)).collect())
    }

    #[test]
    fn names_follow_from_the_picture_or_from_the_output() {
        assert_eq!(lines("in/a.png").unwrap(), ["glb", "in/a.glb"]);
        assert_eq!(lines("in/a.png --thumbnail --json").unwrap(), ["glb", "in/a.glb in/a.thumbnail.png in/a.json"]);
        assert_eq!(lines("in/a.jpg --thumbnail").unwrap(), ["glb", "in/a.glb in/a.png"]);
        assert_eq!(lines("a.png -o x.obj").unwrap(), ["obj", "x.obj"]);
        assert_eq!(
            lines("a.png b.png -o out --format stl --json").unwrap(),
            ["stl", "out/a.stl out/a.json", "out/b.stl out/b.json"]
        );
    }

    #[test]
    fn what_would_overwrite_itself_is_refused() {
        assert_eq!(
            lines("a.png b.png -o x.glb").unwrap_err(),
            "several pictures cannot go into the one file x.glb; name a directory"
        );
        assert_eq!(
            lines("a.png in/a.jpg -o out").unwrap_err(),
            "two pictures would both be written to out/a.glb; rename one"
        );
        assert_eq!(lines("a.png -o x.glb --format stl").unwrap_err(), "--format stl does not fit the file name x.glb");
    }
}
