//! Starts a program with descriptors at the numbers from 3 on.

use super::placement::Placement;
use super::{COUNT_VARIABLE, PID_VARIABLE};
use rustix::io::Errno;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, PipeWriter, Read};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

/// Room for the decimal digits of a process id and the end of the text.
const PID_ROOM: usize = 12;

/// A program, with its arguments and its whole environment.
#[derive(Clone, Debug)]
pub struct Program {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    /// The program at a path, which is not looked for in `PATH`. The first argument is the name by which it is called.
    /// `LISTEN_PID` and `LISTEN_FDS` of the environment are left out: they are set when the program is started.
    ///
    /// # Errors
    /// `InvalidInput` if a text contains a zero byte.
    pub fn new(
        path: &Path,
        arguments: &[OsString],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> io::Result<Program> {
        let text = |text: &OsStr| CString::new(text.as_bytes());
        let own = |name: &OsStr| name == PID_VARIABLE || name == COUNT_VARIABLE;
        let variables = environment.into_iter().filter(|(name, _)| !own(name));
        let environment = variables.map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            text(&name)
        });
        Ok(Program {
            path: text(path.as_os_str())?,
            arguments: arguments.iter().map(|argument| text(argument)).collect::<Result<_, _>>()?,
            environment: environment.collect::<Result<_, _>>()?,
        })
    }

    /// Starts the program as a child with these descriptors and returns its process id. Signals are not blocked in it,
    /// and `SIGPIPE` has its default effect. The caller waits for the child.
    ///
    /// # Errors
    /// `InvalidInput` if there are more descriptors than [`super::MOST`], one comes twice, or one is a standard stream;
    /// those of `fork(2)` and `execve(2)`; `EMFILE` or `EBADF` if the limit on open files is too low. No process is left
    /// behind.
    pub fn spawn(&self, fds: &[BorrowedFd<'_>]) -> io::Result<u32> {
        let placement = Placement::new(fds)?;
        let mut image = Image::new(self, fds.len());
        let (mut failure, channel) = io::pipe()?;
        // SAFETY: the child makes system calls on memory prepared before the fork, and nothing else.
        let pid = unsafe { libc::fork() };
        match pid {
            0 => run_child(&placement, &mut image, &channel),
            1.. => {
                drop(channel);
                let mut errno = [0; 4];
                // The end without a word is the exec, which closes the channel.
                if failure.read_exact(&mut errno).is_err() {
                    return Ok(pid.cast_unsigned());
                }
                let child = rustix::process::Pid::from_raw(pid);
                let _ = rustix::process::waitpid(child, rustix::process::WaitOptions::empty());
                Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))
            }
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Executes the program in place of this one, with these descriptors. Blocked signals stay blocked. Returns only if
    /// that fails; everything is as before then.
    ///
    /// # Errors
    /// `Unsupported` if this process has more than one thread, or `/proc` does not say; otherwise as [`Program::spawn`].
    pub fn replace(&self, fds: &[BorrowedFd<'_>]) -> io::Error {
        match self.try_replace(fds) {
            Ok(errno) => errno.into(),
            Err(error) => error,
        }
    }

    fn try_replace(&self, fds: &[BorrowedFd<'_>]) -> io::Result<Errno> {
        // Other threads would find their descriptors exchanged.
        if std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count) != 1 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let placement = Placement::new(fds)?;
        let mut image = Image::new(self, fds.len());
        let mut followed = -1;
        placement.apply(&mut followed)?;
        let errno = image.execute();
        placement.undo(&mut followed);
        Ok(errno)
    }
}

/// What `execve` is given, complete but for the process id.
struct Image<'p> {
    program: &'p Program,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    _count: CString,
    pid: Vec<u8>,
}

impl<'p> Image<'p> {
    fn new(program: &'p Program, fds: usize) -> Image<'p> {
        let pointers = |texts: &'p [CString]| texts.iter().map(|text| text.as_ptr());
        // A number contains no zero byte.
        let count = CString::new(format!("{COUNT_VARIABLE}={fds}")).unwrap_or_default();
        let mut pid = format!("{PID_VARIABLE}=").into_bytes();
        pid.resize(pid.len() + PID_ROOM, 0);
        let arguments = pointers(&program.arguments).chain([ptr::null()]).collect();
        let mut environment: Vec<_> = pointers(&program.environment).collect();
        if fds > 0 {
            environment.extend([count.as_ptr(), pid.as_ptr().cast()]);
        }
        environment.push(ptr::null());
        Image { program, arguments, environment, _count: count, pid }
    }

    /// Executes the program; returns if that fails. Async-signal-safe.
    fn execute(&mut self) -> Errno {
        let own = rustix::process::getpid().as_raw_nonzero().get().cast_unsigned();
        write_decimal(own, self.pid.get_mut(PID_VARIABLE.len() + 1..).unwrap_or_default());
        let pid_text = self.pid.as_ptr().cast();
        // The pointer is taken again, because the text has been written to since.
        for place in self.environment.iter_mut().filter(|place| **place == pid_text) {
            *place = pid_text;
        }
        let (path, arguments) = (self.program.path.as_ptr(), self.arguments.as_ptr());
        // SAFETY: the path and both arrays, which end with a null pointer, name texts that this value or the program owns,
        // each of which ends with a zero byte.
        unsafe { libc::execve(path, arguments, self.environment.as_ptr()) };
        Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
    }
}

/// Writes a number without leading zeros, as far as there is room.
fn write_decimal(number: u32, room: &mut [u8]) {
    let powers = (0..10).rev().map(|power| 10_u32.pow(power));
    let digits = powers
        .filter(|power| number >= *power)
        .map(|power| b'0' + u8::try_from(number / power % 10).unwrap_or(0));
    for (place, digit) in room.iter_mut().zip(digits) {
        *place = digit;
    }
}

/// The child between fork and exec.
fn run_child(placement: &Placement, image: &mut Image<'_>, channel: &PipeWriter) -> ! {
    let mut channel: RawFd = channel.as_raw_fd();
    reset_signals();
    let errno = match placement.apply(&mut channel) {
        Ok(()) => image.execute(),
        Err(errno) => errno,
    };
    let bytes = errno.raw_os_error().to_ne_bytes();
    // SAFETY: writes live bytes to the channel, whose number was followed.
    unsafe { libc::write(channel, bytes.as_ptr().cast(), bytes.len()) };
    // SAFETY: ends the child at once, without the cleaning up that belongs to its parent.
    unsafe { libc::_exit(127) }
}

fn reset_signals() {
    // The Rust runtime ignores it on its own account.
    // SAFETY: the default effect runs no code of this process.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // SAFETY: a signal set is a C structure of integers, for which all zeros is a valid value.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer names a live signal set.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: the set is initialised, and no old set is asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [1, 9, 10, 4_194_304, u32::MAX] {
            let mut room = [0; PID_ROOM];
            write_decimal(number, &mut room);
            let text = std::ffi::CStr::from_bytes_until_nul(&room).unwrap();
            assert_eq!(text.to_str().unwrap(), number.to_string());
        }
    }
}
