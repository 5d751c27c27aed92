//! Compiled shaders on disk, for the next process: Vulkan's pipeline cache in a file of the user's cache folder.
//!
//! Nothing here fails a program: what cannot be read is made anew, what cannot be written is left. What a file holds
//! goes to the driver, which trusts it; so it is used only if nobody else may write it, and if header, driver and
//! checksum are those that this adapter's file was written with. `CORTEN_GPU_CACHE` names another folder, or is `off`.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::device::lock;

/// The folder of the files, or `off`.
const FOLDER: &str = "CORTEN_GPU_CACHE";
const MAGIC: [u8; 8] = *b"CRTNPIPE";
const VERSION: u32 = 1;
/// Bytes of the longest file that is read or written.
const MOST: usize = 64 << 20;
/// Bytes of the longest name of a driver.
const LONGEST_KEY: usize = 1024;
/// Magic, version, length of the key, length of the data, checksum.
const HEADER: usize = 8 + 4 + 4 + 8 + 8;
/// After the last new shader it is this long until the file is written: the program is warm then.
const SETTLED: Duration = Duration::from_secs(5);

/// The pipeline cache of one device, and its file.
pub(crate) struct Cache {
    handle: wgpu::PipelineCache,
    path: PathBuf,
    key: String,
    /// Shaders that were compiled, and how many of them the file has.
    compiled: AtomicU64,
    state: Mutex<State>,
}

struct State {
    written: u64,
    /// The checksum of what is in the file.
    sum: Option<u64>,
    last: Instant,
}

impl Cache {
    /// For a device that has the feature; `None` where there is none, no folder, or it is off.
    pub(crate) fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folder(|name| std::env::var_os(name))?.join(wgpu::util::pipeline_cache_key(info)? + ".bin");
        let key = key(info);
        let data = read(&path, &key);
        // SAFETY: the data, if there is any, came from `PipelineCache::get_data` of the same driver and version of
        // Corten: `read` compares both, checks that nothing of it is missing or changed, and takes it from no file that
        // another user may write. The library compares the driver's own header besides.
        let handle = unsafe {
            device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                label: Some("corten"),
                data: data.as_deref(),
                fallback: true,
            })
        };
        let sum = data.map(|data| checksum([key.as_bytes(), &data]));
        let state = Mutex::new(State { written: 0, sum, last: Instant::now() });
        Some(Self { handle, path, key, compiled: AtomicU64::new(0), state })
    }

    pub(crate) const fn handle(&self) -> &wgpu::PipelineCache {
        &self.handle
    }

    /// Counts a shader that was compiled.
    pub(crate) fn note(&self) {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        lock(&self.state).last = Instant::now();
    }

    /// Writes the file if there are shaders that it lacks, and none came lately; gives whether it did.
    pub(crate) fn keep_when_settled(&self) -> bool {
        let compiled = self.compiled.load(Ordering::Relaxed);
        let settled = {
            let state = lock(&self.state);
            compiled > state.written && state.last.elapsed() >= SETTLED
        };
        settled && self.keep()
    }

    /// Writes the file if there are shaders that it lacks; gives whether it did.
    pub(crate) fn keep(&self) -> bool {
        let compiled = self.compiled.load(Ordering::Relaxed);
        // A thread that waits for another one here would only write the same again.
        let Ok(mut state) = self.state.try_lock() else { return false };
        if compiled <= state.written {
            return false;
        }
        // Also where it fails: it would fail again.
        state.written = compiled;
        let Some(data) = self.handle.get_data() else { return false };
        let sum = Some(checksum([self.key.as_bytes(), &data]));
        // All of it came from the file.
        if state.sum == sum {
            return false;
        }
        state.sum = sum;
        write(&self.path, &self.key, &data).is_ok()
    }
}

/// What must be the same when the data is used again.
fn key(info: &wgpu::AdapterInfo) -> String {
    let mut key = format!(
        "corten {} {:?} {}:{} {} {} {}",
        env!("CARGO_PKG_VERSION"),
        info.backend,
        info.vendor,
        info.device,
        info.name,
        info.driver,
        info.driver_info
    );
    while key.len() > LONGEST_KEY {
        key.pop();
    }
    key
}

/// Where the files are; `None` if nowhere.
fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(chosen) = given(FOLDER) {
        return (!chosen.eq_ignore_ascii_case("off")).then(|| PathBuf::from(chosen));
    }
    // The specification of XDG wants relative paths ignored.
    let absolute = |name: &str| given(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("corten").join("gpu"))
}

/// Finds what was cut off or changed by accident (FNV-1a, 64 bits).
fn checksum(parts: [&[u8]; 2]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.iter())
        .fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A file with the data.
fn pack(key: &str, data: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEADER + key.len() + data.len());
    file.extend(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend((key.len() as u32).to_le_bytes());
    file.extend((data.len() as u64).to_le_bytes());
    file.extend(checksum([key.as_bytes(), data]).to_le_bytes());
    file.extend(key.as_bytes());
    file.extend(data);
    file
}

/// The data of a file, if it is whole and has this key.
fn unpack<'a>(key: &str, file: &'a [u8]) -> Option<&'a [u8]> {
    let (header, rest) = file.split_at_checked(HEADER)?;
    let (magic, header) = header.split_at_checked(8)?;
    let (version, header) = header.split_first_chunk::<4>()?;
    let (key_length, header) = header.split_first_chunk::<4>()?;
    let (length, sum) = header.split_first_chunk::<8>()?;
    let (found, data) = rest.split_at_checked(u32::from_le_bytes(*key_length) as usize)?;
    let whole = magic == MAGIC
        && u32::from_le_bytes(*version) == VERSION
        && found == key.as_bytes()
        && u64::from_le_bytes(*length) == data.len() as u64
        && *sum == checksum([found, data]).to_le_bytes();
    whole.then_some(data)
}

/// Whether others than this user and the system's may not write to it.
#[cfg(unix)]
fn is_private(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    about.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    true
}

/// The data in a file; `None` if there is none that could be used.
fn read(path: &Path, key: &str) -> Option<Vec<u8>> {
    // No links, and nothing that is not a plain file: opening a pipe waits for ever.
    let about = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    if about.len() > MOST as u64 || !is_private(&about) {
        return None;
    }
    let mut file = Vec::new();
    File::open(path).ok()?.take(MOST as u64 + 1).read_to_end(&mut file).ok()?;
    if file.len() > MOST {
        return None;
    }
    unpack(key, &file).map(<[u8]>::to_vec)
}

/// Writes a file as a whole or not at all. One that has grown too large is removed, so that the next one begins anew.
fn write(path: &Path, key: &str, data: &[u8]) -> io::Result<()> {
    if data.len() > MOST - HEADER - LONGEST_KEY {
        return fs::remove_file(path);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    make_folder(folder)?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    // One that a process of this number left behind when it was killed.
    drop(fs::remove_file(&temporary));
    let written = write_new(&temporary, &pack(key, data)).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "corten 1 vulkan 1:2 some GPU";

    /// A folder that goes when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("corten-gpu-cache-{name}-{}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            Self(path)
        }
        fn file(&self) -> PathBuf {
            self.0.join("deeper").join("adapter.bin")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = Folder::new("round");
        for data in [&b"first"[..], b"", b"second, longer"] {
            write(&folder.file(), KEY, data).expect("written");
            assert_eq!(read(&folder.file(), KEY).as_deref(), Some(data));
        }
        let names: Vec<_> = fs::read_dir(folder.0.join("deeper")).expect("a folder").flatten().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn another_driver_starts_anew() {
        let folder = Folder::new("foreign");
        write(&folder.file(), KEY, b"data").expect("written");
        assert_eq!(read(&folder.file(), "corten 1 vulkan 1:2 some GP"), None);
        assert_eq!(read(&folder.file(), "corten 1 vulkan 1:2 some GPU!"), None);
    }

    #[test]
    fn damage_anywhere_is_found() {
        let file = pack(KEY, b"what a driver compiled");
        assert!(unpack(KEY, &file).is_some());
        for at in 0..file.len() {
            assert_eq!(unpack(KEY, &file[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut spoiled = file.clone();
                spoiled[at] ^= 1 << bit;
                assert_eq!(unpack(KEY, &spoiled), None, "bit {bit} of byte {at}");
            }
        }
        assert_eq!(unpack(KEY, &[&file[..], b"!"].concat()), None, "longer than it says");
        for length in [u32::MAX, u32::MAX / 2, file.len() as u32] {
            let mut huge = file.clone();
            huge[12..16].copy_from_slice(&length.to_le_bytes());
            assert_eq!(unpack(KEY, &huge), None);
        }
        assert_eq!(unpack(KEY, b"not one of these files, but longer than its header would be"), None);
    }

    #[test]
    fn large_files_are_neither_read_nor_kept() {
        let folder = Folder::new("large");
        write(&folder.file(), KEY, b"data").expect("written");
        let file = OpenOptions::new().write(true).open(folder.file()).expect("a file");
        file.set_len(MOST as u64 + 1).expect("longer");
        assert_eq!(read(&folder.file(), KEY), None);
        assert!(write(&folder.file(), KEY, &vec![0; MOST]).is_ok());
        assert!(!folder.file().exists(), "the next one begins anew");
    }

    #[test]
    fn what_cannot_be_written_is_an_error_and_leaves_nothing() {
        let folder = Folder::new("faults");
        fs::create_dir_all(&folder.0).expect("a folder");
        fs::write(folder.0.join("deeper"), b"a file where a folder should be").expect("written");
        assert!(write(&folder.file(), KEY, b"data").is_err());
        assert_eq!(read(&folder.file(), KEY), None);
        fs::remove_file(folder.0.join("deeper")).expect("removed");
        // A folder where the file should be.
        fs::create_dir_all(folder.file()).expect("a folder");
        assert!(write(&folder.file(), KEY, b"data").is_err());
        assert_eq!(read(&folder.file(), KEY), None);
        assert_eq!(fs::read_dir(folder.0.join("deeper")).expect("a folder").count(), 1, "the temporary file is gone");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_the_users_own() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = Folder::new("private");
        write(&folder.file(), KEY, b"data").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder.file()), mode(&folder.0)), (0o600, 0o700));
        let link = folder.0.join("link.bin");
        symlink(folder.file(), &link).expect("a link");
        assert_eq!(read(&link, KEY), None, "no links");
        write(&link, KEY, b"other").expect("in the link's place");
        assert_eq!(read(&folder.file(), KEY).as_deref(), Some(&b"data"[..]), "what it led to is as before");
        for open in [0o620, 0o602, 0o666] {
            fs::set_permissions(folder.file(), fs::Permissions::from_mode(open)).expect("changed");
            assert_eq!(read(&folder.file(), KEY), None, "others may write {open:o}");
        }
    }

    #[test]
    fn the_folder_is_found() {
        let with = |pairs: &'static [(&'static str, &'static str)]| {
            folder(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
        };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[(FOLDER, "off"), ("HOME", "/home/a")]), None);
        assert_eq!(with(&[(FOLDER, "OFF")]), None);
        assert_eq!(with(&[(FOLDER, "here"), ("HOME", "/home/a")]), Some("here".into()));
        #[cfg(not(windows))]
        {
            assert_eq!(with(&[("HOME", "/home/a")]), Some("/home/a/.cache/corten/gpu".into()));
            assert_eq!(with(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/c")]), Some("/c/corten/gpu".into()));
            assert_eq!(with(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "c")]), Some("/home/a/.cache/corten/gpu".into()));
            assert_eq!(with(&[("HOME", "/home/a"), (FOLDER, "")]), Some("/home/a/.cache/corten/gpu".into()));
        }
    }
}
