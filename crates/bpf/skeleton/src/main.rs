//! Writes the skeleton of an object, which stands beside it: `auditns-bpf-skeleton OBJECT SKELETON`.

use libbpf_cargo::SkeletonBuilder;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [object, skeleton] = &arguments[..] else { return Err("name an object and a skeleton".into()) };
    let object = PathBuf::from(object).canonicalize()?;
    SkeletonBuilder::new().obj(&object).reference_obj(true).generate(skeleton)?;
    // It is the same for everybody, wherever the repository lies.
    let name = object.file_name().ok_or("the object has no name")?.to_string_lossy().into_owned();
    let text = fs::read_to_string(skeleton)?;
    let here = text.replace(&format!("{:?}", object.display().to_string()), &format!("{name:?}"));
    if here == text {
        return Err("the skeleton does not name its object".into());
    }
    fs::write(skeleton, here)?;
    Ok(())
}
