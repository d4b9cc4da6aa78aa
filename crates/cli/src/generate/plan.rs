//! Which images make which files: decided, and checked as far as possible, before anything is sent.

use super::options::Options;
use crate::Error;
use anyhow::Context;
use domain::{MeshFormat, View};
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Standard input as an image, standard output as a mesh.
const STANDARD: &str = "-";

/// The largest image file that is read; servers accept less.
const MAX_IMAGE_BYTES: u64 = 64 << 20;

/// An image of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// The side of the object that it shows.
    pub(super) view: View,
    /// The file, or `-` for standard input.
    pub(super) path: PathBuf,
}

impl Image {
    /// The file's bytes.
    pub(super) fn read(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let source: Box<dyn Read> = if self.is_stdin() {
            Box::new(io::stdin())
        } else {
            Box::new(fs::File::open(&self.path).with_context(|| self.name())?)
        };
        source.take(MAX_IMAGE_BYTES + 1).read_to_end(&mut bytes).with_context(|| self.name())?;
        match bytes.len() as u64 {
            0 => Err(Error::Usage(format!("{} is empty", self.name()))),
            length if length > MAX_IMAGE_BYTES => {
                Err(Error::Usage(format!("{} is larger than {} MiB", self.name(), MAX_IMAGE_BYTES >> 20)))
            }
            _ => Ok(bytes),
        }
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        if self.is_stdin() { "standard input".to_owned() } else { self.path.display().to_string() }
    }

    fn is_stdin(&self) -> bool {
        self.path == Path::new(STANDARD)
    }
}

/// One job and the files that it is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// The images of the object.
    pub(super) images: Vec<Image>,
    /// The mesh file; `None` is standard output.
    pub(super) mesh: Option<PathBuf>,
    /// The shaded image of the mesh.
    pub(super) thumbnail: Option<PathBuf>,
    /// The job's record.
    pub(super) record: Option<PathBuf>,
}

impl Task {
    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        self.images.iter().map(Image::name).collect::<Vec<_>>().join(", ")
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.mesh, &self.thumbnail, &self.record].into_iter().flatten()
    }
}

/// Where meshes go.
enum Output {
    Beside,
    Standard,
    File(PathBuf),
    Folder(PathBuf),
}

/// The format and all tasks.
///
/// # Errors
/// [`Error::Usage`] for images that are not there and outputs that make no sense.
pub(super) fn plan(options: &Options) -> Result<(MeshFormat, Vec<Task>), Error> {
    let usage = |line: String| Err(Error::Usage(line));
    let (output, named) = output(options.output.as_deref())?;
    let format = match (options.parameters.format(), named) {
        (Some(asked), Some(named)) if asked != named => {
            let file = options.output.as_deref().unwrap_or(Path::new("")).display();
            return usage(format!("--format {asked} does not fit the file name {file}"));
        }
        (asked, named) => asked.or(named).unwrap_or_default(),
    };
    let jobs = jobs(options);
    let mut stdins = jobs.iter().flatten().filter(|image| image.is_stdin());
    if stdins.next().is_some() && stdins.next().is_some() {
        return usage("standard input (-) can be only one image".to_owned());
    }
    jobs.iter().flatten().try_for_each(check_image)?;
    match &output {
        Output::File(file) if jobs.len() > 1 => {
            let file = file.display();
            return usage(format!("several images cannot go into the one file {file}; name a directory"));
        }
        Output::Standard if jobs.len() > 1 => return usage("standard output takes only one mesh".to_owned()),
        Output::Standard if options.thumbnail || options.json => {
            return usage("with -o - there is no name for --thumbnail and --json; name a file".to_owned());
        }
        Output::Standard if io::stdout().is_terminal() => {
            return usage("standard output is a terminal; redirect it, or name a file with -o".to_owned());
        }
        Output::Beside if jobs.iter().flatten().any(Image::is_stdin) => {
            return usage(
                "an image from standard input has no name: give -o FILE, or -o - for standard output".to_owned(),
            );
        }
        _ => {}
    }
    let tasks: Vec<Task> = jobs.into_iter().map(|images| task(images, &output, format, options)).collect();
    check_outputs(&tasks)?;
    Ok((format, tasks))
}

/// The images of each job: one job for each image, or one for all views.
fn jobs(options: &Options) -> Vec<Vec<Image>> {
    let views = options.views.given();
    match views.is_empty() {
        false => vec![views.into_iter().map(|(view, path)| Image { view, path }).collect()],
        true => options.images.iter().map(|path| vec![Image { view: View::Front, path: path.clone() }]).collect(),
    }
}

fn check_image(image: &Image) -> Result<(), Error> {
    let path = image.path.display();
    match fs::metadata(&image.path) {
        _ if image.is_stdin() => Ok(()),
        Ok(metadata) if metadata.is_dir() => {
            Err(Error::Usage(format!("{path} is a folder; name the images in it, such as {path}/*.png")))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Usage(format!("there is no image {path}"))),
        Err(error) => Err(Error::Usage(format!("{path}: {error}"))),
    }
}

/// What `--output` means: `-` is standard output; a name with a mesh extension in any case is a file; a folder, a name
/// that ends with a slash and a name without extension are folders. Anything else is a mistake.
fn output(path: Option<&Path>) -> Result<(Output, Option<MeshFormat>), Error> {
    let Some(path) = path else { return Ok((Output::Beside, None)) };
    let shown = path.display();
    let usage = |line: String| Err(Error::Usage(line));
    if path.as_os_str().is_empty() {
        return usage("-o has an empty name".to_owned());
    }
    if [STANDARD, "/dev/stdout", "/dev/fd/1"].iter().any(|name| path == Path::new(name)) {
        return Ok((Output::Standard, None));
    }
    let there: Option<Metadata> = fs::metadata(path.as_os_str().to_string_lossy().trim_end_matches('/')).ok();
    let is_folder_name = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    match &there {
        _ if path == Path::new("/") => return Ok((Output::Folder(path.to_owned()), None)),
        Some(there) if there.is_dir() => return Ok((Output::Folder(path.to_owned()), None)),
        Some(_) if is_folder_name => return usage(format!("{shown} is a file, not a folder")),
        _ if is_folder_name => return Ok((Output::Folder(path.to_owned()), None)),
        _ => {}
    }
    let name = path.file_name().unwrap_or_default();
    let formats = domain::FORMAT_NAMES.join(", ");
    let hidden = name.to_str().and_then(|name| name.strip_prefix('.')).and_then(known);
    if hidden.is_some() {
        return usage(format!("{shown} has only an extension; put a name before it"));
    }
    match (path.extension(), &there) {
        (Some(extension), _) => match extension.to_str().and_then(known) {
            Some(format) => Ok((Output::File(path.to_owned()), Some(format))),
            None => usage(format!(
                "-o {shown}: its extension is none of {formats} (for a folder of that name, end it with a slash)"
            )),
        },
        (None, Some(there)) if there.is_file() => {
            usage(format!("{shown} is a file without an extension; end the name with one of {formats}"))
        }
        // A device or a pipe, such as /dev/stdout.
        (None, Some(_)) => Ok((Output::File(path.to_owned()), None)),
        (None, None) if name.is_empty() => usage(format!("{shown} is neither a file nor a folder")),
        (None, None) => Ok((Output::Folder(path.to_owned()), None)),
    }
}

fn known(extension: &str) -> Option<MeshFormat> {
    extension.to_ascii_lowercase().parse().ok()
}

fn task(images: Vec<Image>, output: &Output, format: MeshFormat, options: &Options) -> Task {
    let image = images.first().map(|image| image.path.clone()).unwrap_or_default();
    let name = if image == Path::new(STANDARD) { Path::new("picture") } else { image.as_path() };
    let mesh = match output {
        Output::Standard => return Task { images, mesh: None, thumbnail: None, record: None },
        Output::File(file) => file.clone(),
        Output::Folder(folder) => folder.join(name.file_name().unwrap_or_default()).with_extension(format.extension()),
        Output::Beside => name.with_extension(format.extension()),
    };
    let mut thumbnail = mesh.with_extension("png");
    if images.iter().any(|image| image.path == thumbnail) {
        thumbnail = mesh.with_extension("thumbnail.png");
    }
    let record = mesh.with_extension("json");
    Task {
        images,
        mesh: Some(mesh),
        thumbnail: options.thumbnail.then_some(thumbnail),
        record: options.json.then_some(record),
    }
}

/// No file is written twice or over a folder or an image, and every folder can be made.
fn check_outputs(tasks: &[Task]) -> Result<(), Error> {
    let images: HashSet<&PathBuf> = tasks.iter().flat_map(|task| &task.images).map(|image| &image.path).collect();
    let mut taken = HashSet::new();
    for file in tasks.iter().flat_map(Task::files) {
        let shown = file.display();
        if !taken.insert(file) {
            return Err(Error::Usage(format!("two images would both be written to {shown}; rename one")));
        }
        if images.contains(file) {
            return Err(Error::Usage(format!("{shown} would be written over an image; choose another name")));
        }
        if file.is_dir() {
            return Err(Error::Usage(format!("{shown} is a folder; choose another name")));
        }
    }
    Ok(())
}

/// Makes the folders of all files, so that a path that cannot be written is found before a job is submitted.
///
/// # Errors
/// A folder that cannot be made.
pub(super) fn make_folders(tasks: &[Task]) -> Result<(), Error> {
    for folder in tasks.iter().flat_map(Task::files).filter_map(|file| file.parent()) {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
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

    /// A folder with some images, `folder.glb/`, a file `plain` and a file `file.glb`.
    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("in/folder")).unwrap();
        fs::create_dir(place.path().join("folder.glb")).unwrap();
        for file in ["a.png", "b.png", "a.jpg", "in/a.png", "in/a.jpg", "plain", "file.glb"] {
            fs::write(place.path().join(file), "x").unwrap();
        }
        place
    }

    /// The format and files for arguments in which `@` stands for the folder.
    fn files(arguments: &str) -> Result<Vec<String>, String> {
        let place = place();
        let root = format!("{}/", place.path().display());
        let arguments = arguments.replace('@', &root);
        let options = Line::try_parse_from(["generate"].into_iter().chain(arguments.split(' '))).unwrap().options;
        let (format, tasks) = plan(&options).map_err(|error| {
            assert_eq!(error.code(), 2);
            error.to_string().replace(&root, "@")
        })?;
        let line = |task: &Task| {
            task.files().map(|path| path.display().to_string().replace(&root, "@")).collect::<Vec<_>>().join(" ")
        };
        Ok([format.to_string()].into_iter().chain(tasks.iter().map(line)).collect())
    }

    #[test]
    fn names_follow_from_the_image_or_from_the_output() {
        for (arguments, expected) in [
            ("@in/a.png", &["glb", "@in/a.glb"][..]),
            ("@in/a.png --thumbnail --json", &["glb", "@in/a.glb @in/a.thumbnail.png @in/a.json"]),
            ("@a.jpg --thumbnail -o @out/", &["glb", "@out/a.glb @out/a.png"]),
            ("@a.png -o @x.obj", &["obj", "@x.obj"]),
            ("@a.png -o @MUG.GLB", &["glb", "@MUG.GLB"]),
            ("@a.png -o @mug.Stl", &["stl", "@mug.Stl"]),
            ("@a.png -o @z.GLB --format glb", &["glb", "@z.GLB"]),
            ("@a.png -o @file.glb", &["glb", "@file.glb"]),
            ("@a.png -o @folder.glb", &["glb", "@folder.glb/a.glb"]),
            ("@a.png -o @mug.obj/", &["glb", "@mug.obj/a.glb"]),
            ("@a.png -o @in", &["glb", "@in/a.glb"]),
            ("@a.png -o @new", &["glb", "@new/a.glb"]),
            ("@a.png -o /dev/null", &["glb", "/dev/null"]),
            ("- -o @x.stl", &["stl", "@x.stl"]),
            ("- -o @out/", &["glb", "@out/picture.glb"]),
            ("--front @a.png --left @b.png -o @x.glb", &["glb", "@x.glb"]),
            ("@a.png @b.png -o @out --format stl --json", &["stl", "@out/a.stl @out/a.json", "@out/b.stl @out/b.json"]),
        ] {
            assert_eq!(files(arguments).unwrap(), expected, "{arguments}");
        }
    }

    #[test]
    fn mistakes_are_found_before_anything_is_sent() {
        for (arguments, part) in [
            ("@a.png @b.png -o @x.glb", "several images cannot go into the one file @x.glb; name a directory"),
            ("@a.png @in/a.jpg -o @out", "two images would both be written to @out/a.glb; rename one"),
            ("@a.png -o @x.glb --format stl", "--format stl does not fit the file name @x.glb"),
            ("@a.png -o @z.GLB --format stl", "--format stl does not fit the file name @z.GLB"),
            ("@a.png -o @mug.fbx", "-o @mug.fbx: its extension is none of glb, obj, stl"),
            ("@a.png -o @mug.glb.tmp", "extension is none of"),
            ("@a.png -o @mug.glb.", "extension is none of"),
            ("@a.png -o @mug.gltf", "extension is none of"),
            ("@a.png -o @mug.ply --format glb", "extension is none of"),
            ("@a.png -o @.glb", "has only an extension"),
            ("@a.png -o @.OBJ", "has only an extension"),
            ("@a.png -o @plain", "is a file without an extension"),
            ("@a.png -o @file.glb/", "is a file, not a folder"),
            ("@a.png @b.png -o -", "only one mesh"),
            ("@a.png -o - --json", "no name for"),
            ("-", "standard input has no name"),
            ("- - -o @out/", "only one image"),
            ("@in", "@in is a folder; name the images in it, such as @in/*.png"),
            ("@nowhere.png", "there is no image @nowhere.png"),
            ("@plain/x.png", "@plain/x.png: "),
        ] {
            let error = files(arguments).unwrap_err();
            assert!(error.contains(part), "{arguments}: {error}");
        }
    }
}
